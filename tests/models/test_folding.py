"""Norms folded into convolutions give the same outputs, and fold nothing that they must not."""

from __future__ import annotations

import copy

import torch
from torch import nn

from mmlib.models.folding import fold_norms


def network(bias):
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 4, 3, bias=bias), nn.BatchNorm2d(4), nn.ReLU(), nn.Sequential(nn.Conv2d(4, 2, 1), nn.ReLU())]
    found = nn.Sequential(*layers, nn.BatchNorm2d(2), nn.Conv2d(2, 5, 1), nn.BatchNorm2d(5, affine=False))
    for norm in found.modules():
        if isinstance(norm, nn.BatchNorm2d) and norm.affine:
            nn.init.normal_(norm.weight)
            nn.init.normal_(norm.bias)
    found.train()
    found(torch.randn(8, 3, 6, 6) + 1)
    return found.eval()


def test_the_function_stays_and_the_factor_is_that_of_the_weights():
    x = torch.randn(5, 3, 6, 6)
    for bias in (False, True):
        plain = network(bias)
        folded = copy.deepcopy(plain)
        factors = fold_norms(folded)
        assert set(factors) == {"0.weight"}, "the second follows another block, the third has no scale"
        assert isinstance(folded[1], nn.Identity)
        assert isinstance(folded[4], nn.BatchNorm2d)
        torch.testing.assert_close(folded(x), plain(x))
        torch.testing.assert_close(folded[0].weight, plain[0].weight * factors["0.weight"])
        assert not isinstance(plain[1], nn.Identity)


def test_a_norm_in_training_stays():
    assert fold_norms(network(False).train()) == {}
