"""From a sequence to one vector, as MIM does it everywhere: an activation at each step, then the mean over the steps.

Published code does: mean over all steps of act(sequence), padding included; act is missing from its configuration, its
    comments show Tanh and ReLU.
We do: Tanh or ReLU, and the mean over the steps that are no padding; without a mask as published.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

ActivationName = Literal["tanh", "relu"]
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"tanh": torch.tanh, "relu": torch.relu}


def pool(sequence: Tensor, activation: ActivationName = "tanh", mask: Tensor | None = None) -> Tensor:
    """(B, C) from a sequence (B, T, C); `mask` (B, T) bool, False at padding. No valid step gives zeros."""
    values = ACTIVATIONS[activation](sequence)
    if mask is None:
        return values.mean(dim=1)
    return (values * mask[..., None]).sum(dim=1) / mask.sum(dim=1, keepdim=True).clamp(min=1)


def step_mean(values: Tensor, mask: Tensor | None = None) -> Tensor:
    """Mean over the steps that are no padding, (B,) from (B, T)."""
    if mask is None:
        return values.mean(dim=1)
    return (values * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1)


def steps_of(inputs: Tensor) -> Tensor:
    """Which steps of right-padded sequences are no padding, (B, T) bool: those up to the last that is not all zero.

    `inputs`: features (B, T, F), or token ids (B, T).
    """
    there = inputs != 0 if inputs.dim() == 2 else (inputs != 0).any(dim=-1)  # (B, T)
    return there.flip(1).cummax(dim=1).values.flip(1)
