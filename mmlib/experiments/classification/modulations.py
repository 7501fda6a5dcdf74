"""From parameters to IEMF, MSLR and LFM; what they need of the data and the model is checked before training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch.optim import Optimizer

from mmlib.errors import ParameterError
from mmlib.experiments.building import iemf_notes, iemf_options
from mmlib.experiments.classification.parameters import Parameters
from mmlib.losses.lfm import LFM
from mmlib.models import MultimodalClassifier
from mmlib.modulation import IEMF


def modulation_options(parameters: Parameters, splits: Mapping[str, Any]) -> dict[str, Any]:
    """What the chosen modulation of the encoders gets beside its strength and window.

    Raises `ParameterError` for MSLR without the split that it follows.
    """
    if parameters.modulation != "mslr":
        return {"tensors": parameters.modulated_tensors}
    if parameters.mslr_split not in splits:
        raise ParameterError(
            f"modulation = 'mslr' follows the accuracies on {parameters.mslr_split}, and {parameters.dataset} has "
            f"{', '.join(splits)}: set validation_fraction above 0, or mslr_split = 'test', as published."
        )
    return {
        "factors": {"audio": parameters.mslr_audio, "visual": parameters.mslr_visual},
        "split": parameters.mslr_split,
        "accuracy": "top1_head" if parameters.mslr_source == "heads" else "top1",
    }


def modulation_notes(parameters: Parameters) -> list[str]:
    """What a record must say of these choices in words."""
    notes = []
    if parameters.modulation == "mslr" and parameters.mslr_split == "test":
        notes.append("MSLR follows the accuracies on the test split, as published: test is not held out")
    return notes + iemf_notes(parameters)


def attach_iemf(parameters: Parameters, model: MultimodalClassifier, optimizer: Optimizer) -> IEMF:
    """IEMF on the model's fusion, attached; attach what changes the encoders before it, as in the published step.

    Raises `ParameterError` for a model of one modality.
    """
    modalities = model.fusion.modalities
    if len(modalities) < 2:
        raise ParameterError(f"iemf = true weighs two modalities or more; the model has {', '.join(modalities)} alone.")
    mixing = parameters.iemf_target == "mixing"
    layer = model.fusion.mixing_parameters() if mixing else model.fusion.parameters()
    return IEMF({"fusion": layer}, seed=parameters.seed, **iemf_options(parameters)).attach(optimizer)


def build_lfm(parameters: Parameters, model: MultimodalClassifier) -> LFM | None:
    """The alignment, None where there is none. Raises `ParameterError` for features that cannot be aligned."""
    if parameters.lfm == "none":
        return None
    sizes = model.fusion.channels
    if len(sizes) < 2 or (parameters.lfm == "features" and len(set(sizes.values())) > 1):
        raise ParameterError(
            f"lfm = {parameters.lfm!r} compares two modalities or more of one size; the model's features have {sizes}. "
            "Use encoders of one size, lfm = 'logits', or lfm = 'none'."
        )
    return LFM(parameters.lfm, direction=parameters.lfm_direction, weight=parameters.lfm_weight)
