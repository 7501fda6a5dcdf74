"""Purification networks: published sizes, worked pooling, padding that reaches nothing, gradients."""

from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from mmlib.errors import ParameterError, UsageError
from mmlib.models.mim import HardConcreteGate, SequenceUPN, VectorUPN
from mmlib.models.mim.pooling import pool, steps_of
from mmlib.models.mim.purification import as_steps, reverse


def size(module):
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize(
    ("channels", "steps", "expected"),
    [(80, 50, 43_381), (80, 49, 43_261), (64, 50, 28_261), (128, 10, 107_701), (512, 10, 1_708_597)],
)
def test_size_of_a_sequence_network(channels, steps, expected):
    assert size(SequenceUPN(channels, steps)) == expected


@pytest.mark.parametrize(("channels", "expected"), [(32, 422), (64, 1_612), (80, 2_656), (128, 6_553), (512, 105_062)])
def test_size_of_a_vector_network(channels, expected):
    assert size(VectorUPN(channels)) == expected


def test_parts_have_their_published_sizes():
    upn = SequenceUPN(80, 50)
    assert (size(upn.forth) + size(upn.back), size(upn.score), size(upn.mixing)) == (39_040, 3_281, 1_060)
    assert size(SequenceUPN(80, 49).mixing) == 940
    assert size(SequenceUPN(80, mixing=False)) == 39_040 + 3_281


def test_fresh_network_begins_open():
    """Statistics of the published layers on normal input: about 94 % open, penalty about .97."""
    torch.manual_seed(0)
    upn = SequenceUPN(80, 50).train()
    with torch.no_grad():
        found = upn(torch.randn(64, 50, 80))
    assert found.gate.mean().item() == pytest.approx(0.945, abs=0.02)
    assert found.penalty.mean().item() == pytest.approx(0.971, abs=0.005)
    assert abs(found.logits.mean()) < 0.12
    assert 0.05 < found.logits.std() < 0.4


class TestPooling:
    SEQUENCE = torch.tensor([[[1.0, 2], [3, 4], [-1, 0]]])

    def test_worked_example(self):
        gate = torch.tensor([[1.0, 0, 1]])
        assert_close(pool(self.SEQUENCE * gate[..., None]), torch.tensor([[0.0, 0.321343]]), atol=1e-6, rtol=0)
        assert_close(pool(self.SEQUENCE), torch.tensor([[0.331685, 0.654452]]), atol=1e-6, rtol=0)

    def test_padding_does_not_divide(self):
        mask = torch.tensor([[True, True, False]])
        assert_close(pool(self.SEQUENCE, "tanh", mask), torch.tanh(self.SEQUENCE[:, :2]).mean(dim=1))
        assert torch.equal(pool(self.SEQUENCE, "relu", mask & False), torch.zeros(1, 2))

    def test_steps_end_with_the_last_that_is_not_zero(self):
        inputs = torch.tensor([[[1.0], [0], [2], [0], [0]], [[0.0], [0], [0], [0], [0]]])
        assert steps_of(inputs).tolist() == [[True, True, True, False, False], [False] * 5]
        assert steps_of(torch.tensor([[4, 7, 0]])).tolist() == [[True, True, False]]


def test_reverse_turns_the_valid_steps_round_and_twice_does_nothing():
    steps = torch.arange(1, 11).view(2, 5, 1).float()
    mask = torch.tensor([[True] * 3 + [False] * 2, [True] * 5])
    assert reverse(steps, mask)[..., 0].tolist() == [[3, 2, 1, 4, 5], [10, 9, 8, 7, 6]]
    assert torch.equal(reverse(reverse(steps, mask), mask), steps)


