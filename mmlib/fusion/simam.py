"""SimAM: the importance of a neuron from how far it stands out among its neighbours, without parameters.

Yang et al., "SimAM: A Simple, Parameter-Free Attention Module for Convolutional Neural Networks", ICML 2021; the energy
functions are Eq. 1-3 of Sun et al., "More than Vanilla Fusion" (SimAM²), which builds on them.

Paper says: a neuron t is linearly separated from the other neurons of its channel; the lower the minimal energy e* of
    that separation, the more distinctive the neuron. Statistics exclude t in Eq. 2 and include all neurons in Eq. 3.
Published code does: statistics over all H·W positions of a channel, σ² divided by H·W - 1, λ = 1e-4, output
    x · sigmoid(1/e*). Gradients flow through everything.
We do: the same; the divisor is the option `ddof`. 1e-12 is added to σ² so that a constant channel has e* = 2 rather
    than 0/0. A vector (B, C) or sequence (B, T, C) takes its statistics over C.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn

from mmlib.errors import UsageError

EPSILON = 1e-12


def minimal_energy(x: Tensor, dim: int | tuple[int, ...], lam: float | Tensor = 0.0, ddof: int = 1) -> Tensor:
    """Minimal energy e* of every neuron (Eq. 3), with the mean and variance of all neurons along `dim`.

    Args:
        x: neurons, any shape.
        dim: dimension(s) that hold the neurons of one channel; M is their size.
        lam: λ, a number or a tensor that broadcasts against the statistics.
        ddof: σ² divides by M - ddof (by 1 where that would be 0).

    Returns:
        Shape of `x`, in (0, 2]; 2 at the mean, hence for a constant channel.
    """
    dims = (dim,) if isinstance(dim, int) else tuple(dim)
    count = math.prod([x.shape[d] for d in dims])  # a list: torch.compile cannot follow a generator
    variance, mean = torch.var_mean(x, dim=dims, correction=min(ddof, count - 1), keepdim=True)
    spread = variance + (lam + EPSILON)
    return 4 * spread / ((x - mean) ** 2 + 2 * spread)


def neuron_dims(
    x: Tensor, axis: Literal["auto", "feature", "batch", "spatial", "time", "both"] = "auto"
) -> tuple[int, ...]:
    """The dimensions that hold "the neurons of one channel" of (B, C), (B, T, C) or (B, C, H, W).

    Sequences also have `time` (T, per channel) and `both` (T and C).
    """
    if x.dim() not in (2, 3, 4):
        raise UsageError(
            f"SimAM and SimAM2 take (B, C), (B, T, C) or (B, C, H, W); got {x.dim()} dimensions, {tuple(x.shape)}."
        )
    is_map = x.dim() == 4
    if axis == "auto":
        axis = "spatial" if is_map else "feature"
    if axis == "spatial":
        if not is_map:
            raise UsageError(
                f"stat_axis 'spatial' needs a map (B, C, H, W); got {tuple(x.shape)}. Use 'feature' or 'auto'."
            )
        return (2, 3)
    if axis in ("time", "both"):
        if x.dim() != 3:
            raise UsageError(
                f"stat_axis {axis!r} needs a sequence (B, T, C); got {tuple(x.shape)}. Use 'feature' or 'auto'."
            )
        return (1,) if axis == "time" else (1, 2)
    if axis == "feature":
        return (1,) if is_map else (x.dim() - 1,)
    return (0,) if x.dim() == 2 else ((0, 2, 3) if is_map else (0, 1))


class SimAM(nn.Module):
    """SimAM on its own: x · sigmoid(1/e*), per sample.

    Args:
        lam: λ in the energy.
        ddof: σ² divides by M - ddof.

    Shape: (B, C, H, W), (B, C) or (B, T, C) in, the same out. No parameters, no state.
    """

    def __init__(self, lam: float = 1e-4, ddof: int = 1) -> None:
        super().__init__()
        self.lam = lam
        self.ddof = ddof

    def forward(self, x: Tensor) -> Tensor:
        energy = minimal_energy(x, neuron_dims(x), self.lam, self.ddof)
        return x * torch.sigmoid(1 / energy)

    def extra_repr(self) -> str:
        return f"lam={self.lam}, ddof={self.ddof}"
