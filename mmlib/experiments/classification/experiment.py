"""One run of audio-visual classification: data, model, training, and the files the runner collects.

Writes into the output folder `history.jsonl`, `progress.json` and `checkpoint.pt` while it trains; then `arrays.npz`,
`model.safetensors` (weights of the epoch that `clean` chose, or `paper` without a validation split) and, last,
`result.json`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import nn

from mmlib.data.loading import BatchLoader, MultimodalDataset, load_data
from mmlib.errors import ParameterError
from mmlib.experiments import measure
from mmlib.experiments.classification.model import build_model, build_training
from mmlib.experiments.classification.parameters import Parameters
from mmlib.experiments.classification.task import Classification
from mmlib.experiments.finished import FinishedRun
from mmlib.files import atomic_path, dump_json
from mmlib.training import Group, Outcome, Protocol, Trainer, TrainingSettings, process_group
from mmlib.training.determinism import deterministic_algorithms, seed_everything
from mmlib.workbook.record import Result, Selection, run_id_of, write_result

MODULE = "mmlib.experiments.classification"
METRICS = ("top1", "map", "macro_f1", "top1_audio", "top1_visual", "loss")
NO_VALIDATION = "not available: there is no validation split (validation_fraction = 0)"
PROTOCOLS = {
    "paper": Protocol("paper", "epoch with the highest top-1 on test, as upstream code selects", "test", "top1"),
    "clean": Protocol("clean", "epoch with the highest top-1 on validation; test at that epoch", "validation", "top1"),
    "last": Protocol("last", "last epoch"),
}


def run(parameters: Parameters) -> FinishedRun:
    """Train and evaluate once, resuming an interrupted run of the same parameters; returns the result.

    Raises `BlockedError` (no GPU, data missing), `ParameterError`, `NonFiniteLossError`, `OutputsError`.
    """
    started = time.perf_counter()
    device = measure.pick_device(parameters.device)
    if parameters.precision == "fp16" and device.type != "cuda":
        raise ParameterError("precision = 'fp16' needs a CUDA device, and there is none; use 'fp32' or 'bf16'")
    folder = parameters.output_folder()
    with process_group(device.type) as group, deterministic_algorithms(parameters.deterministic):
        device = measure.pick_device(parameters.device)  # of this process, now that it is known which it is
        seed_everything(parameters.seed)
        data = {split: rows for split, rows in load_data(parameters.located()).items() if len(rows)}
        model = build_model(parameters, data["train"].input_shapes, len(data["train"].classes)).to(device)
        outcome = train(parameters, model, data, folder, device, group)
        if not group.first:
            return FinishedRun.at(folder, Result(parameters=parameters.model_dump(mode="json"), metrics={}))
        result = describe(parameters, model, data, outcome, folder, device)
        result.wall_s = round(time.perf_counter() - started + outcome.seconds_before, 3)
        write_arrays(folder, data["test"], outcome)
        write_weights(folder, outcome)
        write_result(folder, result)
        return FinishedRun.at(folder, result)


def train(
    parameters: Parameters,
    model: nn.Module,
    data: Mapping[str, MultimodalDataset],
    folder: Path,
    device: torch.device,
    group: Group,
) -> Outcome:
    """Build loaders, optimiser and modulation, and fit."""
    loaders = {
        split: BatchLoader(
            rows,
            batch_size=parameters.batch_size if split == "train" else max(parameters.batch_size, 128),
            shuffle=split == "train",
            seed=parameters.seed,
            workers=parameters.loader_workers,
            rank=group.rank,
            world_size=group.size,
            pin_memory=device.type == "cuda",
        )
        for split, rows in data.items()
    }
    optimizer, scheduler, modulation = build_training(parameters, model)
    data_hash = data["train"].prepared.manifest_hash
    trainer = Trainer(
        model,
        Classification(model, parameters.zeta_ratio),
        loaders=loaders,
        optimizer=optimizer,
        scheduler=scheduler,
        modulations=[modulation],
        protocols=[protocol for protocol in PROTOCOLS.values() if protocol.split in (None, *data)],
        keep_weights_of="clean" if "validation" in data else "paper",
        group=group,
        settings=TrainingSettings(
            epochs=parameters.epochs,
            device=device,
            precision=parameters.precision,
            channels_last=parameters.channels_last,
            folder=folder,
            fingerprint=measure.fingerprint(parameters, MODULE, folder, data_hash, device, group.size),
        ),
    )
    return trainer.fit()


def describe(
    parameters: Parameters,
    model: nn.Module,
    data: Mapping[str, MultimodalDataset],
    outcome: Outcome,
    folder: Path,
    device: torch.device,
) -> Result:
    """The record's contents: every protocol's test metrics, the rule and the epoch, and what the run took."""
    metrics: dict[str, float | None] = {}
    selection = {}
    for name, protocol in PROTOCOLS.items():
        known = name in outcome.selector.chosen
        found = outcome.selector.result(name)["test"].metrics if known else {}
        metrics |= {f"{name}/{metric}": found.get(metric) for metric in METRICS}
        epoch = outcome.selector.epoch_of(name) if known else None
        selection[name] = Selection(rule=protocol.rule if known else NO_VALIDATION, epoch=epoch)
    notes = [f"{torch.get_num_threads()} torch thread(s)"]
    if outcome.resumed_at is not None:
        notes.append(f"resumed at epoch {outcome.resumed_at}")
    return Result(
        run_id=run_id_of(folder),
        parameters=parameters.model_dump(mode="json"),
        metrics=metrics,
        selection=selection,
        seed=parameters.seed,
        splits={split: len(rows) for split, rows in data.items()},
        data_origin=data["test"].prepared.origin,
        coverage={split: len(np.unique(rows.targets)) for split, rows in data.items()},
        parameter_count=sum(parameter.numel() for parameter in model.parameters()),
        epochs_run=len(outcome.history),
        peak_memory_mb=measure.peak_memory_mb(),
        peak_gpu_memory_mb=measure.peak_gpu_memory_mb(device),
        device=measure.describe_device(device),
        versions=measure.versions(),
        notes=notes,
    )


def write_arrays(folder: Path, test: MultimodalDataset, outcome: Outcome) -> None:
    """`arrays.npz`: values of every step, (steps,); then of the test split, once `test_*` and once per protocol.

    A protocol's arrays (`paper_logits` (N, K), `paper_confusion` (K, K), and with ζ `paper_zeta_mean` (C,),
    `paper_zeta_variance` (C,), `paper_zeta_histogram` (50,)) are those of the epoch it chose.
    """
    arrays = {name.replace("/", "_"): values for name, values in outcome.traces.items()}
    arrays["test_targets"] = test.targets
    for name in ("audio_informative", "visual_informative"):
        if name in test.prepared.index:
            arrays[f"test_{name}"] = test.column(name).astype(bool)
    for protocol in outcome.selector.chosen:
        for name, values in outcome.selector.result(protocol)["test"].arrays.items():
            if name not in ("targets", "index"):  # rows are in the split's own order
                arrays[f"{protocol}_{name}"] = values
    with atomic_path(folder / "arrays.npz") as path, open(path, "wb") as stream:
        np.savez(stream, **arrays)


def write_weights(folder: Path, outcome: Outcome) -> None:
    """`model.safetensors`: the weights of the selected epoch, with the protocol and the epoch in its metadata."""
    from safetensors.torch import save

    name = outcome.selector.keep_weights_of
    # One entry: safetensors writes several in random order, and equal runs are to give equal files.
    selection = dump_json({"protocol": name, "epoch": outcome.selector.epoch_of(name)}, indent=None)
    weights = {key: value.contiguous() for key, value in outcome.selector.weights.items()}
    with atomic_path(folder / "model.safetensors") as path:
        path.write_bytes(save(weights, metadata={"selection": selection}))
