"""Critics f and g of Soft-HGR: one small network per modality, and how they are trained.

Their gradients are written out: a thousand steps are taken for an estimate, each of less than a millisecond, and nearly
a third of such a step was autograd's own work.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from mmlib.losses.soft_hgr import soft_hgr_gradients

LEAK = 0.1
"""Slope of the hidden units below zero."""


class Critic(nn.Module):
    """Maps features (m, C) to (m, k): a linear map plus a network of one hidden layer, on standardised columns.

    The linear part finds linear dependence at once; the network adds what is not linear.
    """

    def __init__(self, channels: int, outputs: int = 1, hidden: int = 64) -> None:
        super().__init__()
        self.linear = nn.Linear(channels, outputs)
        self.network = nn.Sequential(nn.Linear(channels, hidden), nn.LeakyReLU(LEAK), nn.Linear(hidden, outputs))

    def forward(self, features: Tensor) -> Tensor:
        return self.linear(features) + self.network(features)  # (m, k)

    def with_backward(self, features: Tensor) -> tuple[Tensor, Callable[[Tensor], None]]:
        """What `forward` gives of features (m, C), without autograd's trace, and a function of the gradient by that,
        (m, k), which writes those of the weights where gradients are, or as new ones.

        Call it where autograd is off (`torch.no_grad`).
        """
        enter, _, leave = self.network
        before = enter(features)  # (m, hidden)
        hidden = functional.leaky_relu(before, LEAK)

        def backward(gradient: Tensor) -> None:
            inside = torch.ops.aten.leaky_relu_backward(gradient @ leave.weight, before, LEAK, False)
            for layer, given, by in (
                (self.linear, features, gradient),
                (leave, hidden, gradient),
                (enter, features, inside),
            ):
                _put(layer.weight, by.T @ given)
                _put(layer.bias, by.sum(dim=0))

        return self.linear(features) + leave(hidden), backward


class CriticPair(nn.Module):
    """Critics of two modalities; initialised from a generator of their own, so that nothing else draws differently.

    Args:
        channels: features of the first and of the second modality.
        outputs: k.
        seed: of the initialisation.
    """

    def __init__(self, channels: tuple[int, int], outputs: int = 1, hidden: int = 64, seed: int = 0) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.first = Critic(channels[0], outputs, hidden)
            self.second = Critic(channels[1], outputs, hidden)
        self._whole: nn.Parameter | None = None

    def as_one(self) -> nn.Parameter:
        """All weights in one vector, of which those of the critics are parts from now on, and their gradients of its
        gradient: an optimiser that treats every number alike does the same with it in a few calls instead of dozens.
        """
        parameters = list(self.parameters())
        whole = nn.Parameter(torch.cat([parameter.detach().flatten() for parameter in parameters]))
        whole.grad = torch.zeros_like(whole)
        sizes = [parameter.numel() for parameter in parameters]
        for parameter, part, gradient in zip(parameters, whole.data.split(sizes), whole.grad.split(sizes), strict=True):
            parameter.data, parameter.grad = part.view_as(parameter), gradient.view_as(parameter)
        object.__setattr__(self, "_whole", whole)  # no parameter of the module: it would count twice
        return whole

    def forward(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Features (m, C1) and (m, C2) of the same samples to (m, k) each."""
        return self.first(x), self.second(y)

    @torch.no_grad()
    def ascend(self, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor) -> None:
        """One step towards a larger Soft-HGR on these features, which get no gradient, in the critics' precision."""
        with torch.autocast(x.device.type, enabled=False):
            (f, backward_first), (g, backward_second) = self.first.with_backward(x), self.second.with_backward(y)
            up_first, up_second = soft_hgr_gradients(f, g)
            backward_first(-up_first)  # optimisers descend
            backward_second(-up_second)
        optimizer.step()


def _put(parameter: nn.Parameter, gradient: Tensor) -> None:
    """A parameter's gradient, where there is one already: it may be a part of a vector. A frozen one has none."""
    if not parameter.requires_grad:
        return
    if parameter.grad is None:
        parameter.grad = gradient
    else:
        parameter.grad.copy_(gradient)


def standardised(x: Tensor) -> Tensor:
    """Columns of (m, C) with mean 0 and deviation 1 over the batch; a constant column is 0."""
    deviation, mean = torch.std_mean(x, dim=0, correction=0)
    return (x - mean) / (deviation + 1e-5)
