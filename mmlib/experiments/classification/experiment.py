"""Classification for `mmlib.experiments.base`: its data, model, task and protocols."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import torch
from torch import nn

from mmlib.data.dataset import MultimodalDataset
from mmlib.data.loading import load_data
from mmlib.data.views import ItemView, TokenView
from mmlib.experiments.base import Conclusion, DataFacts, Experiment, Setup, execute
from mmlib.experiments.building import build_setup
from mmlib.experiments.classification.forcing import build_forcing, measure_correlation
from mmlib.experiments.classification.model import build_model
from mmlib.experiments.classification.modulations import attach_iemf, build_lfm, modulation_notes, modulation_options
from mmlib.experiments.classification.parameters import Parameters
from mmlib.experiments.classification.task import Classification
from mmlib.experiments.finished import FinishedRun
from mmlib.experiments.loaders import build_loaders
from mmlib.experiments.protocols import by_name, clean, paper
from mmlib.training import Group, Outcome


def metric_names(modalities: Iterable[str], heads: bool = False) -> tuple[str, ...]:
    """What every record of these modalities holds, and of their heads where there are some."""
    names = sorted(modalities)
    of_heads = [f"top1_head_{modality}" for modality in names] if heads else []
    return ("top1", "map", "macro_f1", *(f"top1_{modality}" for modality in names), *of_heads, "loss")


def vocabularies_of(data: MultimodalDataset) -> dict[str, int]:
    """Number of token ids, padding included, of the modalities that are tokens."""
    views = {name: view.view if isinstance(view, ItemView) else view for name, view in data.views.items()}
    return {name: view.vocabulary for name, view in views.items() if isinstance(view, TokenView)}


class ClassificationExperiment(Experiment):
    """One run of Table 1's kind."""

    module = "mmlib.experiments.classification"
    metrics = metric_names(("audio", "visual"))
    protocols = by_name(
        paper("top1", "top-1", "upstream code selects"),
        clean("top1", "top-1", then="test at that epoch"),
    )

    def setup(self, parameters: Parameters, device: torch.device, group: Group) -> Setup:
        data = {split: rows for split, rows in load_data(parameters.located()).items() if len(rows)}
        train = data["train"]
        model = build_model(parameters, train.input_shapes, len(train.classes), vocabularies_of(train)).to(device)
        return setup_training(parameters, model, data, device, group)

    def arrays(self, setup: Setup, outcome: Outcome) -> dict[str, np.ndarray]:
        """`test_targets` (N,) and, where the data know it, which modality of a test sample is informative (N,)."""
        test = setup.data["test"]
        arrays = {"test_targets": test.targets}
        for name in (f"{modality}_informative" for modality in test.views):
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
    """Loaders, optimiser and modulations for a model that is on its device.

    The modulation of the encoders is attached first and IEMF after it, which is the published order within a step.
    """
    weights = {"label_smoothing": parameters.label_smoothing, "unimodal_weight": parameters.unimodal_weight}
    weights["lfm"] = build_lfm(parameters, model)
    forcing = build_forcing(parameters, model, data, device, group)
    groups = model.modality_parameters(heads=parameters.modulation == "mslr")
    setup = build_setup(
        parameters,
        model,
        Classification(model, parameters.zeta_ratio, forcing, **weights),
        build_loaders(parameters, data, device, group, evaluation_size=max(parameters.batch_size, 128)),
        DataFacts.of(data),
        groups=groups,
        modulation_options=modulation_options(parameters, data),
        metrics=metric_names(groups, heads=model.unimodal_heads is not None),
        data=data,
        notes=modulation_notes(parameters),
    )
    if parameters.iemf:
        setup.modulations = [*setup.modulations, attach_iemf(parameters, model, setup.optimizer)]
    return setup


def run(parameters: Parameters) -> FinishedRun:
    """Train and evaluate once; write the record's files into the output folder and return the result."""
    return execute(ClassificationExperiment(), parameters)
