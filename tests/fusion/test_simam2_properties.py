"""Shapes, bounds, limits, state, options and gradients of SimAM²."""

from __future__ import annotations

import math

import pytest
import torch
from torch.testing import assert_close

from mmlib.errors import ParameterError, UsageError
from mmlib.fusion import SimAM2, SimAM2Options

SHAPES = [(6, 8), (3, 4, 8), (3, 8, 4, 5)]


def pair(shape, dtype=torch.float32, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, *shape, generator=generator, dtype=dtype).unbind()


@pytest.mark.parametrize("kind", ["half", "learned", "channel"])
@pytest.mark.parametrize("shape", SHAPES)
def test_shapes(shape, kind):
    out = SimAM2(8, zeta=kind)(*pair(shape))
    assert out.fused.shape == out.energy.shape == out.gate.shape == shape
    assert out.zeta.shape == ((3, 8, 1, 1) if len(shape) == 4 else shape)
    assert out.r.shape == ()


def test_full_map_zeta_has_one_weight_per_position():
    assert SimAM2(8, zeta="learned", zeta_map="full")(*pair((3, 8, 4, 5))).zeta.shape == (3, 8, 4, 5)


def test_three_lines_in_a_borrowers_code():
    visual, audio = torch.randn(2, 4, 512)
    simam2 = SimAM2(512)
    fused = simam2(visual, audio).fused
    assert fused.shape == (4, 512)
    assert not list(simam2.parameters())


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", ["half", "learned"])
def test_bounds(shape, kind):
    for seed in range(20):
        out = SimAM2(8, zeta=kind)(*pair(shape, seed=seed))
        assert out.energy.min() > -2
        assert out.energy.max() < 4
        assert out.gate.min() > 0.119203
        assert out.gate.max() < 0.982014
        assert 0 <= out.r <= math.tanh(2.5)


@pytest.mark.parametrize("s", [0.1, 2.5, 10.0])
@pytest.mark.parametrize("kind", ["half", "channel"])
def test_constant_zeta_gives_r_of_tanh_one_whatever_s(s, kind):
    module = SimAM2(8, zeta=kind, s=s)
    for mode in (True, False):
        assert_close(module.train(mode)(*pair((6, 8))).r.item(), math.tanh(1))
    given = SimAM2(8, s=s)(*pair((6, 8)), zeta=torch.full((6, 8), 0.3))
    assert_close(given.r.item(), math.tanh(1))


def test_half_without_the_gate_is_the_mean_bit_for_bit():
    x1, x2 = pair((6, 8))
    assert torch.equal(SimAM2(8, gate="none")(x1, x2).fused, (x1 + x2) / 2)
    assert torch.equal(SimAM2(8, gate="none", scale="unit")(x1, x2).fused, x1 + x2)


def test_zeta_one_or_zero_leaves_one_signal():
    x1, x2 = pair((6, 8))
    module = SimAM2(8, gate="none")
    assert torch.equal(module(x1, x2, zeta=torch.ones(6, 8)).fused, x1)
    assert torch.equal(module(x1, x2, zeta=torch.zeros(6, 8)).fused, x2)


def test_equal_signals_have_their_own_energy_as_mutual_energy():
    x, _ = pair((6, 8), torch.float64)
    zeta = torch.rand(6, 8, dtype=torch.float64)
    out = SimAM2(8, lambda_u=1e-12).double()(x, x, zeta=zeta)
    assert_close(out.mutual / (2 * zeta * (1 - zeta)), out.e1)


def test_swapping_the_signals_and_zeta_changes_nothing():
    x1, x2 = pair((6, 8), torch.float64)
    zeta = torch.rand(6, 8, dtype=torch.float64)
    assert_close(
        SimAM2(8).double()(x1, x2, zeta=zeta).fused, SimAM2(8).double()(x2, x1, zeta=1 - zeta).fused, rtol=1e-10, atol=0
    )


def test_a_prediction_does_not_depend_on_its_batch():
    module = SimAM2(8, zeta="learned").eval()
    x1, x2 = pair((6, 8))
    whole = module(x1, x2).fused
    alone = torch.cat([module(x1[i : i + 1], x2[i : i + 1]).fused for i in range(6)])
    assert_close(whole, alone)


def test_constant_rows_are_finite_forwards_and_backwards():
    x = torch.full((4, 8), 0.7, requires_grad=True)
    out = SimAM2(8)(x, x)
    assert_close(out.e1, torch.full((4, 8), 2.0))
    assert_close(out.eu, torch.full((4, 8), 2.0))
    out.fused.sum().backward()
    assert torch.isfinite(x.grad).all()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_computed_in_single(dtype):
    x1, x2 = (x.to(dtype) for x in pair((6, 8)))
    assert_close(SimAM2(8)(x1, x2).fused, SimAM2(8)(x1.float(), x2.float()).fused)


# State: the record of variances and the average of r.


def test_record_grows_in_training_only_and_is_saved():
    module = SimAM2(8, zeta="learned", zeta_norm="none")
    module(*pair((6, 8)))
    first = module.correlation.var_max.clone()
    assert (first > 0).all()
    module.eval()(*pair((6, 8), seed=3))
    assert torch.equal(module.correlation.var_max, first)
    module.train()
    for seed in range(1, 9):
        module(*pair((6, 8), seed=seed))
    assert (module.correlation.var_max >= first).all()
    assert (module.correlation.var_max > first).any()
    other = SimAM2(8, zeta="learned", zeta_norm="none")
    other.load_state_dict(module.state_dict())
    x = pair((6, 8), seed=99)
    assert torch.equal(other(*x).fused, module(*x).fused)
    assert torch.equal(other.correlation.r, module.correlation.r)


