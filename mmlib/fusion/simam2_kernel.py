"""SimAM²'s superposition and gate as one step of autograd: the same equations with fewer passes over memory.

Written as in `mmlib.fusion.simam2`, Eq. 3, 4, 7 and 8 are about fifty kernels, each with a tensor of its own, and a
one-pass variance that is slow on a CPU. Here the variance takes two passes, work is done in place (by operations of two
operands: those of three are slow where one of them is broadcast), and the backward pass computes again from the signals
what it needs. For a signal x with c = x - μ, v = σ² + λ and σ² = Σc²/(M - ddof):

    e = 4v / (c² + 2v),    ∂e/∂c = -8v·c / (c² + 2v)²,    ∂e/∂v = -(c/2v)·∂e/∂c

so that with h = (∂L/∂e)·(∂e/∂c) the gradient of x is h - mean(h) - c·Σ(h·c) / (v·(M - ddof)).
"""

from __future__ import annotations

import functools
import math
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from mmlib.errors import UsageError
from mmlib.fusion.simam import EPSILON


class GatedSuperposition(Function):
    """U·sigmoid(±E*) with U = scale·(ζ x1 + (1 - ζ) x2) and E* = weight_u·e_U - ζ² e_1 - (1 - ζ)² e_2.

    Args of `apply`:
        x1, x2: signals of one shape. zeta: broadcastable to them. weight_u: 0-d, the factor of e_U in Eq. 7.
        dims: dimensions of the statistics. ddof, lam: as in `minimal_energy`; λ is e_U's, the others have 0.
        scale: 1 or 2. sign: 1 for sigmoid(E*), -1 for sigmoid(-E*).

    Returns the product and the gate, each of the signals' shape, the latter without gradient.

    Raises `UsageError` where gradients of gradients are asked for.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x1: Tensor,
        x2: Tensor,
        zeta: Tensor,
        weight_u: Tensor,
        dims: tuple[int, ...],
        ddof: int,
        lam: float,
        scale: int,
        sign: int,
    ) -> tuple[Tensor, Tensor]:
        ctx.shape, zeta = zeta.shape, _without_repeats(zeta)
        rest = 1 - zeta
        spread = torch.empty_like(x1)  # one place for what is needed in passing: fresh memory costs more than computing
        u = torch.mul(x1, zeta).add_(torch.mul(x2, rest, out=spread))  # Eq. 4
        if scale != 1:
            u.mul_(scale)
        neurons = Neurons(x1.shape, dims, ddof)
        of_u = neurons.statistics(u, lam, spread)
        energy = torch.div(4 * of_u[1] * weight_u, spread)
        of_x1 = neurons.statistics(x1, 0.0, spread)
        energy.sub_(torch.div(4 * of_x1[1] * zeta.square(), spread, out=spread))
        of_x2 = neurons.statistics(x2, 0.0, spread)
        energy.sub_(torch.div(4 * of_x2[1] * rest.square(), spread, out=spread))
        gate = (energy if sign > 0 else energy.neg_()).sigmoid_()
        ctx.save_for_backward(x1, x2, zeta, weight_u, u, gate, *of_x1, *of_x2, *of_u)
        ctx.settings = neurons, scale, sign
        ctx.mark_non_differentiable(gate)
        return torch.mul(u, gate, out=spread), gate

    @staticmethod
    def backward(ctx: Any, gradient: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        if torch.is_grad_enabled():  # once_differentiable would drop the second derivative without a word
            raise UsageError(
                "SimAM2: gradients of gradients (create_graph) need SimAM2Options(kernel='plain'); the kernel 'fused' "
                "has first ones only."
            )
        x1, x2, zeta, weight_u, u, gate, *kept = ctx.saved_tensors
        (mean1, v1, mean2, v2, mean_u, v_u), (neurons, scale, sign) = kept, ctx.settings
        rest = 1 - zeta
        of_energy = gradient * u
        torch.ops.aten.sigmoid_backward.grad_input(of_energy, gate, grad_input=of_energy)
        if sign < 0:
            of_energy.neg_()
        of_weight = (of_energy * _energy(u, mean_u, v_u)).sum() if ctx.needs_input_grad[3] else None
        places = torch.empty_like(u), torch.empty_like(u)
        through = functools.partial(neurons.through_energy, of_energy, *places)
        of_u = through(u, mean_u, v_u, weight_u).addcmul_(gradient, gate)
        of_x1 = through(x1, mean1, v1, -zeta.square())
        of_x1.add_(torch.mul(of_u, scale * zeta, out=places[0]))
        of_x2 = through(x2, mean2, v2, -rest.square())
        of_x2.add_(torch.mul(of_u, scale * rest, out=places[0]))
        of_zeta = None
        if ctx.needs_input_grad[2]:
            of_zeta = _energy(x2, mean2, v2).mul_(rest).addcmul_(_energy(x1, mean1, v1), zeta, value=-1).mul_(2)
            of_zeta = of_zeta.mul_(of_energy).addcmul_(of_u, x1 - x2, value=scale).sum_to_size(ctx.shape)
        return of_x1, of_x2, of_zeta, of_weight, None, None, None, None, None


class Neurons:
    """The neurons of one channel of a tensor, and what is computed over them.

    Args:
        shape: of the tensor. dims: the dimensions that hold them. ddof: σ² divides by M - ddof (by 1 where that is 0).
    """

    def __init__(self, shape: torch.Size, dims: tuple[int, ...], ddof: int) -> None:
        self.dims = dims
        self.free = max(math.prod(shape[dim] for dim in dims) - ddof, 1)

    def statistics(self, x: Tensor, lam: float, spread: Tensor) -> tuple[Tensor, Tensor]:
        """The mean and v = σ² + λ, with the dimensions kept; c² + 2v, of x's shape, is left in `spread`.

        Distances from the first neuron are averaged, not the values: the mean of equal neurons is then exact, and c is
        0. As a rounded 1e-8 it would be far from the mean, measured by a v of 1e-12.
        """
        first = x[tuple(slice(1) if dim in self.dims else slice(None) for dim in range(x.dim()))]
        torch.sub(x, first, out=spread)
        shift = spread.mean(self.dims, keepdim=True)
        spread.sub_(shift)
        spread.mul_(spread)
        v = spread.sum(self.dims, keepdim=True).div_(self.free).add_(lam + EPSILON)
        spread.add_(2 * v)
        return first + shift, v

    def through_energy(
        self, of_energy: Tensor, centred: Tensor, h: Tensor, x: Tensor, mean: Tensor, v: Tensor, weight: Tensor
    ) -> Tensor:
        """Gradient of x, in its shape, where `weight`·e(x) receives `of_energy`. `centred`, `h`: places to work in."""
        torch.sub(x, mean, out=centred)
        spread = torch.mul(centred, centred).add_(2 * v)
        # In this order nothing leaves the range of single precision before c² does.
        torch.mul(of_energy, centred, out=h).div_(spread).mul_(-8 * v * weight).div_(spread)
        shared = torch.mul(h, centred, out=spread).sum(self.dims, keepdim=True).div_(v).div_(self.free)
        h.sub_(h.mean(self.dims, keepdim=True))
        return torch.sub(h, centred.mul_(shared), out=spread)


def _energy(x: Tensor, mean: Tensor, v: Tensor) -> Tensor:
    """e of Eq. 3 from a channel's mean and v; shape of x."""
    return torch.div(4 * v, (x - mean).square_().add_(2 * v))


def _without_repeats(x: Tensor) -> Tensor:
    """One row of each dimension along which a tensor was expanded: ζ = ½ is one number."""
    return x[tuple(slice(1) if stride == 0 else slice(None) for stride in x.stride())]
