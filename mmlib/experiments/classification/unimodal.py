"""One modality alone: an encoder and a linear head, trained from scratch or fine-tuned from a joint model.

Paper shows (IEMF, figure 2d): accuracy by epoch of one modality trained from scratch, and of the same encoder
    fine-tuned from a joint model that was trained with and without IEMF. No values are given.
Published code does: the joint model's checkpoint is loaded and the path of one modality, its encoder and its own head,
    is trained for as many epochs by the same recipe, with IEMF off. A joint model trained without IEMF has a head that
    no loss ever reached, which is loaded all the same.
We do: the same as a second stage of the joint run, from the weights after its last epoch. Where the joint model has no
    unimodal heads the head starts anew. Its schedule starts anew too, and nothing is modulated. From scratch
    (`modalities`) it is a run of that network by the run's recipe.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from torch import Tensor

from mmlib.errors import ParameterError
from mmlib.experiments.classification.parameters import Parameters
from mmlib.models import MultimodalClassifier
from mmlib.training.carry import load_matching

STAGE = "finetune"
# What joins modalities or holds them in balance: without effect where there is one.
ONE = {
    "fusion": "concat",
    "simam2": False,
    "zeta": "half",
    "unimodal_heads": "none",
    "modulation": "none",
    "iemf": False,
    "lfm": "none",
    "valuation": False,
    "resampling": "none",
}
HEAD = "fusion.classifier."  # of one modality alone: concatenation of one feature, then a linear layer


def of_one(parameters: Parameters) -> Parameters:
    """Parameters of a run on one modality with the settings that need several switched off; others as they are."""
    return parameters if parameters.modalities == "all" else parameters.model_copy(update=ONE)


def second_stage(parameters: Parameters) -> Parameters:
    """The second stage of a run as a run of its own: that modality alone, for its own epochs."""
    shown = {"modalities": parameters.finetune_modality, "epochs": parameters.finetune_epochs}
    return parameters.model_copy(update={**shown, "finetune_modality": "", "finetune_epochs": 0})


def as_trained(parameters: Parameters) -> Parameters:
    """The parameters of the network that a finished run saved: those of its last stage."""
    return of_one(second_stage(parameters) if parameters.finetune_epochs else parameters)


def check_modality(parameters: Parameters, modalities: Iterable[str]) -> None:
    """Raise `ParameterError` where the data have no modality of the name that is to be fine-tuned."""
    wanted, known = parameters.finetune_modality, list(modalities)
    if wanted and wanted not in known:
        raise ParameterError(
            f"finetune_modality = {wanted!r}: {parameters.dataset} has {', '.join(known)}. Choose one of them."
        )


def part_of(model: MultimodalClassifier, modality: str) -> dict[str, Tensor]:
    """Encoder and, where there is one, head of a modality: copies on the CPU, named as in its network alone."""
    new_names = {f"encoders.{modality}.": f"encoders.{modality}.", f"unimodal_heads.heads.{modality}.": HEAD}
    return {
        new + name.removeprefix(old): value.detach().to("cpu", copy=True)
        for old, new in new_names.items()
        for name, value in model.state_dict().items()
        if name.startswith(old)
    }


def start_from(model: MultimodalClassifier, weights: Mapping[str, Tensor], modality: str) -> str:
    """Give the network of one modality what `part_of` took from the joint one; returns a note for the record.

    Raises `UsageError` where it does not fit.
    """
    with_head = any(name.startswith(HEAD) for name in weights)
    prefixes = [f"encoders.{modality}.", *([HEAD] if with_head else [])]
    load_matching(model, weights, prefixes, source="stage train")
    head = "its own head" if with_head else "a head that starts anew: the joint model has no unimodal heads"
    return f"stage {STAGE}: {modality} alone, its encoder from the joint model after the last epoch, with {head}"
