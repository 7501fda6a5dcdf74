"""The hard-concrete gate: worked examples, its probability against draws, its gradient, evaluation without noise."""

from __future__ import annotations

import math

import pytest
import torch
from torch.testing import assert_close

from mmlib.errors import ParameterError
from mmlib.models.mim import HardConcreteGate


def tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


class TestWorkedExamples:
    LOGITS = (0.0, -1.0, -2.768, -2.769, -2.9, -3.0)

    def test_without_noise(self):
        gate, penalty = HardConcreteGate()(tensor(*self.LOGITS), torch.full((6,), 0.5, dtype=torch.float64))
        assert gate.tolist() == [1, 1, 1, 0, 0, 0]
        assert_close(penalty[[0, 1, 4, 5]], tensor(0.971708, 0.926660, 0.653957, 0.630993), atol=1e-6, rtol=0)

    def test_with_noise_that_is_given(self):
        logits = tensor(0, -3, -2.5, -5, 1).requires_grad_()
        gate, penalty = HardConcreteGate()(logits, tensor(0.5, 0.5, 0.2, 0.9, 0.01))
        assert gate.tolist() == [1, 0, 0, 0, 0]
        assert_close(penalty, tensor(0.971708, 0.630993, 0.738170, 0.187929, 0.989402), atol=1e-6, rtol=0)
        assert penalty.mean().item() == pytest.approx(0.703641, abs=1e-6)
        (slope,) = torch.autograd.grad(gate.sum(), logits)
        assert_close(slope, tensor(4.44119e-4, 0.9, 0, 0.825611, 0), atol=1e-6, rtol=1e-5)

    @pytest.mark.parametrize(
        ("logit", "kept"), [(-4, 0.2260), (-3, 0.4425), (-2, 0.6833), (-1, 0.8543), (0, 0.9410), (1, 0.9774)]
    )
    def test_probability_of_an_open_gate(self, logit, kept):
        torch.manual_seed(0)
        gate = HardConcreteGate().train()
        assert gate.keep_probability(tensor(logit)).item() == pytest.approx(kept, abs=5e-5)
        drawn, _ = gate(torch.full((200_000,), float(logit)))
        assert drawn.mean().item() == pytest.approx(kept, abs=0.005)


def test_probability_and_penalty_are_the_closed_forms():
    logits = torch.linspace(-6, 3, 20, dtype=torch.float64)
    gate = HardConcreteGate()
    assert_close(gate.keep_probability(logits), torch.sigmoid(logits + 3 - math.log(2) / 3))
    assert_close(gate(logits)[1], torch.sigmoid(logits + 3 + math.log(5) / 3))


def test_penalty_is_the_probability_of_a_value_above_zero():
    torch.manual_seed(0)
    logit = torch.full((200_000,), -3.5, dtype=torch.float64)
    concrete = torch.sigmoid((logit + 3 + torch.logit(torch.rand_like(logit))) * 3)
    above = (concrete * 1.2 - 0.2 > 0).double().mean()
    assert above.item() == pytest.approx(HardConcreteGate()(logit[:1])[1].item(), abs=0.005)


def test_gradient_is_that_of_the_clamped_value():
    uniform = tensor(0.3, 0.6, 0.5, 0.45)
    logits = tensor(-2.6, -2.9, -3.0, -2.7).requires_grad_()
    (slope,) = torch.autograd.grad(HardConcreteGate()(logits, uniform)[0].sum(), logits)
    q = torch.sigmoid((logits + 3 + torch.logit(uniform)) * 3)
    assert_close(slope, (3.6 * q * (1 - q)).detach())


class TestNoise:
    LOGITS = torch.full((4, 50), -2.9)

    def test_evaluation_draws_nothing(self):
        gate = HardConcreteGate().eval()
        state = torch.get_rng_state()
        first, second = gate(self.LOGITS)[0], gate(self.LOGITS)[0]
        assert torch.equal(first, second)
        assert torch.equal(torch.get_rng_state(), state)

    def test_as_published_it_does(self):
        gate = HardConcreteGate(noise="always").eval()
        assert not torch.equal(gate(self.LOGITS)[0], gate(self.LOGITS)[0])

    def test_never(self):
        assert HardConcreteGate(noise="never").train()(self.LOGITS)[0].sum() == 0

    def test_training_follows_the_global_generator(self):
        gate = HardConcreteGate().train()
        drawn = []
        for _ in range(2):
            torch.manual_seed(3)
            drawn.append(gate(self.LOGITS)[0])
        assert torch.equal(*drawn)
        assert 0 < drawn[0].mean() < 1


@pytest.mark.parametrize("wrong", [{"beta": 0.0}, {"gamma": 0.1}, {"threshold": 1.0}, {"zeta": -1.0}])
def test_constants_that_make_no_gate(wrong):
    with pytest.raises(ParameterError, match="hard-concrete gate needs"):
        HardConcreteGate(**wrong)
