"""Classification for `mmlib.experiments.base`: its data, model, task and protocols."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import torch

from mmlib.data.dataset import MultimodalDataset
from mmlib.data.loading import load_data
from mmlib.data.views import ItemView, TokenView
from mmlib.experiments.base import Conclusion, DataFacts, Experiment, Setup, execute
from mmlib.experiments.building import build_setup
from mmlib.experiments.classification import unimodal
from mmlib.experiments.classification.forcing import build_forcing, measure_correlation
from mmlib.experiments.classification.model import build_model
from mmlib.experiments.classification.modulations import attach_iemf, build_lfm, modulation_notes, modulation_options
from mmlib.experiments.classification.parameters import Parameters
from mmlib.experiments.classification.spiking import spiking_layer_names, spiking_metric_names
from mmlib.experiments.classification.task import Classification
from mmlib.experiments.classification.valuation import SPLIT, Valuation, contribution_names, wanted
from mmlib.experiments.finished import FinishedRun
from mmlib.experiments.loaders import build_loaders
from mmlib.experiments.protocols import by_name, clean, paper
from mmlib.models import MultimodalClassifier
from mmlib.models.operations import is_spiking
from mmlib.training import Carried, Group, Outcome


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

    def stages(self, parameters: Parameters) -> dict[str, int]:
        """One, or a second that fine-tunes one modality's part of the joint model."""
        second = {unimodal.STAGE: parameters.finetune_epochs} if parameters.finetune_epochs else {}
        return {"train": parameters.epochs, **second}

    def stage(
        self, name: str, parameters: Parameters, device: torch.device, group: Group, carried: Carried | None
    ) -> Setup:
        modality = parameters.finetune_modality
        if name == unimodal.STAGE:
            setup = self.setup(unimodal.second_stage(parameters), device, group)
            setup.notes.append(unimodal.start_from(setup.model, carried["weights"], modality))
            return setup
        setup = self.setup(parameters, device, group)
        if modality:
            setup.hand_over = lambda outcome: {"weights": unimodal.part_of(setup.model, modality)}
        return setup

    def setup(self, parameters: Parameters, device: torch.device, group: Group) -> Setup:
        parameters = unimodal.of_one(parameters)
        data = {split: rows for split, rows in load_data(parameters.located()).items() if len(rows)}
        train = data["train"]
        unimodal.check_modality(parameters, train.views)
        model = build_model(parameters, train.input_shapes, len(train.classes), vocabularies_of(train)).to(device)
        return setup_training(parameters, model, data, device, group)

    def arrays(self, setup: Setup, outcome: Outcome) -> dict[str, np.ndarray]:
        """`test_targets` (N,); where the data know it, which modality of a test sample is informative (N,); of our SNN
        the names of its layers; of training samples that were valued their contributions (`Valuation.arrays`).
        """
        test = setup.data["test"]
        arrays = {"test_targets": test.targets}
        for name in (f"{modality}_informative" for modality in test.views):
            if name in test.prepared.index:
                arrays[f"test_{name}"] = test.column(name).astype(bool)
        if setup.task.valuation is not None:
            arrays |= setup.task.valuation.arrays()
        return arrays | (spiking_layer_names(setup.model.encoders) if is_spiking(setup.model) else {})

    def conclude(self, parameters: Parameters, setup: Setup, outcome: Outcome, device: torch.device) -> Conclusion:
        """Correlation achieved and held out, where one was forced or is asked for."""
        return measure_correlation(parameters, setup, outcome)


def setup_training(
    parameters: Parameters,
    model: MultimodalClassifier,
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
    evaluation_size = max(parameters.batch_size, 128)
    loaders = build_loaders(
        parameters, data, device, group, evaluation_size=evaluation_size, drop_last=parameters.drop_last
    )
    valued: tuple[str, ...] = ()
    if wanted(parameters):
        weights["valuation"] = valuation = Valuation(parameters, model, data["train"], loaders["train"], group)
        loaders[SPLIT] = valuation.loader
        valued = contribution_names(groups, truth=valuation.truth is not None)
    setup = build_setup(
        parameters,
        model,
        Classification(model, parameters.zeta_ratio, forcing, **weights),
        loaders,
        DataFacts.of(data),
        groups=groups,
        modulation_options=modulation_options(parameters, data),
        metrics=metric_names(groups, heads=model.unimodal_heads is not None)
        + (spiking_metric_names(groups) if is_spiking(model) else ())
        + valued,
        data=data,
        notes=modulation_notes(parameters),
    )
    if parameters.iemf:
        setup.modulations = [*setup.modulations, attach_iemf(parameters, model, setup.optimizer)]
    return setup


def run(parameters: Parameters) -> FinishedRun:
    """Train and evaluate once; write the record's files into the output folder and return the result."""
    return execute(ClassificationExperiment(), parameters)
