"""Event localisation for `mmlib.experiments.base`: its data, model, task and protocols."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from mmlib.data.ave import load_segments
from mmlib.experiments.base import Conclusion, DataFacts, Experiment, Setup, execute
from mmlib.experiments.building import build_setup
from mmlib.experiments.event_localization.model import ENCODERS, build_model, modulated_groups
from mmlib.experiments.event_localization.parameters import Parameters
from mmlib.experiments.event_localization.task import Localisation
from mmlib.experiments.finished import FinishedRun
from mmlib.experiments.loaders import build_loaders
from mmlib.experiments.protocols import by_name, clean, paper
from mmlib.experiments.warm_start import warm_start
from mmlib.metrics.localisation import accuracy_interval
from mmlib.training import Carried, Group, Outcome
from mmlib.training.carry import load_matching

LARGEST_EVALUATION = 64  # clips evaluated at a time: a published map is 1 MB per clip
# What training starts from, of a finished run (`init`) or of the stage before, and what to do where it does not fit.
WARM_START = {
    "parts": "attention and LSTMs",
    "absent": "Give a run of the same network family (network, supervision).",
    "unfit": "Give a run with the same data, hidden, attention_width and audio_bias_axis.",
}
# The network that is trained first with `pretrain_epochs`.
PLAIN = {"network": "avga", "fusion": "concat", "simam2": False, "zeta": "half", "modulation": "none"}


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
    protocols = by_name(
        paper("accuracy", "segment accuracy", "PSP's code"),
        clean("accuracy", "segment accuracy", whose="AVGA's code", then="test at that epoch"),
    )

    def stages(self, parameters: Parameters) -> dict[str, int]:
        """One, or a plain AVGA first whose attention and LSTMs the second starts from."""
        first = {"pretrain": parameters.pretrain_epochs} if parameters.pretrain_epochs else {}
        return {**first, "train": parameters.epochs}

    def stage(
        self, name: str, parameters: Parameters, device: torch.device, group: Group, carried: Carried | None
    ) -> Setup:
        if name == "pretrain":
            parameters = parameters.model_copy(update={**PLAIN, "epochs": parameters.pretrain_epochs})
        data = load_segments(parameters.located())
        train = data["train"]
        model = build_model(parameters, train.input_shapes, len(train.classes))
        notes = []
        if carried is not None:
            advice = {name: WARM_START[name] for name in ("absent", "unfit")}
            load_matching(model, carried["weights"], ENCODERS, source="stage pretrain", **advice)
            notes.append(f"{WARM_START['parts']} started from stage pretrain")
        elif parameters.init:
            notes.append(warm_start(model, parameters.init, ENCODERS, **WARM_START))
        model = model.to(device)
        order = {"shuffle": parameters.order == "shuffle", "drop_last": parameters.drop_last}
        return build_setup(
            parameters,
            model,
            Localisation(model, parameters, len(train.classes)),
            build_loaders(parameters, data, device, group, evaluation_size=LARGEST_EVALUATION, **order),
            DataFacts.of(data),
            groups=modulated_groups(parameters, model),
            modulation_options={"tensors": "matrices", "apply_to": parameters.apply_to},
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


def run(parameters: Parameters) -> FinishedRun:
    """Train and evaluate once; write the record's files into the output folder and return the result."""
    return execute(EventLocalization(), parameters)
