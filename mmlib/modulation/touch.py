"""Which parameters of a modality a modulation changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, get_args

from torch import nn

from mmlib.errors import ParameterError

Touch = Literal["conv", "matrices", "all"]
AUDIO_LAST = ("visual", "audio")
KINDS = {"conv": "of 4 dimensions (convolution)", "matrices": "of 2 dimensions or more", "all": "at all"}


def touched_parameters(
    method: str, groups: Mapping[str, Iterable[nn.Parameter]], touch: Touch
) -> dict[str, list[nn.Parameter]]:
    """The parameters of each group that are changed.

    `conv`: the 4-D ones, as OGM-GE publishes; `matrices`: those of two dimensions or more, for networks without
    convolutions (biases and norms stay as they are, as there); `all`.

    Raises `ParameterError` for a group in which nothing would be changed, and for other values of `touch`.
    """
    if touch not in get_args(Touch):
        raise ParameterError(f"{method}: touch is {touch!r}; choose one of {', '.join(map(repr, get_args(Touch)))}.")
    touched = {
        modality: [p for p in parameters if p.requires_grad and _is_touched(p, touch)]
        for modality, parameters in groups.items()
    }
    for modality, parameters in touched.items():
        if not parameters:
            raise ParameterError(
                f"{method}: group {modality!r} has no trainable parameter {KINDS[touch]}, so nothing would be "
                "modulated. Pass touch='matrices' for weights of linear and recurrent layers, or 'all'."
            )
    return touched


def _is_touched(parameter: nn.Parameter, touch: Touch) -> bool:
    return touch == "all" or (parameter.dim() == 4 if touch == "conv" else parameter.dim() >= 2)


def ordered_pair(method: str, groups: Mapping[str, object]) -> tuple[str, str]:
    """The two modalities, the one that ζ weighs first: visual before audio, otherwise as given."""
    if len(groups) != 2:
        raise ParameterError(f"{method} balances two modalities; its groups are {', '.join(groups) or 'empty'}.")
    first, second = groups
    return AUDIO_LAST if {first, second} == set(AUDIO_LAST) else (first, second)
