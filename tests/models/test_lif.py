"""The LIF neuron: hand-computed values, a slow reference written with plain autograd, layouts, other libraries."""

from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from mmlib.errors import ParameterError, UsageError
from mmlib.models.lif import LIF, integrate

# Currents of four steps; spikes, potentials before firing, and the gradient of the spikes' sum, worked out by hand.
# The second case pins the strict sign: with ">=" its neuron would fire at every step.
GOLDENS = [
    ([0.8, 0.8, 0.8, 0.8], [0, 1, 0, 1], [0.4, 0.6, 0.4, 0.6], [1.2, 0.8, 1.2, 0.8]),
    ([1.0, 1.0, 1.0, 1.0], [0, 1, 0, 1], [0.5, 0.75, 0.5, 0.75], [1.25, 0.5, 1.25, 0.5]),
    ([0.9, -0.4, 1.6, 0.3], [0, 0, 1, 0], [0.45, 0.025, 0.8125, 0.15], [1.01875, 0.2375, 0.375, 0.3]),
]


def column(values, dtype):
    return torch.tensor(values, dtype=dtype)[:, None]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("currents", "spikes", "potentials", "gradient"), GOLDENS)
def test_golden(currents, spikes, potentials, gradient, dtype):
    x = column(currents, dtype).requires_grad_()
    fired = LIF(4)(x)
    assert torch.equal(fired, column(spikes, dtype))
    assert_close(integrate(x, 4)[1], column(potentials, dtype))
    fired.sum().backward()
    assert_close(x.grad, column(gradient, dtype))


@pytest.mark.parametrize(("currents", "spikes", "potentials", "gradient"), GOLDENS[:2])
def test_a_constant_current_is_given_once(currents, spikes, potentials, gradient):
    x = torch.tensor(currents[:1], dtype=torch.float64, requires_grad=True)
    fired = LIF(4, constant=True)(x)
    assert fired.tolist() == spikes
    fired.sum().backward()
    assert x.grad.item() == pytest.approx(sum(gradient))


class Surrogate(torch.autograd.Function):
    """A step whose derivative is the triangle of height 2 and half width ½."""

    @staticmethod
    def forward(ctx, v, threshold):
        ctx.save_for_backward(v)
        ctx.threshold = threshold
        return (v > threshold).to(v.dtype)

    @staticmethod
    def backward(ctx, gradient):
        (v,) = ctx.saved_tensors
        return gradient * (2 - 4 * (v - ctx.threshold).abs()).clamp(min=0), None


def slow(currents, threshold, tau):
    """(T, N, ...) step by step, all gradients by autograd."""
    u, spikes = torch.zeros_like(currents[0]), []
    for x in currents:
        v = u + (x - u) / tau
        spikes.append(Surrogate.apply(v, threshold))
        u = v * (1 - spikes[-1].detach())
    return torch.stack(spikes)


@pytest.mark.parametrize(("threshold", "tau"), [(0.5, 2.0), (0.7, 3.0), (0.3, 1.0)])
@pytest.mark.parametrize("steps", [1, 2, 4, 7])
@pytest.mark.parametrize("constant", [False, True])
def test_equals_a_slow_reference(steps, threshold, tau, constant):
    generator = torch.Generator().manual_seed(steps)
    x = torch.randn(steps, 6, 3, 4, 5, generator=generator, dtype=torch.float64)
    if constant:
        x = x[0]
    mine, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    fired = LIF(steps, constant=constant, threshold=threshold, tau=tau)(mine if constant else mine.flatten(0, 1))
    expected = slow(theirs.expand(steps, *x.shape) if constant else theirs, threshold, tau).flatten(0, 1)
    assert torch.equal(fired, expected)
    assert 0 < fired.mean() < 1
    weights = torch.randn(fired.shape, generator=generator, dtype=torch.float64)
    (fired * weights).sum().backward()
    (expected * weights).sum().backward()
    assert_close(mine.grad, theirs.grad)


def test_nothing_is_left_from_one_batch_to_the_next():
    neuron, x = LIF(4), torch.full((4, 3), 0.9)
    first = neuron(x)
    assert torch.equal(neuron(x), first)
    assert not neuron.state_dict()


