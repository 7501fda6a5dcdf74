"""SimAM and the energy functions (Eq. 1-3)."""

from __future__ import annotations

import math

import pytest
import torch
from torch.testing import assert_close

from mmlib.errors import UsageError
from mmlib.fusion.simam import SimAM, minimal_energy

ROW = torch.tensor([1.0, 2.0, 3.0, 6.0], dtype=torch.float64)


def separation_energy(
    w: torch.Tensor, b: torch.Tensor, t: torch.Tensor, others: torch.Tensor, lam: float = 0.0
) -> torch.Tensor:
    """Energy of one linear separation of neuron `t` from `others` (Eq. 1, labels +1 and -1).

    Args:
        w, b, t: (...) slope, offset and target neuron.
        others: (..., M - 1) the other neurons of the channel.
        lam: weight λ of the penalty on w².

    Returns:
        (...) the energy, at least 0.
    """
    misfit_others = (-1 - (w.unsqueeze(-1) * others + b.unsqueeze(-1))) ** 2
    return misfit_others.mean(dim=-1) + (1 - (w * t + b)) ** 2 + lam * w**2


def best_separation(t: torch.Tensor, others: torch.Tensor, lam: float = 0.0) -> tuple[torch.Tensor, torch.Tensor]:
    """Slope w and offset b that minimise `separation_energy` (Eq. 2); statistics exclude `t`. Shapes as there."""
    variance, mean = torch.var_mean(others, dim=-1, correction=0)
    w = 2 * (t - mean) / ((t - mean) ** 2 + 2 * variance + 2 * lam)
    return w, -0.5 * (t + mean) * w


@pytest.mark.parametrize("shape", [(3, 5), (3, 4, 5), (3, 5, 4, 2)])
def test_keeps_the_shape_of_vectors_sequences_and_maps(shape):
    assert SimAM()(torch.randn(shape)).shape == shape


@pytest.mark.parametrize(("ddof", "expected"), [(1, [1.4, 1.806452, 2.0, 1.018182]), (0, [1.272727, 1.75, 2.0, 0.875])])
def test_minimal_energy_of_a_known_row(ddof, expected):
    assert_close(minimal_energy(ROW, -1, 0.0, ddof).tolist(), expected, atol=1e-6, rtol=0)


def test_output_of_a_known_row():
    expected = [0.671346, 1.269927, 1.867378, 4.365187]
    assert_close(SimAM()(ROW.view(1, 4))[0].tolist(), expected, atol=1e-6, rtol=0)
    assert_close(SimAM()(ROW.view(1, 1, 2, 2)).flatten().tolist(), expected, atol=1e-6, rtol=0)


def test_best_separation_of_a_known_neuron():
    others, t = ROW[:3], ROW[3]
    w, b = best_separation(t, others, lam=0.1)
    assert_close([w.item(), b.item()], [0.456274, -1.825095], atol=1e-6, rtol=0)
    energy = separation_energy(w, b, t, others, lam=0.1)
    assert_close(energy.item(), 0.174905, atol=1e-6, rtol=0)
    # All-neuron statistics, which Eq. 3 uses, are a poor approximation for four neurons.
    assert_close(minimal_energy(ROW, -1, 0.1, ddof=0)[3].item(), 0.888889, atol=1e-6, rtol=0)


def test_no_other_separation_has_less_energy():
    torch.manual_seed(0)
    t, others = torch.randn(20, dtype=torch.float64), torch.randn(20, 7, dtype=torch.float64)
    w, b = best_separation(t, others, lam=0.3)
    best = separation_energy(w, b, t, others, lam=0.3)
    for _ in range(50):
        dw, db = 0.1 * torch.randn(2, 20, dtype=torch.float64)
        assert (separation_energy(w + dw, b + db, t, others, lam=0.3) >= best).all()
    variance, mean = torch.var_mean(others, dim=-1, correction=0)
    assert_close(best, 4 * (variance + 0.3) / ((t - mean) ** 2 + 2 * variance + 2 * 0.3))  # Eq. 3
    assert ((t - mean) * w >= 0).all()


def test_energy_range_and_gate_range():
    torch.manual_seed(0)
    x = torch.randn(100, 9, dtype=torch.float64)
    energy = minimal_energy(x, -1)
    smallest = 4 / ((9 - 1) ** 2 / 9 + 2)
    assert energy.min() >= smallest - 1e-9
    assert energy.max() <= 2
    single = torch.zeros(1, 9, dtype=torch.float64)
    single[0, 0] = 1
    assert_close(minimal_energy(single, -1)[0, 0].item(), smallest)
    gate = torch.sigmoid(1 / minimal_energy(x, -1, 1e-4))
    assert gate.min() >= 0.622459
    assert gate.max() < 1


@pytest.mark.parametrize("value", [0.0, 0.1, -7.3, 1000.1, 3e7])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_constant_row_has_energy_two(value, dtype):
    energy = minimal_energy(torch.full((3, 513), value, dtype=dtype), -1)
    assert_close(energy, torch.full_like(energy, 2.0))


def test_one_neuron_has_energy_two():
    assert minimal_energy(torch.randn(4, 1), -1).tolist() == [[2.0]] * 4


def test_energy_ignores_offset_and_scale_without_lambda():
    torch.manual_seed(0)
    x = torch.randn(5, 33, dtype=torch.float64)
    assert_close(minimal_energy(-3 * x + 11, -1), minimal_energy(x, -1))


def test_gradient():
    x = torch.randn(2, 3, 2, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(SimAM(), (x,))


def test_equals_a_slow_reference():
    torch.manual_seed(0)
    x = torch.randn(2, 3, 4, 5, dtype=torch.float64)
    expected = torch.empty_like(x)
    for b in range(2):
        for c in range(3):
            values = x[b, c].flatten().tolist()
            mean = sum(values) / 20
            variance = sum((v - mean) ** 2 for v in values) / 19
            for i, v in enumerate(values):
                importance = (v - mean) ** 2 / (4 * (variance + 1e-4)) + 0.5
                expected[b, c].view(-1)[i] = v / (1 + math.exp(-importance))
    assert_close(SimAM()(x), expected)


def test_says_which_shapes_it_takes():
    with pytest.raises(UsageError, match=r"\(B, C\)"):
        SimAM()(torch.randn(3))
