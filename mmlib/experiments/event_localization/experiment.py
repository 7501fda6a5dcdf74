"""Event localisation for `mmlib.experiments.execution`: its data, model, task and protocols."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from mmlib.data.ave import load_segments
from mmlib.data.loading import BatchLoader, MultimodalDataset
from mmlib.experiments.building import attached_modulation, optimizer_and_schedule
from mmlib.experiments.event_localization.model import build_model, limited, modulated_groups
from mmlib.experiments.event_localization.parameters import Parameters
from mmlib.experiments.event_localization.task import Localisation
from mmlib.experiments.event_localization.warm_start import take_over
from mmlib.experiments.execution import Conclusion, DataFacts, Experiment, Setup
from mmlib.metrics.localisation import accuracy_interval
from mmlib.training import Group, Outcome, Protocol

LARGEST_EVALUATION = 64  # clips evaluated at a time: a published map is 1 MB per clip


class EventLocalization(Experiment):
    """One run of Table 2's kind."""

    module = "mmlib.experiments.event_localization"
    metrics = (
        "accuracy",
        "accuracy_disjoint",
        "accuracy_audio",
        "accuracy_visual",
        "class_accuracy",
        "foreground_accuracy",
        "background_recall",
        "background_precision",
        "eventness_f1",
        "event_f1_30",
        "event_f1",
        "event_f1_70",
        "event_f1_macro",
        "event_iou",
        "onset_error",
        "offset_error",
        "clip_category",
        "loss",
    )
    protocols = {
        "paper": Protocol(
            "paper", "epoch with the highest segment accuracy on test, as PSP's code", "test", "accuracy"
        ),
        "clean": Protocol(
            "clean",
            "epoch with the highest segment accuracy on validation, as AVGA's code; test at that epoch",
            "validation",
            "accuracy",
        ),
        "last": Protocol("last", "last epoch"),
    }

    def setup(self, parameters: Parameters, device: torch.device, group: Group) -> Setup:
        data = load_segments(parameters.located())
        train = data["train"]
        model = build_model(parameters, train.input_shapes, len(train.classes))
        notes = [take_over(model, parameters.init)] if parameters.init else []
        model = model.to(device)
        optimizer, scheduler = optimizer_and_schedule(parameters, model)
        groups = modulated_groups(parameters, model)
        options = {"tensors": "matrices", "apply_to": parameters.apply_to}
        prepared = data["test"].prepared
        return Setup(
            model=model,
            task=Localisation(model, parameters, len(train.classes)),
            loaders=loaders_of(parameters, data, device, group),
            optimizer=optimizer,
            scheduler=limited(parameters, optimizer, scheduler),
            modulations=[attached_modulation(parameters, groups, optimizer, seed=parameters.seed, **options)],
            facts=DataFacts(
                manifest_hash=prepared.manifest_hash,
                splits={split: len(rows) for split, rows in data.items()},
                coverage={split: len(np.unique(rows.targets)) for split, rows in data.items()},
                origin=prepared.origin,
            ),
            data=data,
            notes=notes,
        )

    def arrays(self, setup: Setup, outcome: Outcome) -> dict[str, np.ndarray]:
        """`test_targets` (N, T)."""
        return {"test_targets": setup.data["test"].targets}

    def conclude(self, parameters: Any, setup: Setup, outcome: Outcome, device: torch.device) -> Conclusion:
        """95 % intervals of every protocol's accuracy over the test clips (1000 resamples of whole clips)."""
        metrics = {}
        for name in outcome.selector.chosen:
            arrays = outcome.selector.result(name)["test"].arrays
            interval = accuracy_interval(arrays["predicted"], arrays["targets"])
            metrics |= {f"{name}/accuracy_low": interval.low, f"{name}/accuracy_high": interval.high}
        return Conclusion(metrics=metrics)


def loaders_of(
    parameters: Parameters, data: Mapping[str, MultimodalDataset], device: torch.device, group: Group
) -> dict[str, BatchLoader]:
    """A loader per split; only training may be shuffled or lose its last batch."""
    loaders = {}
    for split, rows in data.items():
        train = split == "train"
        loaders[split] = BatchLoader(
            rows,
            batch_size=parameters.batch_size if train else LARGEST_EVALUATION,
            shuffle=train and parameters.order == "shuffle",
            seed=parameters.seed,
            drop_last=train and parameters.drop_last,
            workers=parameters.loader_workers,
            rank=group.rank,
            world_size=group.size,
            pin_memory=device.type == "cuda",
        )
    return loaders