def test_samples_do_not_mix():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(4, 5, 2, 3, 3, generator=generator)
    whole = LIF(4)(x.flatten(0, 1)).unflatten(0, (4, 5))
    for sample in range(5):
        assert torch.equal(LIF(4)(x[:, sample]), whole[:, sample])


@pytest.mark.parametrize("constant", [False, True])
def test_the_memory_layout_is_kept(constant):
    x = torch.randn(8, 3, 5, 6).contiguous(memory_format=torch.channels_last).requires_grad_()
    fired = LIF(4, constant=constant)(x)
    assert fired.is_contiguous(memory_format=torch.channels_last)
    plain = x.detach().contiguous().requires_grad_()
    expected = LIF(4, constant=constant)(plain)
    assert expected.is_contiguous()
    assert torch.equal(fired, expected)
    weights = torch.randn(fired.shape)
    (fired * weights).sum().backward()
    (expected * weights).sum().backward()
    assert_close(x.grad, plain.grad)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_short_numbers_keep_their_type_but_not_for_the_membrane(dtype):
    """The potential creeps up to 0.504: rounded to bfloat16 at each step it would stop at the threshold."""
    x = torch.full((16, 2), 0.504, dtype=dtype).requires_grad_()
    fired = LIF(16)(x)
    assert fired.dtype == dtype
    assert fired.any()
    assert torch.equal(fired.float(), LIF(16)(x.detach().float()))
    fired.sum().backward()
    assert x.grad.dtype == dtype


def test_gradients_are_finite_where_potentials_are_large():
    x = torch.tensor([[1e30], [-1e30], [0.0], [1.0]], requires_grad=True)
    LIF(4)(x).sum().backward()
    assert torch.isfinite(x.grad).all()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("step", range(4))
def test_a_current_that_is_not_finite_shows(step, value):
    """A neuron that compares with NaN is silent, and the loss of a network of them would stay finite."""
    x = torch.full((4, 2), 0.8)
    x[step, 0] = value
    fired = LIF(4)(x)
    assert fired[-1, 0].isnan()
    assert fired[:, 1].tolist() == [0, 1, 0, 1]


@pytest.mark.parametrize("options", [{"time_steps": 0}, {"threshold": 0.0}, {"tau": 0.5}])
def test_values_out_of_range(options):
    with pytest.raises(ParameterError, match="must be at least 1, the threshold above 0"):
        LIF(**{"time_steps": 4, **options})


def test_rows_that_are_no_steps():
    with pytest.raises(UsageError, match="got 6 rows"):
        LIF(4)(torch.zeros(6, 2))


def currents_without_ties():
    generator = torch.Generator().manual_seed(3)
    return torch.randn(6, 200, generator=generator, dtype=torch.float64)


def test_spikingjelly_fires_the_same():
    neurons = pytest.importorskip("spikingjelly.activation_based.neuron")
    surrogate = pytest.importorskip("spikingjelly.activation_based.surrogate")
    other = neurons.LIFNode(
        tau=2.0,
        decay_input=True,
        v_threshold=0.5,
        v_reset=0.0,
        detach_reset=True,
        surrogate_function=surrogate.PiecewiseQuadratic(alpha=2.0),
        step_mode="m",
    )
    mine, theirs = currents_without_ties().requires_grad_(), currents_without_ties().requires_grad_()
    fired, expected = LIF(6)(mine), other(theirs)
    assert torch.equal(fired, expected)
    fired.square().sum().backward()
    expected.square().sum().backward()
    assert_close(mine.grad, theirs.grad)


def test_snntorch_fires_the_same():
    snntorch = pytest.importorskip("snntorch")
    other = snntorch.Leaky(beta=0.5, threshold=0.5, reset_mechanism="zero", reset_delay=False)
    x, membrane, expected = currents_without_ties(), torch.zeros(200, dtype=torch.float64), []
    for step in x:
        spikes, membrane = other(step / 2, membrane)
        expected.append(spikes)
    assert torch.equal(LIF(6)(x), torch.stack(expected))
