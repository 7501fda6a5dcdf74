"""Sentiment by MIM for `mmlib.experiments.base`: data, network, task and protocols.

Published code does: after each of 100 epochs the error on the development split and all metrics on test; the line with
    the lowest development error is reported. Evaluation draws gates, so that both are noisy.
We do: that as `clean`, without noise; `paper` is the best epoch on test, which most other published code reports.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from mmlib.data import registry
from mmlib.data.assembly import build_views
from mmlib.data.dataset import MultimodalDataset
from mmlib.data.prepared import SPLITS, open_prepared
from mmlib.data.splits import in_memory
from mmlib.data.views import TokenView
from mmlib.errors import DataError
from mmlib.experiments.base import DataFacts, Experiment, Setup, execute
from mmlib.experiments.finished import FinishedRun
from mmlib.experiments.loaders import build_loaders
from mmlib.experiments.protocols import by_name, clean, paper
from mmlib.experiments.sentiment.building import build_model, build_step, outputs_of
from mmlib.experiments.sentiment.measures import metric_names, noise_of
from mmlib.experiments.sentiment.parameters import Parameters
from mmlib.experiments.sentiment.task import Sentiment
from mmlib.training import Group, Outcome

WHOSE = "much published code selects, not MIM's"
PROTOCOLS = {
    "regression": by_name(
        paper("mae", "MAE", WHOSE, maximise=False),
        clean("mae", "MAE", whose="published code", then="test at that epoch", maximise=False),
    ),
    "classification": by_name(
        paper("top1", "top-1", WHOSE),
        clean("top1", "top-1", then="test at that epoch"),
    ),
}


class SentimentExperiment(Experiment):
    """One run of MIM."""

    module = "mmlib.experiments.sentiment"
    metrics = ("mae", "pearson", "accuracy_2", "weighted_f1")
    protocols = PROTOCOLS["regression"]

    def setup(self, parameters: Parameters, device: torch.device, group: Group) -> Setup:
        data = load_splits(parameters)
        train = data["train"]
        vocabularies = {name: view.vocabulary for name, view in train.views.items() if isinstance(view, TokenView)}
        outputs = outputs_of(parameters, len(train.classes))
        model = build_model(parameters, train.input_shapes, vocabularies, outputs).to(device)
        task = Sentiment(model, parameters)
        step, schedulers = build_step(parameters, model, task.loss_names())
        noisy = [name for name in model.modalities if noise_of(train, name) is not None]
        heads = bool(parameters.unimodal_weight)
        return Setup(
            model=model,
            task=task,
            loaders=build_loaders(parameters, data, device, group, drop_last=parameters.drop_last),
            facts=DataFacts.of(data),
            step=step,
            scheduler=schedulers,
            protocols=PROTOCOLS[parameters.task],
            metrics=metric_names(parameters.task, model.modalities, heads, parameters.purification, noisy),
            keep_weights_of="clean",
            data=data,
            notes=notes(parameters),
        )

    def arrays(self, setup: Setup, outcome: Outcome) -> dict[str, np.ndarray]:
        """`test_targets` (N,), `test_steps` (N,) and, where the data know them, `test_noise_<modality>` (N, T)."""
        test = setup.data["test"]
        arrays = {"test_targets": test.targets, "test_steps": test.column("steps")}
        for name in setup.model.modalities:
            if (noise := noise_of(test, name)) is not None:
                arrays[f"test_noise_{name}"] = noise
        return arrays


def load_splits(parameters: Parameters) -> dict[str, MultimodalDataset]:
    """Data sets `train`, `validation`, `test`, prepared where needed. Raises `DataError` where one is empty."""
    prepared = open_prepared(Path(registry.prepare_for(parameters.located())))
    rows = {split: prepared.rows(split) for split in SPLITS}
    empty = [split for split in SPLITS if not len(rows[split])]
    if empty:
        raise DataError(f"{prepared.folder} has no {empty[0]} samples. Prepare it again from the whole data set.")
    prepared = in_memory(prepared)
    views = build_views(prepared, parameters, training=False)
    return {split: MultimodalDataset(prepared, rows[split], views, split=split) for split in SPLITS}


def notes(parameters: Parameters) -> list[str]:
    """What a record must say in words."""
    said = []
    if parameters.dataset in ("mosi", "mosei") and not parameters.bert:
        said.append("text through learned word vectors, not BERT: numbers do not compare with published ones")
    if parameters.gate_noise == "always":
        said.append("gates draw noise in evaluation, as published: two evaluations differ")
    return said


def run(parameters: Parameters) -> FinishedRun:
    """Train and evaluate once; write the record's files into the output folder and return the result."""
    return execute(SentimentExperiment(), parameters)
