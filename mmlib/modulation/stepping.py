"""Scaling the update of a step instead of its gradient.

Paper says (OGM): the coefficient scales the update, θ ← θ - η k g, which under SGD is the same as scaling g.
Published code does: scales the gradient. Adam divides by the gradient's own size, so that a constant k cancels and only
    its changes, and GE's noise, remain.
We do: the gradient unless asked; `apply_to="step"` scales what any optimiser made of the unscaled gradient, as a
    learning rate k η in this step for these parameters would (a weight decay of the optimiser included).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor

from mmlib.errors import ParameterError

ApplyTo = Literal["grad", "step"]


def check_apply_to(method: str, apply_to: str) -> None:
    """Raise `ParameterError` unless `apply_to` is one of its alternatives."""
    if apply_to not in get_args(ApplyTo):
        raise ParameterError(f"{method}: apply_to is {apply_to!r}; choose one of 'grad', 'step'.")


@torch.no_grad()
def scale_step(parameters: Sequence[Tensor], before: Sequence[Tensor], coefficient: Tensor) -> None:
    """θ ← θ_before + k (θ - θ_before), in place; `coefficient` k is 0-d."""
    updates = torch._foreach_sub(list(parameters), list(before))
    torch._foreach_mul_(updates, coefficient)
    torch._foreach_add_(list(before), updates)
    torch._foreach_copy_(list(parameters), list(before))
