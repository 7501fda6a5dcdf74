"""Soft-HGR: the values of simam2.md section 7, invariances, limits, gradient, and the slow definition."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mmlib.errors import ParameterError, UsageError
from mmlib.losses.soft_hgr import column_correlations, correlation, soft_hgr, soft_hgr_gradients

F = torch.tensor([[1.0, 0], [2, -1], [0, 1], [3, 2]], dtype=torch.float64)
G = torch.tensor([[0.5, 1], [1, 0], [-1, 0.5], [1.5, -0.5]], dtype=torch.float64)


def random_pair(m=16, k=3):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(m, k, generator=generator, dtype=torch.float64)
    return x, 0.7 * x + 0.5 * torch.randn(m, k, generator=generator, dtype=torch.float64)


def test_golden_values():
    assert soft_hgr(F, G).shape == ()
    assert soft_hgr(F, G).item() == pytest.approx(1.0 - 2.361111 / 2, abs=1e-6)
    assert soft_hgr(F, G).item() == pytest.approx(-0.180556, abs=1e-6)
    assert soft_hgr(F[:, :1], G[:, :1]).item() == pytest.approx(0.361111, abs=1e-6)
    assert correlation(F[:, :1], G[:, :1]).item() == pytest.approx(0.956183, abs=1e-6)


def test_the_best_scale_of_one_critic_gives_half_the_squared_correlation():
    f, g = F[:, :1], G[:, :1]
    inner = ((f - f.mean()) * (g - g.mean())).sum() / 3
    best = (inner / (f.var() * g.var())).sqrt()
    assert soft_hgr(best * f, best * g).item() == pytest.approx(0.457143, abs=1e-6)
    assert correlation(best * f, best * g, "sqrt").item() == pytest.approx(0.956183, abs=1e-6)
    assert correlation(best * f, best * g, "raw").item() == pytest.approx(0.457143, abs=1e-6)


def test_equals_the_definition_with_numpys_covariances():
    f, g = random_pair()
    slow = sum(np.cov(f[:, i], g[:, i])[0, 1] for i in range(3))
    slow -= 0.5 * np.trace(np.cov(f.T.numpy()) @ np.cov(g.T.numpy()))
    assert soft_hgr(f, g).item() == pytest.approx(slow, abs=1e-12)


def test_a_shift_of_any_column_changes_nothing_and_rotating_both_changes_nothing():
    f, g = random_pair()
    rotation = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64))[0]
    assert torch.allclose(soft_hgr(f + 5, g - 2), soft_hgr(f, g))
    assert torch.allclose(soft_hgr(f @ rotation, g @ rotation), soft_hgr(f, g))
    assert torch.allclose(correlation(3 * f + 1, 0.5 * g), correlation(f, g))


def test_limits():
    f, _ = random_pair()
    assert correlation(f, f).item() == pytest.approx(1)
    assert correlation(f, -f).item() == pytest.approx(-1)
    assert correlation(f, torch.ones_like(f)).item() == 0
    assert correlation(f, -f, "sqrt").item() == pytest.approx(0, abs=1e-3)
    assert column_correlations(f, f).shape == (3,)


@pytest.mark.parametrize("scale", ["pearson", "sqrt", "raw"])
def test_gradients(scale):
    f, g = random_pair(6, 2)
    f = 0.5 * f  # where H is positive
    assert torch.autograd.gradcheck(lambda a, b: correlation(a, b, scale), (f.requires_grad_(), g.requires_grad_()))


@pytest.mark.parametrize(("rows", "outputs"), [(2, 1), (500, 1), (37, 3), (64, 8), (200, 16)])
def test_gradients_that_are_written_out_are_autograds(rows, outputs):
    generator = torch.Generator().manual_seed(rows)
    f, g = (torch.randn(rows, outputs, generator=generator).add_(0.3).requires_grad_() for _ in range(2))
    for own, known in zip(soft_hgr_gradients(f, g), torch.autograd.grad(soft_hgr(f, g), (f, g)), strict=True):
        assert torch.equal(own.detach(), known)


def test_says_what_is_wrong():
    with pytest.raises(UsageError, match="at least 2 rows"):
        soft_hgr(F[:1], G[:1])
    with pytest.raises(UsageError, match=r"\(4, 2\) and \(4, 1\)"):
        soft_hgr(F, G[:, :1])
    with pytest.raises(ParameterError, match="scale is 'cosine'"):
        correlation(F, G, "cosine")
