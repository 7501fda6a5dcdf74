"""Which parameters of a modality a modulation changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, get_args

from torch import nn

from mmlib.errors import ParameterError

Touch = Literal["conv", "all"]
AUDIO_LAST = ("visual", "audio")


def touched_parameters(
    method: str, groups: Mapping[str, Iterable[nn.Parameter]], touch: Touch
) -> dict[str, list[nn.Parameter]]:
    """The parameters of each group that are changed: the 4-D ones (`conv`, as OGM-GE publishes) or all.

    Raises `ParameterError` for a group in which nothing would be changed, and for other values of `touch`.
    """
    if touch not in get_args(Touch):
        raise ParameterError(f"{method}: touch is {touch!r}; choose one of {', '.join(map(repr, get_args(Touch)))}.")
    touched = {
        modality: [p for p in parameters if p.requires_grad and (touch == "all" or p.dim() == 4)]
        for modality, parameters in groups.items()
    }
    for modality, parameters in touched.items():
        if not parameters:
            raise ParameterError(
                f"{method}: group {modality!r} has no trainable 4-D (convolution) parameter, so nothing would be "
                "modulated. Pass touch='all' to modulate all parameters of the group."
            )
    return touched


def ordered_pair(method: str, groups: Mapping[str, object]) -> tuple[str, str]:
    """The two modalities, the one that ζ weighs first: visual before audio, otherwise as given."""
    if len(groups) != 2:
        raise ParameterError(f"{method} balances two modalities; its groups are {', '.join(groups) or 'empty'}.")
    first, second = groups
    return AUDIO_LAST if {first, second} == set(AUDIO_LAST) else (first, second)
