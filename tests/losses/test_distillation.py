"""Distillation of class scores: golden values G2 and G6, slices of unequal tasks, limits, gradients."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

from mmlib.errors import UsageError
from mmlib.losses.distillation import binary_distillation, task_distillation
from mmlib.losses.separated_cross_entropy import separated_cross_entropy

OLD = torch.tensor([[1, 0, 0.5, -0.5], [0, 2, -1, 1]], dtype=torch.float64)
NEW = torch.tensor([[0.8, 0.1, 0.2, 0, 1, -1], [0.3, 1.5, -0.5, 0.7, -0.2, 0.4]], dtype=torch.float64)
LABELS = torch.tensor([4, 5])


def test_golden_values_of_lwf():
    new = NEW.clone().requires_grad_()
    kept = task_distillation(new, OLD, [0, 2, 4])
    assert kept.tolist() == pytest.approx([0.03864753, 0.07190621], abs=1e-8)
    cross_entropy = separated_cross_entropy(new, LABELS, 4)
    assert cross_entropy.item() == pytest.approx(0.28220798, abs=1e-8)
    total = kept.sum() + cross_entropy
    assert total.item() == pytest.approx(0.39276172, abs=1e-8)
    total.backward()
    expected = [-0.03584175, 0.03584175, -0.09748014, 0.09748014, -0.05960146, 0.05960146]
    assert new.grad[0].tolist() == pytest.approx(expected, abs=1e-8)


def test_unequal_tasks_keep_their_own_slices():
    generator = torch.Generator().manual_seed(0)
    new, old = (torch.randn(3, size, generator=generator, dtype=torch.float64) for size in (9, 6))
    kept = task_distillation(new, old, [0, 1, 4, 6], temperature=3.0)
    for found, (start, end) in zip(kept, [(0, 1), (1, 4), (4, 6)], strict=True):
        p, q = torch.softmax(old[:, start:end] / 3, dim=1), torch.softmax(new[:, start:end] / 3, dim=1)
        assert_close(found, 9 * (p * (p / q).log()).sum() / 3)
    assert kept[0] == 0  # a task of one class has nothing to distil
    # Within a slice, a shift of all scores does not matter; over several tasks at once it would.
    shifted = new + torch.tensor([0, 5, 5, 5, -2, -2, 7, 7, 7])
    assert_close(task_distillation(shifted, old, [0, 1, 4, 6], temperature=3.0), kept)
    assert not torch.isclose(task_distillation(shifted, old, [0, 6]), task_distillation(new, old, [0, 6]))


def test_a_network_that_kept_everything_loses_nothing_and_the_old_one_gets_no_gradient():
    new, old = NEW.clone().requires_grad_(), NEW[:, :4].clone().requires_grad_()
    (task_distillation(new, old, [0, 2, 4]).sum() + binary_distillation(new, old)).backward()
    assert old.grad is None
    assert_close(new.grad, torch.zeros_like(new))  # both are at their least where the scores agree
    assert_close(task_distillation(new, old, [0, 2, 4]), torch.zeros(2, dtype=torch.float64))


def test_a_high_temperature_compares_scores_themselves():
    """T² KL → half the variance of the scores' differences, each class weighing the same."""
    found = task_distillation(NEW, OLD, [0, 4], temperature=1e4)
    difference = NEW[:, :4] - OLD
    assert_close(found[0], difference.var(dim=1, correction=0).mean() / 2, rtol=1e-3, atol=0)


@pytest.mark.parametrize("boundaries", [[0], [0, 2], [1, 4], [0, 2, 2, 4], [0, 3, 2, 4], [0, 2, 6], []])
def test_boundaries_that_do_not_fit_are_refused(boundaries):
    with pytest.raises(UsageError, match="boundaries of old tasks"):
        task_distillation(NEW, OLD, boundaries)


def test_golden_values_of_icarl():
    logits = torch.tensor([[0.5, -0.3, 1, 0.2], [0, 0.4, -0.2, 0.8]], dtype=torch.float64)
    old = torch.tensor([[1.0, -1], [0.2, 0.6]], dtype=torch.float64)
    cross_entropy = F.cross_entropy(logits, torch.tensor([2, 3]))
    assert cross_entropy.item() == pytest.approx(0.87823364, abs=1e-8)
    assert binary_distillation(logits, old).item() == pytest.approx(0.64787132, abs=1e-8)
    published = binary_distillation(logits, old, double_sigmoid=True)
    assert published.item() == pytest.approx(0.69004779, abs=1e-8)
    assert (cross_entropy + published).item() == pytest.approx(1.56828143, abs=1e-8)


def test_binary_distillation_needs_a_network_with_all_old_classes():
    with pytest.raises(UsageError, match="scores 4 classes, the new one 2"):
        binary_distillation(OLD[:, :2], OLD)


@pytest.mark.parametrize("double", [False, True])
def test_gradients(double):
    logits = NEW.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: task_distillation(x, OLD, [0, 1, 4]), (logits,))
    assert torch.autograd.gradcheck(lambda x: binary_distillation(x, OLD, double_sigmoid=double), (logits,))


def test_half_precision_is_computed_in_single():
    half = task_distillation(NEW.half(), OLD.half(), [0, 2, 4])
    assert half.dtype == torch.float32
    assert_close(half, task_distillation(NEW.half().float(), OLD.half().float(), [0, 2, 4]), rtol=0, atol=0)
