"""The leaky integrate-and-fire (LIF) neuron of our SNN, with a surrogate gradient.

Paper says (IEMF, He et al., 2025): spiking networks of LIF neurons beside the ANN, T = 4 time steps.
Published code does: never spike. Both encoders are built with ReLU whatever neuron is asked for, and their state would
    be reset at every step. The neuron it does not use: threshold ½, τ = 2, hard reset to 0, a triangular surrogate.
We do: that neuron, with its state carried over T steps and begun at 0 for every batch:

    v_t = u_{t-1} + (x_t - u_{t-1}) / τ        the membrane potential before it fires, u_0 = 0
    s_t = 1 if v_t > threshold, else 0          strict: a potential that equals the threshold does not fire
    u_t = v_t (1 - s_t)                         hard reset; no gradient passes through this s_t
    ∂s/∂v ≈ max(0, 2 - 4 |v - threshold|)       a triangle of area 1

The gradient does pass along the membrane, from v_t to u_{t-1}.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from mmlib.errors import ParameterError, UsageError

HEIGHT, HALF_WIDTH = 2.0, 0.5
"""Of the surrogate's triangle."""


class LIF(nn.Module):
    """Spikes, 0 or 1, of neurons that are driven by currents for T steps and then forgotten.

    Steps are folded into the batch, step by step: rows 0..N-1 are the first step of N maps. So every other layer
    handles all steps at once, and nothing is left in the module when `forward` returns.

    Args:
        time_steps: T.
        constant: the current is the same at all steps (direct encoding) and given once.
        threshold: above which a neuron fires.
        tau: time constant of the membrane, in steps, at least 1 (which forgets at once).

    Shape: currents (T·N, ...), with `constant` (N, ...), in; spikes (T·N, ...) out, of the same type and layout. The
    membrane is computed in single precision at least.
    Raises: `ParameterError` for values out of range, `UsageError` for rows that are not T times as many as the maps.
    """

    def __init__(
        self, time_steps: int = 4, *, constant: bool = False, threshold: float = 0.5, tau: float = 2.0
    ) -> None:
        super().__init__()
        if time_steps < 1 or threshold <= 0 or tau < 1:
            raise ParameterError(
                f"LIF: time_steps is {time_steps}, threshold {threshold:g}, tau {tau:g}; time_steps and tau must be at "
                "least 1, the threshold above 0."
            )
        self.time_steps, self.constant, self.threshold, self.tau = time_steps, constant, threshold, tau

    def extra_repr(self) -> str:
        return f"{self.time_steps}, constant={self.constant}, threshold={self.threshold:g}, tau={self.tau:g}"

    def forward(self, currents: Tensor) -> Tensor:
        if not self.constant and len(currents) % self.time_steps:
            raise UsageError(
                f"LIF({self.time_steps}) takes {self.time_steps} steps of equally many maps in its first dimension; "
                f"got {len(currents)} rows."
            )
        exact = currents.float() if currents.dtype in (torch.float16, torch.bfloat16) else currents
        spikes = _Spikes.apply(exact, self.time_steps, self.constant, self.threshold, self.tau)
        return spikes.to(currents.dtype)


@torch.no_grad()
def integrate(
    currents: Tensor, time_steps: int, constant: bool = False, threshold: float = 0.5, tau: float = 2.0
) -> tuple[Tensor, Tensor]:
    """Spikes s and potentials before firing v, (T·N, ...) each, of currents as `LIF` takes them; without gradient.

    A current that is not finite gives a last spike that is not a number.
    """
    potentials = _empty_steps(currents, time_steps if constant else 1)
    spikes = torch.empty_like(potentials)
    fold = (time_steps, -1)
    x = currents.expand(time_steps, *currents.shape) if constant else currents.unflatten(0, fold)
    v, s = potentials.unflatten(0, fold), spikes.unflatten(0, fold)  # views (T, N, ...)
    torch.mul(x[0], 1 / tau, out=v[0])
    torch.gt(v[0], threshold, out=s[0])
    for step in range(1, time_steps):
        left = torch.addcmul(v[step - 1], v[step - 1], s[step - 1], value=-1)  # u = v (1 - s)
        torch.lerp(left, x[step], 1 / tau, out=v[step])
        torch.gt(v[step], threshold, out=s[step])
    s[-1].add_(v[-1], alpha=0)  # so that what is not finite is not taken for a silent neuron
    return spikes, potentials


class _Spikes(torch.autograd.Function):
    """Spikes (T·N, ...) of currents (T·N, ...), or of (N, ...) that stay the same."""

    @staticmethod
    def forward(
        ctx: torch.autograd.function.FunctionCtx,
        currents: Tensor,
        time_steps: int,
        constant: bool,
        threshold: float,
        tau: float,
    ) -> Tensor:
        spikes, potentials = integrate(currents, time_steps, constant, threshold, tau)
        ctx.save_for_backward(spikes, potentials)
        ctx.settings = time_steps, constant, threshold, tau
        return spikes

    @staticmethod
    @once_differentiable
    def backward(ctx: torch.autograd.function.FunctionCtx, gradient: Tensor) -> tuple[Tensor | None, ...]:
        spikes, potentials = ctx.saved_tensors
        time_steps, constant, threshold, tau = ctx.settings
        # The surrogate over its slope, max(0, HALF_WIDTH - |v - threshold|), in few passes over the memory.
        through = torch.rsub(potentials, threshold + HALF_WIDTH)
        low = threshold - HALF_WIDTH
        torch.minimum(through, potentials - low if low else potentials, out=through)
        through.clamp_(min=0).mul_(gradient)
        fold, keep = (time_steps, -1), 1 - 1 / tau
        g, s = through.unflatten(0, fold), spikes.unflatten(0, fold)
        for step in range(time_steps - 2, -1, -1):  # what the next step's potential hands back, where there is no reset
            g[step].add_(g[step + 1], alpha=keep).addcmul_(g[step + 1], s[step], value=-keep)
        found = g.sum(dim=0) if constant else through
        return found.mul_(HEIGHT / HALF_WIDTH / tau), None, None, None, None


def _empty_steps(currents: Tensor, copies: int) -> Tensor:
    """Room for (copies · rows, ...) in the memory layout of the currents."""
    last = currents.dim() == 4 and currents.is_contiguous(memory_format=torch.channels_last)
    layout = torch.channels_last if last and not currents.is_contiguous() else torch.contiguous_format
    shape = (copies * len(currents), *currents.shape[1:])
    return torch.empty(shape, dtype=currents.dtype, device=currents.device, memory_format=layout)
