"""A step of Soft-HGR's critics with gradients that are written out, against autograd's; an estimate takes a thousand.

The two alternate within one run; the bar is four fifths of the time.
"""

from __future__ import annotations

import pytest
import torch

from mmlib.losses.critics import CriticPair
from mmlib.losses.soft_hgr import soft_hgr

BAR = 0.8
STEPS = 50


class Steps:
    """Steps of AdamW on critics of two times 32 features, 512 rows, whose weights are one vector."""

    def __init__(self, own: bool) -> None:
        torch.manual_seed(0)
        self.own, self.critics = own, CriticPair((32, 32))
        self.optimizer = torch.optim.AdamW([self.critics.as_one()], lr=3e-3, weight_decay=1e-3)
        self.features = torch.randn(512, 32), torch.randn(512, 32)

    def __call__(self) -> None:
        for _ in range(STEPS):
            if self.own:
                self.critics.ascend(self.optimizer, *self.features)
            else:
                self.optimizer.zero_grad(set_to_none=False)
                (-soft_hgr(*self.critics(*self.features))).backward()
                self.optimizer.step()


@pytest.mark.benchmark(group="Soft-HGR's critics, one step, CPU")
def test_gradients_written_out_against_autograd(alternate):
    autograd, own = Steps(False), Steps(True)
    autograd(), own()
    alternate("written out / autograd", autograd, own, BAR, rounds=30, steps=STEPS)
