"""SimAM² in one step of autograd (`kernel="fused"`) against the equations one by one (`plain`), forward and backward.

The two alternate within one run; the bar is a quarter of the time at ζ = ½, where SimAM² is these equations alone.
A learned ζ is printed without a bar: for sequences the network that learns it takes most of the time.
"""

from __future__ import annotations

import pytest
import torch

from mmlib.fusion import SimAM2

BAR = 0.25


class Pass:
    """A forward and a backward pass of one kernel on fixed signals."""

    def __init__(self, shape: tuple[int, ...], zeta: str, kernel: str) -> None:
        torch.manual_seed(0)
        self.module = SimAM2(512, zeta=zeta, kernel=kernel)
        self.signals = [torch.randn(shape, requires_grad=True) for _ in range(2)]
        self.upstream = torch.randn(shape)

    def __call__(self) -> None:
        self.module(*self.signals).fused.backward(self.upstream)
        for x in (*self.signals, *self.module.parameters()):
            x.grad = None


@pytest.mark.benchmark(group="SimAM², forward and backward, CPU")
@pytest.mark.parametrize("zeta", ["half", "learned"])
@pytest.mark.parametrize("shape", [(64, 10, 512), (16, 512, 7, 7)], ids=str)
def test_one_step_against_the_equations(alternate, shape, zeta):
    plain, fused = Pass(shape, zeta, "plain"), Pass(shape, zeta, "fused")
    for _ in range(4):
        plain(), fused()  # memory that is fresh costs more
    alternate("fused / plain", plain, fused, BAR if zeta == "half" else None, rounds=60)
