"""Audio-visual classification for `mmlib.experiments.execution`: its data, model, task and protocols."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import nn

from mmlib.data.loading import BatchLoader, MultimodalDataset, load_data
from mmlib.experiments.building import attached_modulation, optimizer_and_schedule
from mmlib.experiments.classification.forcing import build_forcing, measure_correlation
from mmlib.experiments.classification.model import build_model
from mmlib.experiments.classification.parameters import Parameters
from mmlib.experiments.classification.task import Classification
from mmlib.experiments.execution import Conclusion, DataFacts, Experiment, Setup
from mmlib.training import Group, Outcome, Protocol


class ClassificationExperiment(Experiment):
    """One run of Table 1's kind."""

    module = "mmlib.experiments.classification"
    metrics = ("top1", "map", "macro_f1", "top1_audio", "top1_visual", "loss")
    protocols = {
        "paper": Protocol("paper", "epoch with the highest top-1 on test, as upstream code selects", "test", "top1"),
        "clean": Protocol(
            "clean", "epoch with the highest top-1 on validation; test at that epoch", "validation", "top1"
        ),
        "last": Protocol("last", "last epoch"),
    }

    def setup(self, parameters: Parameters, device: torch.device, group: Group) -> Setup:
        data = {split: rows for split, rows in load_data(parameters.located()).items() if len(rows)}
        model = build_model(parameters, data["train"].input_shapes, len(data["train"].classes)).to(device)
        return setup_training(parameters, model, data, device, group)

    def arrays(self, setup: Setup, outcome: Outcome) -> dict[str, np.ndarray]:
        """`test_targets` (N,) and, where the data know it, which modality of a test sample is informative (N,)."""
        test = setup.data["test"]
        arrays = {"test_targets": test.targets}
        for name in ("audio_informative", "visual_informative"):
            if name in test.prepared.index:
                arrays[f"test_{name}"] = test.column(name).astype(bool)
        return arrays

    def conclude(self, parameters: Parameters, setup: Setup, outcome: Outcome, device: torch.device) -> Conclusion:
        """Correlation achieved and held out, where one was forced or is asked for."""
        return measure_correlation(parameters, setup, outcome)


def setup_training(
    parameters: Parameters,
    model: nn.Module,
    data: Mapping[str, MultimodalDataset],
    device: torch.device,
    group: Group,
) -> Setup:
    """Loaders, optimiser and modulation for a model that is on its device."""
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
    optimizer, scheduler = optimizer_and_schedule(parameters, model)
    groups = model.modality_parameters()
    options = {"tensors": parameters.modulated_tensors}
    prepared = data["test"].prepared
    return Setup(
        model=model,
        task=Classification(
            model,
            parameters.zeta_ratio,
            build_forcing(parameters, model, data, device, group),
            unimodal_weight=parameters.unimodal_weight,
        ),
        loaders=loaders,
        optimizer=optimizer,
        scheduler=scheduler,
        modulations=[attached_modulation(parameters, groups, optimizer, seed=parameters.seed, **options)],
        keep_weights_of="clean" if "validation" in data else "paper",
        facts=DataFacts(
            manifest_hash=prepared.manifest_hash,
            splits={split: len(rows) for split, rows in data.items()},
            coverage={split: len(np.unique(rows.targets)) for split, rows in data.items()},
            origin=prepared.origin,
        ),
        data=data,
    )
