"""Classification with a forced correlation: the loss from its parameters, and what is measured after training.

Everything measured is of the last epoch's weights: forcing is a property of training, not of a selected epoch.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from mmlib.data.dataset import MultimodalDataset
from mmlib.errors import ParameterError
from mmlib.experiments.base import Conclusion, Setup
from mmlib.experiments.classification.parameters import Parameters
from mmlib.experiments.classification.task import collect_signals, signals
from mmlib.losses.forcing import ForcedCorrelation
from mmlib.losses.soft_hgr import column_correlations
from mmlib.models import MultimodalClassifier
from mmlib.training import Group, Outcome


def build_forcing(
    parameters: Parameters,
    model: MultimodalClassifier,
    data: Mapping[str, MultimodalDataset],
    device: torch.device,
    group: Group,
) -> ForcedCorrelation | None:
    """The forcing loss, None where there is none. Raises `ParameterError` for what cannot be forced."""
    if parameters.force == "none" and not parameters.measure_hgr:
        return None
    modalities = data["train"].views
    if len(modalities) != 2:
        raise ParameterError(
            f"force and measure_hgr are about the correlation of two modalities; {parameters.dataset} has "
            f"{', '.join(modalities)}. Set force = 'none' and measure_hgr = false."
        )
    if parameters.force == "none":
        return None
    if group.many:
        raise ParameterError(
            f"force = {parameters.force!r} needs the whole batch in one process, and there are {group.size}: run it "
            "without torchrun."
        )
    visual, audio = _signals_of_one_batch(model, data["train"], device)
    if parameters.force == "paired" and visual.shape[1] != audio.shape[1]:
        raise ParameterError(
            f"force = 'paired' pairs channels, but the signals have {visual.shape[1]} and {audio.shape[1]}; use "
            "force = 'critic'."
        )
    return ForcedCorrelation(
        parameters.force,
        parameters.force_target,
        parameters.force_weight,
        (visual.shape[1], audio.shape[1]),
        scale=parameters.hgr_scale,
        steps=parameters.force_steps,
        seed=parameters.seed,
        device=device,
    )


@torch.no_grad()
def _signals_of_one_batch(
    model: MultimodalClassifier, train: MultimodalDataset, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """The signals of two samples, for their widths; leaves the model as it was."""
    mode = model.training
    model.eval()
    output = model(train[np.arange(min(2, len(train)))].to(device).inputs)
    model.train(mode)
    return signals(output)


def measure_correlation(parameters: Parameters, setup: Setup, outcome: Outcome) -> Conclusion:
    """`last/hgr`, mean over the last epoch's steps of the correlation that the loss acts on; `last/hgr_paired`, mean
    correlation of paired channels on test; `last/hgr_test`, the held-out maximal correlation (critics fitted on train).

    Nothing unless a correlation is forced or `measure_hgr` is set.
    """
    if parameters.force == "none" and not parameters.measure_hgr:
        return Conclusion()
    from mmlib.analysis.maximal_correlation import maximal_correlation

    metrics: dict[str, float | None] = {}
    if "hgr" in outcome.traces:
        last = outcome.traces["epoch"] == outcome.traces["epoch"].max()
        metrics["last/hgr"] = float(np.mean(outcome.traces["hgr"][last]))
    setup.loaders["train"].set_epoch(0)  # an order that does not depend on where a resumed run stopped
    fit = collect_signals(setup.model, setup.loaders["train"])
    test = collect_signals(setup.model, setup.loaders["test"])
    if test[0].shape == test[1].shape:
        metrics["last/hgr_paired"] = float(column_correlations(*test).mean())
    found = maximal_correlation(fit, test, seed=parameters.seed)
    metrics["last/hgr_test"] = found.held_out
    return Conclusion(metrics=metrics)
