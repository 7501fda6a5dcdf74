"""IEMF on the layer that mixes sound and picture."""

from __future__ import annotations

from torch.optim import Optimizer

from mmlib.experiments.question_answering.parameters import Parameters
from mmlib.models.avqa import AVQA
from mmlib.modulation import IEMF


def attach_iemf(parameters: Parameters, model: AVQA, optimizer: Optimizer) -> IEMF:
    """IEMF, attached to the optimiser. Published: on the gradients of the fusion's weight and bias, in all epochs."""
    mixing = parameters.iemf_target == "mixing"
    iemf = IEMF(
        {"fusion": model.mixing_parameters() if mixing else model.fusion_parameters()},
        gain=parameters.iemf_gain,
        scores=parameters.iemf_scores,
        scaling=parameters.iemf_scaling,
        noise=parameters.iemf_noise,
        window=(parameters.iemf_start, parameters.iemf_end),
        seed=parameters.seed,
        apply_to=parameters.iemf_apply_to,
    )
    return iemf.attach(optimizer)


def iemf_notes(parameters: Parameters) -> list[str]:
    """What a record must say of these choices in words."""
    if parameters.iemf and parameters.iemf_noise and parameters.iemf_apply_to != "grad":
        return [f"IEMF scales the {parameters.iemf_apply_to.replace('_', ' ')}: no noise is added, as published"]
    return []
