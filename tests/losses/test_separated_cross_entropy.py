"""Separated softmax: golden values G3, a loop over samples, limits, gradients."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

from mmlib.losses.distillation import task_distillation
from mmlib.losses.separated_cross_entropy import separated_cross_entropy

OLD = torch.tensor([[1, 0, 0.5, -0.5], [0, 2, -1, 1], [0.5, 0, 1.5, -0.5]], dtype=torch.float64)
NEW = torch.tensor(
    [[0.8, 0.1, 0.2, 0, 1, -1], [0.3, 1.5, -0.5, 0.7, -0.2, 0.4], [0.6, -0.2, 1.1, 0.3, 0.9, 0]], dtype=torch.float64
)
LABELS = torch.tensor([4, 5, 2])  # two new samples and an exemplar


def test_golden_values_of_ss_il():
    assert separated_cross_entropy(NEW[:2], LABELS[:2], 4).item() == pytest.approx(0.28220798, abs=1e-8)
    assert separated_cross_entropy(NEW[2:], LABELS[2:], 4).item() == pytest.approx(0.84517765, abs=1e-8)
    separated = separated_cross_entropy(NEW, LABELS, 4)
    assert separated.item() == pytest.approx(0.46986454, abs=1e-8)
    kept = task_distillation(NEW, OLD, [0, 2, 4])
    assert kept.tolist() == pytest.approx([0.02943083, 0.09912242], abs=1e-8)
    assert (separated + kept.sum()).item() == pytest.approx(0.59841779, abs=1e-8)


def test_each_sample_competes_in_its_own_slice_with_labels_counted_from_it():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(8, 7, generator=generator, dtype=torch.float64)
    targets = torch.tensor([0, 6, 2, 3, 5, 1, 4, 2])
    each = separated_cross_entropy(logits, targets, 3, reduction="none")
    for found, scores, label in zip(each, logits, targets.tolist(), strict=True):
        inside, offset = (scores[3:], 3) if label >= 3 else (scores[:3], 0)
        assert_close(found, F.cross_entropy(inside[None], torch.tensor([label - offset])))
    new = targets >= 3
    of_new = F.cross_entropy(logits[new][:, 3:], targets[new] - 3)
    of_old = F.cross_entropy(logits[~new][:, :3], targets[~new])
    weighted = (new.sum() * of_new + (~new).sum() * of_old) / 8
    assert_close(separated_cross_entropy(logits, targets, 3), weighted)


def test_no_gradient_leaves_a_slice():
    logits = NEW.clone().requires_grad_()
    separated_cross_entropy(logits, LABELS, 4).backward()
    assert logits.grad[:2, :4].eq(0).all()
    assert logits.grad[2, 4:].eq(0).all()
    assert logits.grad[:2, 4:].ne(0).all()
    assert_close(logits.grad.sum(dim=1), torch.zeros(3, dtype=torch.float64))


@pytest.mark.parametrize("old", [0, 6])
def test_with_one_slice_it_is_cross_entropy(old):
    assert torch.equal(separated_cross_entropy(NEW, LABELS, old), F.cross_entropy(NEW, LABELS))


def test_gradient():
    assert torch.autograd.gradcheck(lambda x: separated_cross_entropy(x, LABELS, 3), (NEW.clone().requires_grad_(),))
