"""The held-out estimate of the maximal correlation against generators whose truth is known (simam2.md section 7)."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import leaky_relu, one_hot

from mmlib.analysis.maximal_correlation import maximal_correlation
from mmlib.errors import UsageError

N, HALF = 12_000, 6_000


def estimate(x, y, **options):
    return maximal_correlation((x[:HALF], y[:HALF]), (x[HALF:], y[HALF:]), **options).held_out


def gaussian(rho, d=3):
    """z2 = ρ z1 + √(1 - ρ²) n, seen through an injective map into a wider space."""
    generator = torch.Generator().manual_seed(3)
    z1, noise = torch.randn(2, N, d, generator=generator)
    z2 = rho * z1 + (1 - rho**2) ** 0.5 * noise
    maps = torch.randn(2, d, 8, generator=generator)
    return tuple(leaky_relu(z @ matrix, 0.4) for z, matrix in zip((z1, z2), maps, strict=True))


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.95])
def test_gaussian(rho):
    assert estimate(*gaussian(rho)) == pytest.approx(rho, abs=0.03)


@pytest.mark.parametrize("kept", [0.3, 0.8])
def test_k_ary_symbols_copied_or_drawn_anew(kept):
    generator = torch.Generator().manual_seed(5)
    symbol, other = torch.randint(6, (2, N), generator=generator)
    copied = torch.where(torch.rand(N, generator=generator) < kept, symbol, other)
    found = estimate(one_hot(symbol, 6).float(), one_hot(copied, 6).float(), outputs=3)
    assert found == pytest.approx(kept, abs=0.03)


def test_a_dependence_without_any_linear_correlation():
    x = torch.randn(N, 1, generator=torch.Generator().manual_seed(6))
    assert estimate(x, x.square()) > 0.95


def test_the_same_seed_gives_the_same_estimate_and_leaves_the_global_generator_alone():
    x, y = gaussian(0.5)
    state = torch.get_rng_state()
    assert estimate(x, y, steps=40) == estimate(x, y, steps=40)
    assert torch.equal(torch.get_rng_state(), state)


def test_too_few_rows():
    x = torch.randn(10, 2)
    with pytest.raises(UsageError, match="at least 20 paired rows"):
        maximal_correlation((x, x), (x, x))