class TestSequence:
    def test_matches_one_bidirectional_lstm(self):
        torch.manual_seed(1)
        upn, both = SequenceUPN(6, 7), torch.nn.LSTM(6, 3, batch_first=True, bidirectional=True)
        for name in ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"):
            getattr(both, name).data = getattr(upn.forth, name).data
            getattr(both, name + "_reverse").data = getattr(upn.back, name).data
        sequence = torch.randn(4, 7, 6)
        expected = upn.mixing(torch.relu(upn.score(both(sequence)[0]).squeeze(2)))
        assert_close(upn.logits(sequence), expected)

    def test_what_lies_in_the_padding_changes_nothing(self):
        torch.manual_seed(1)
        upn = SequenceUPN(6, 7)
        sequence, mask = torch.randn(3, 7, 6), torch.arange(7) < torch.tensor([[7], [4], [1]])
        other = torch.where(mask[..., None], sequence, torch.randn(3, 7, 6))
        uniform = torch.rand(3, 7)
        one, two = upn(sequence, mask, uniform), upn(other, mask, uniform)
        assert_close(one.vector, two.vector)
        assert_close(one.penalty, two.penalty)
        assert not one.gate[~mask].any()

    def test_padding_further_changes_nothing_without_mixing(self):
        torch.manual_seed(1)
        upn = SequenceUPN(6, mixing=False).eval()
        sequence = torch.randn(3, 5, 6)
        longer = torch.nn.functional.pad(sequence, (0, 0, 0, 4))
        mask = torch.ones(3, 5, dtype=torch.bool)
        found = upn(longer, torch.nn.functional.pad(mask, (0, 4)))
        assert_close(found.vector, upn(sequence, mask).vector)
        assert_close(found.vector, upn(sequence).vector)

    def test_a_closed_step_reaches_the_vector_no_more(self):
        upn = SequenceUPN(4, 3).double()
        sequence = torch.randn(1, 3, 4, dtype=torch.float64).requires_grad_()
        uniform = torch.tensor([[1 - 1e-6, 1e-6, 1 - 1e-6]], dtype=torch.float64)
        found = upn(sequence, uniform=uniform)
        assert found.gate.tolist() == [[1, 0, 1]]
        assert_close(found.vector, (torch.tanh(sequence) * found.gate[..., None]).sum(dim=1) / 3)

    def test_gradient_of_the_penalty(self):
        upn = SequenceUPN(4, 3).double()
        sequence = torch.randn(2, 3, 4, dtype=torch.float64, requires_grad=True)
        assert torch.autograd.gradcheck(lambda x: upn(x).penalty, (sequence,))

    def test_wrong_shapes(self):
        with pytest.raises(UsageError, match=r"takes \(B, 3, 4\); got \(2, 5, 4\)"):
            SequenceUPN(4, 3)(torch.zeros(2, 5, 4))
        with pytest.raises(ParameterError, match="even number of channels"):
            SequenceUPN(5, 3)


class TestVector:
    def test_gates_channels(self):
        torch.manual_seed(0)
        upn, vector = VectorUPN(10), torch.randn(3, 10)
        found = upn(vector, uniform=torch.full((3, 10), 0.5))
        assert_close(found.vector, vector * found.gate)
        assert found.gate.shape == (3, 10)
        assert found.penalty.shape == (3,)

    def test_evaluates_twice_the_same(self):
        upn, vector = VectorUPN(10).eval(), torch.randn(3, 10)
        assert torch.equal(upn(vector).vector, upn(vector).vector)

    def test_wrong_shape(self):
        with pytest.raises(UsageError, match=r"VectorUPN takes \(B, 10\)"):
            VectorUPN(10)(torch.zeros(2, 4))


def test_maps_are_sequences_of_positions():
    maps = torch.randn(2, 6, 3, 4)
    steps = as_steps(maps)
    assert steps.shape == (2, 12, 6)
    assert torch.equal(steps[:, 5], maps[:, :, 1, 1])
    assert SequenceUPN(6, 12, gate=lambda: HardConcreteGate(noise="always"))(steps).gate.shape == (2, 12)
