"""What a finished run leaves in its folder: the record's contents, arrays and weights, made from what training gave."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from mmlib.experiments import provenance
from mmlib.experiments.settings import RecipeSettings
from mmlib.files import atomic_path, dump_json, sha256_bytes
from mmlib.record import DataOrigin, Result, Selection, StageResult
from mmlib.seal import WEIGHTS, FileStamp, stamp
from mmlib.training import Outcome, StageOutcome

if TYPE_CHECKING:
    from mmlib.experiments.base import Conclusion, Experiment, Setup


def describe(
    experiment: Experiment,
    parameters: RecipeSettings,
    outcome: Outcome,
    conclusion: Conclusion,
    device: torch.device,
) -> Result:
    """The record's contents: every protocol's metrics, the rule and the epoch, and what the run took."""
    of_stages = dict.fromkeys(note for stage in outcome.stages for note in stage.facts["notes"])
    notes = [f"{torch.get_num_threads()} torch thread(s)", *of_stages, *conclusion.notes]
    if outcome.resumed_at is not None:
        notes.append(f"resumed at epoch {outcome.resumed_at}")
    stages = [describe_stage(experiment, stage, outcome) for stage in outcome.stages]
    last = stages[-1]
    # A run is what its least genuine stage is: pre-training on a stand-in makes a rehearsal of the whole.
    origins = [origin for origin in ("stand-in", "generated", "recorded") if origin in _origins(outcome)]
    return Result(
        parameters=parameters.model_dump(mode="json"),
        metrics=last.metrics | conclusion.metrics,
        selection=last.selection,
        seed=parameters.seed,
        splits=last.splits,
        data_origin=origins[0] if origins else None,
        coverage=last.coverage,
        parameter_count=last.parameter_count,
        epochs_run=len(outcome.history),
        peak_memory_mb=provenance.peak_memory_mb(),
        peak_gpu_memory_mb=provenance.peak_gpu_memory_mb(device),
        device=provenance.describe_device(device),
        versions=provenance.versions(),
        notes=notes,
        stages=stages,
    )


def _origins(outcome: Outcome) -> set[DataOrigin | None]:
    return {stage.facts["origin"] for stage in outcome.stages}


def describe_stage(experiment: Experiment, stage: StageOutcome, outcome: Outcome) -> StageResult:
    """Every protocol's metrics at the epoch it chose in this stage, and what the stage took."""
    seconds = [entry["seconds"] for entry in outcome.history if entry["stage"] == stage.name]
    metrics: dict[str, float | None] = {}
    selection = {}
    for name, rule in stage.facts["rules"].items():
        known = name in stage.selector.chosen
        found = experiment.reported(stage.selector.result(name)).metrics if known else {}
        metrics |= {f"{name}/{metric}": found.get(metric) for metric in stage.facts["metrics"]}
        epoch = stage.selector.epoch_of(name) if known else None
        none = f"not available: none of the {stage.epochs} epochs is a candidate ({rule})"
        why = none if name in stage.facts["tried"] else experiment.unavailable
        selection[name] = Selection(rule=rule if known else why, epoch=epoch)
    return StageResult(
        name=stage.name,
        first_epoch=stage.first_epoch,
        epochs=stage.epochs,
        metrics=metrics,
        selection=selection,
        splits=stage.facts["splits"],
        coverage=stage.facts["coverage"],
        parameter_count=stage.facts["parameter_count"],
        wall_s=round(sum(seconds), 3),
    )


def gather_arrays(experiment: Experiment, setup: Setup, outcome: Outcome) -> dict[str, np.ndarray]:
    """Values of every step, (steps,); the experiment's own; and once per protocol those of the epoch it chose.

    A protocol's arrays carry its name (`paper_confusion`); rows are in the split's own order.
    """
    arrays = {name.replace("/", "_"): values for name, values in outcome.traces.items()}
    arrays |= experiment.arrays(setup, outcome)
    for protocol in outcome.selector.chosen:
        for name, values in experiment.reported(outcome.selector.result(protocol)).arrays.items():
            if name not in ("targets", "index"):
                arrays[f"{protocol}_{name}"] = values
    return arrays


def write_arrays(folder: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """`arrays.npz`, atomically."""
    with atomic_path(folder / "arrays.npz") as path, open(path, "wb") as stream:
        np.savez(stream, **arrays)


def write_weights(folder: Path, outcome: Outcome) -> FileStamp:
    """`model.safetensors`: the weights of the selected epoch, with the protocol and the epoch in its metadata.

    Returns its stamp, made while all of it is in memory.
    """
    from safetensors.torch import save

    name = outcome.selector.keep_weights_of
    # One entry: safetensors writes several in random order, and equal runs are to give equal files.
    selection = dump_json({"protocol": name, "epoch": outcome.selector.epoch_of(name)}, indent=None)
    weights = {key: value.contiguous() for key, value in outcome.selector.weights.items()}
    content = save(weights, metadata={"selection": selection})
    with atomic_path(folder / WEIGHTS) as path:
        path.write_bytes(content)
    return stamp(folder / WEIGHTS, sha256_bytes(content))