def test_evaluation_uses_the_average_of_r_in_training():
    module = SimAM2(8, zeta="learned", zeta_norm="none")
    expected = None
    for seed in range(4):
        r = module(*pair((6, 8), seed=seed)).r
        expected = r if expected is None else 0.9 * expected + 0.1 * r
    assert_close(module.eval()(*pair((6, 8))).r, expected)
    module.options = SimAM2Options(zeta="learned", r_eval="batch")
    module.correlation.options = module.options
    assert module(*pair((6, 8))).r != expected


def test_record_per_epoch():
    module = SimAM2(8, var_max="epoch")
    module(*pair((6, 8)), zeta=torch.rand(6, 8))
    module.start_epoch()
    assert_close(module(*pair((6, 8)), zeta=0.5 + 0.01 * torch.rand(6, 8)).r.item(), math.tanh(2.5), atol=2e-3, rtol=0)


def test_theoretical_record_is_a_quarter():
    zeta = torch.rand(6, 8)
    r = SimAM2(8, var_max="theoretical")(*pair((6, 8)), zeta=zeta).r
    assert_close(r, torch.tanh(2.5 * zeta.var(0, correction=0).sum() / 2), atol=1e-5, rtol=0)


def test_mean_of_ratios():
    module = SimAM2(2, r_reduce="mean_of_ratios")
    module.correlation.var_max.copy_(torch.tensor([1.0, 4.0]))
    zeta = torch.tensor([[0.0, 0.5], [1.0, 0.5]])  # variances 1/4 and 0
    assert_close(module(*pair((2, 2)), zeta=zeta).r.item(), math.tanh(2.5 / 4 / 2), atol=1e-5, rtol=0)


def test_variance_as_a_moving_average():
    module = SimAM2(1, var_over="ema")
    wide, narrow = torch.tensor([[0.0], [1.0]]), torch.tensor([[0.5], [0.5]])  # variances 1/4 and 0
    module(*pair((2, 1)), zeta=wide)
    r = module(*pair((2, 1)), zeta=narrow).r
    assert_close(r.item(), math.tanh(2.5 * 0.9), atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("degradation", "factor"), [("none", 0.0), ("r", math.tanh(1)), ("one_minus_r", 1 - math.tanh(1))]
)
def test_degradation(degradation, factor):
    out = SimAM2(8, degradation=degradation)(*pair((6, 8)))
    assert_close(out.energy, out.mutual + factor * out.eu)


def test_tanh_before_the_superposition():
    x1, x2 = pair((6, 8))
    assert_close(SimAM2(8, zeta_tanh=True)(x1, x2).fused, SimAM2(8)(x1.tanh(), x2.tanh()).fused)


def test_a_batch_of_one_trains():
    module = SimAM2(8, zeta="learned")
    out = module(*pair((1, 8)))
    out.fused.sum().backward()
    assert torch.isfinite(out.fused).all()
    assert module.correlation.var_max.sum() == 0  # a single sample has no variance


# Gradients.


@pytest.mark.parametrize("shape", [(3, 4), (2, 2, 4), (2, 4, 2, 2)])
@pytest.mark.parametrize("r_grad", ["detach", "flow"])
def test_gradient(shape, r_grad):
    x1, x2 = (x.requires_grad_() for x in pair(shape, torch.float64))
    zeta = torch.rand(shape, dtype=torch.float64).mul(0.8).add(0.1).requires_grad_()
    module = SimAM2(4, r_grad=r_grad).double()
    module.correlation.var_max.fill_(1.0)  # above every variance, so that the record stays where it is

    def energies(x1, x2, zeta):
        out = module(x1, x2, zeta=zeta)
        return out.fused, out.energy

    if r_grad == "flow":
        assert torch.autograd.gradcheck(energies, (x1, x2, zeta))
        assert module(x1, x2, zeta=zeta).r.requires_grad
    else:
        assert torch.autograd.gradcheck(lambda x1, x2: energies(x1, x2, zeta.detach()), (x1, x2))
        assert not module(x1, x2, zeta=zeta).r.requires_grad


def test_zeta_network_learns():
    module = SimAM2(8, zeta="learned")
    module(*pair((6, 8))).fused.pow(2).sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in module.zeta.network.output.parameters())


def test_zeta_starts_near_one_half():
    assert (SimAM2(64, zeta="learned")(*pair((32, 64))).zeta - 0.5).abs().mean() < 0.2


# Options.


def test_unknown_option_and_value_name_the_known_ones():
    with pytest.raises(ParameterError, match="no option gain.*zeta_input"):
        SimAM2(8, gain=2)
    with pytest.raises(ParameterError, match="gate is 'softmax'.*'paper'"):
        SimAM2(8, gate="softmax")
    with pytest.raises(ParameterError, match="lambda_u"):
        SimAM2(8, lambda_u=0.0)


def test_shapes_that_do_not_fit():
    with pytest.raises(UsageError, match="equal shape with 8 channels"):
        SimAM2(8)(torch.randn(2, 8), torch.randn(2, 7))
    with pytest.raises(UsageError, match="spatial"):
        SimAM2(8, stat_axis="spatial")(*pair((2, 8)))


@pytest.mark.parametrize("axis", ["feature", "batch", "spatial"])
def test_statistics_of_a_map_along_each_axis(axis):
    x1, x2 = pair((3, 8, 4, 5))
    dims = {"feature": 1, "batch": (0, 2, 3), "spatial": (2, 3)}[axis]
    out = SimAM2(8, stat_axis=axis)(x1, x2)
    variance, mean = torch.var_mean(x1, dims, keepdim=True)
    assert_close(out.e1, 4 * variance / ((x1 - mean) ** 2 + 2 * variance))
