"""The classification loss of AFC: golden values G7 of the published form, the paper's by hand, gradients."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

from mmlib.errors import ParameterError
from mmlib.losses.nca import nca_loss

SIMILAR = torch.tensor([[-0.2, -0.9, -1.5]], dtype=torch.float64)


def published(similarities, label, **settings):
    return nca_loss(similarities, torch.tensor([label]), form="published", **settings)


def test_golden_values_of_the_published_form():
    assert published(SIMILAR, 0).item() == pytest.approx(0.57048061, abs=1e-8)
    assert F.cross_entropy(SIMILAR, torch.tensor([0])).item() == pytest.approx(0.57048061, abs=1e-8)
    assert published(SIMILAR, 1).item() == pytest.approx(1.52089454, abs=1e-8)
    assert F.cross_entropy(SIMILAR, torch.tensor([1])).item() == pytest.approx(1.27048061, abs=1e-8)


def test_published_gradient_flows_through_the_largest_similarity():
    similar = SIMILAR.clone().requires_grad_()
    published(similar, 1).backward()
    assert similar.grad[0].tolist() == pytest.approx([0.88007570, -1, 0.11992430], abs=1e-8)
    # With the shift detached it would be the softmax of the others beside exp(0):
    detached = math.exp(0) / (1 + 1 + math.exp(-1.3))
    assert abs(similar.grad[0, 0].item() - detached) > 0.4


def test_published_margin_has_no_effect():
    for label in range(3):
        assert_close(published(SIMILAR, label, margin=0.0), published(SIMILAR, label, margin=0.6))


def test_published_equals_cross_entropy_where_the_true_class_is_nearest():
    generator = torch.Generator().manual_seed(0)
    similar = torch.randn(20, 5, generator=generator, dtype=torch.float64)
    nearest = similar.argmax(dim=1)
    one, other = similar.clone().requires_grad_(), similar.clone().requires_grad_()
    nca_loss(one, nearest, 2.0, form="published").backward()
    F.cross_entropy(2.0 * other, nearest).backward()
    assert_close(one.grad, other.grad)


def test_paper_form_by_hand():
    # label 1: others are -0.2 and -1.5; the true class is at -0.9 - 0.6.
    expected = math.log(math.exp(-0.2) + math.exp(-1.5)) + 1.5
    assert nca_loss(SIMILAR, torch.tensor([1])).item() == pytest.approx(expected, abs=1e-12)
    scaled = math.log(math.exp(-0.6) + math.exp(-4.5)) + 4.5
    assert nca_loss(SIMILAR, torch.tensor([1]), 3.0).item() == pytest.approx(scaled, abs=1e-12)
    # label 0 at -0.2 with the margin 0 is nearer than the others together, whose sum is e^-0.9 + e^-1.5: no loss left.
    assert nca_loss(SIMILAR, torch.tensor([0]), margin=0.0) == 0
    assert nca_loss(SIMILAR, torch.tensor([0]), margin=0.6) > 0


def test_paper_form_does_not_depend_on_a_shift_and_the_published_one_not_either():
    labels = torch.tensor([1])
    for form in ("paper", "published"):
        assert_close(nca_loss(SIMILAR - 3, labels, form=form), nca_loss(SIMILAR, labels, form=form))


@pytest.mark.parametrize("form", ["paper", "published"])
def test_gradients(form):
    generator = torch.Generator().manual_seed(1)
    similar = torch.randn(4, 3, generator=generator, dtype=torch.float64, requires_grad=True)
    scale = torch.tensor(1.5, dtype=torch.float64, requires_grad=True)
    labels = torch.tensor([0, 1, 2, 1])
    assert torch.autograd.gradcheck(lambda s, eta: nca_loss(s, labels, eta, form=form), (similar, scale))


def test_an_unknown_form_is_refused():
    with pytest.raises(ParameterError, match="choose one of 'paper', 'published'"):
        nca_loss(SIMILAR, torch.tensor([0]), form="clean")
