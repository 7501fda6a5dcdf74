"""Distillation of AFC: golden distance of G7, importance and discrepancy by hand, limits, gradients."""

from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from mmlib.losses.feature_consolidation import feature_discrepancy, importance_weights, unit_distance

NEW = torch.tensor([[3.0, 4.0]], dtype=torch.float64)
OLD = torch.tensor([[4.0, 3.0]], dtype=torch.float64)


def test_golden_distance():
    assert unit_distance(NEW, OLD).tolist() == pytest.approx([0.28284271], abs=1e-8)
    assert unit_distance(10 * NEW, 0.1 * OLD).tolist() == pytest.approx([0.28284271], abs=1e-8)
    assert unit_distance(NEW, -NEW).tolist() == pytest.approx([2.0])


def test_importance_is_each_gradients_share_in_a_sample():
    gradients = {
        "pooled": torch.tensor([[3.0, 4.0], [0, 0]]),
        "audio": torch.tensor([[0.0], [0]]),
        "visual": torch.tensor([[0.0, 0, 15], [0, 0, 0]]),
    }
    found = importance_weights(gradients)
    assert found["pooled"].tolist() == pytest.approx([0.25, 1 / 3])  # a sample without a gradient weighs all alike
    assert found["audio"].tolist() == pytest.approx([0.0, 1 / 3])
    assert found["visual"].tolist() == pytest.approx([0.75, 1 / 3])
    scaled = importance_weights({name: 7 * gradient for name, gradient in gradients.items()})
    assert_close(scaled, found)  # so it does not matter that the loss is a mean over the batch


def test_discrepancy_by_hand():
    new, old = {"a": NEW.repeat(2, 1), "b": NEW.repeat(2, 1)}, {"a": OLD.repeat(2, 1), "b": NEW.repeat(2, 1)}
    weights = {"a": torch.tensor([0.5, 1.0], dtype=torch.float64), "b": torch.tensor([0.5, 0.0], dtype=torch.float64)}
    assert feature_discrepancy(new, old, weights).item() == pytest.approx(0.75 * 0.28284271, abs=1e-8)
    assert feature_discrepancy(new, old).item() == pytest.approx(0.28284271, abs=1e-8)


def test_no_change_costs_nothing_and_its_gradient_is_finite():
    features = {"a": NEW.clone().requires_grad_()}
    loss = feature_discrepancy(features, {"a": NEW})
    loss.backward()
    assert loss == 0
    assert torch.isfinite(features["a"].grad).all()


def test_gradient_reaches_the_new_features_alone():
    new, old = NEW.clone().requires_grad_(), OLD.clone().requires_grad_()
    weight = torch.ones(1, dtype=torch.float64, requires_grad=True)
    feature_discrepancy({"a": new}, {"a": old}, {"a": weight}).backward()
    assert old.grad is None
    assert weight.grad is None
    assert torch.autograd.gradcheck(lambda x: feature_discrepancy({"a": x}, {"a": OLD}), (new,))
