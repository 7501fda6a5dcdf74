"""Scaling the update of a step instead of its gradient.

Paper says (OGM): the coefficient scales the update, θ ← θ - η k g, which under SGD is the same as scaling g.
Published code does: scales the gradient. Adam divides by the gradient's own size, so that a constant k cancels and only
    its changes, and GE's noise, remain. IEMF under Adam therefore scales the learning rate of a parameter group.
We do: the gradient unless asked; `apply_to="step"` scales what any optimiser made of the unscaled gradient, as a
    learning rate k η in this step for these parameters would (a weight decay of the optimiser included).
    `"learning_rate"` sets k η itself where the modulated parameters are the whole of one or more of the optimiser's
    parameter groups, and puts η back after the step, so that nothing compounds; it waits for the device to read k.
    Where they share a group with others, which must keep η, it scales the step.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from mmlib.errors import ParameterError

ApplyTo = Literal["grad", "step", "learning_rate"]
OWN_RATE = "own_lr"  # in a parameter group, from the start of a step to its end: the rate that no modulation scaled


def check_apply_to(method: str, apply_to: str) -> None:
    """Raise `ParameterError` unless `apply_to` is one of its alternatives."""
    if apply_to not in get_args(ApplyTo):
        raise ParameterError(
            f"{method}: apply_to is {apply_to!r}; choose one of {', '.join(map(repr, get_args(ApplyTo)))}."
        )


class StepScaling:
    """Coefficients of one modulation from before a step of an optimiser to after it."""

    def __init__(self, apply_to: ApplyTo) -> None:
        self.apply_to = apply_to
        self._before: list[tuple[list[Tensor], list[Tensor], Tensor]] = []

    @torch.no_grad()
    def before(self, optimizer: torch.optim.Optimizer, parameters: list[Tensor], coefficient: Tensor) -> Tensor:
        """Take note of a 0-d coefficient of these parameters; returns what is left for their gradients."""
        if self.apply_to == "grad":
            return coefficient
        whole = whole_groups(optimizer, parameters) if self.apply_to == "learning_rate" else None
        if whole is None:
            self._before.append((parameters, [p.detach().clone() for p in parameters], coefficient))
        for group in whole or ():
            group.setdefault(OWN_RATE, group["lr"])
            rate = group["lr"]
            group["lr"] = rate * coefficient if isinstance(rate, Tensor) else rate * float(coefficient)
        return torch.ones_like(coefficient)

    @torch.no_grad()
    def after(self, optimizer: torch.optim.Optimizer) -> None:
        """Scale the steps, and put the learning rates back."""
        for parameters, before, coefficient in self._before:
            scale_step(parameters, before, coefficient)
        self._before.clear()
        for group in optimizer.param_groups:
            if OWN_RATE in group:
                group["lr"] = group.pop(OWN_RATE)


def whole_groups(optimizer: torch.optim.Optimizer, parameters: Sequence[Tensor]) -> list[dict[str, Any]] | None:
    """The optimiser's parameter groups that hold these parameters and, of those with a gradient, no other; or None."""
    wanted = {id(p) for p in parameters}
    groups = [group for group in optimizer.param_groups if any(id(p) in wanted for p in group["params"])]
    held = {id(p) for group in groups for p in group["params"] if p.grad is not None}
    return groups if held == wanted else None


@torch.no_grad()
def scale_step(parameters: Sequence[Tensor], before: Sequence[Tensor], coefficient: Tensor) -> None:
    """θ ← θ_before + k (θ - θ_before), in place; `coefficient` k is 0-d."""
    updates = torch._foreach_sub(list(parameters), list(before))
    torch._foreach_mul_(updates, coefficient)
    torch._foreach_add_(list(before), updates)
    torch._foreach_copy_(list(parameters), list(before))
