"""Which tensors of a parameter group a modulation changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, get_args

from torch import nn

from mmlib.errors import ParameterError

Tensors = Literal["conv", "matrices", "all"]
KINDS = {"conv": "of 4 dimensions (convolution)", "matrices": "of 2 dimensions or more", "all": "at all"}


def changed_tensors(
    method: str, groups: Mapping[str, Iterable[nn.Parameter]], tensors: Tensors
) -> dict[str, list[nn.Parameter]]:
    """The parameters of each group that are changed.

    `conv`: the 4-D ones, as OGM-GE publishes; `matrices`: those of two dimensions or more, for networks without
    convolutions (biases and norms stay as they are, as there); `all`.

    Raises `ParameterError` for a group in which nothing would be changed, and for other values of `tensors`.
    """
    if tensors not in get_args(Tensors):
        raise ParameterError(
            f"{method}: tensors is {tensors!r}; choose one of {', '.join(map(repr, get_args(Tensors)))}."
        )
    changed = {
        name: [p for p in parameters if p.requires_grad and _is_changed(p, tensors)]
        for name, parameters in groups.items()
    }
    for name, parameters in changed.items():
        if not parameters:
            raise ParameterError(
                f"{method}: group {name!r} has no trainable parameter {KINDS[tensors]}, so nothing would be "
                "modulated. Pass tensors='matrices' for weights of linear and recurrent layers, or 'all'."
            )
    return changed


def _is_changed(parameter: nn.Parameter, tensors: Tensors) -> bool:
    return tensors == "all" or (parameter.dim() == 4 if tensors == "conv" else parameter.dim() >= 2)
