"""The importance of features: the gradients themselves, a frozen teacher, nothing left behind."""

from __future__ import annotations

import torch
from torch.testing import assert_close

from mmlib.continual.importance import consolidated, feature_importance
from mmlib.losses.feature_consolidation import feature_discrepancy, importance_weights
from mmlib.losses.nca import nca_loss
from mmlib.models.incremental import IncrementalAudioVisual


def setting():
    torch.manual_seed(0)
    model = IncrementalAudioVisual(3, audio_channels=4, visual_channels=5, classifier="local_similarity").double()
    model.grow(2)
    inputs = {
        "audio": torch.randn(6, 4, dtype=torch.float64),
        "visual": torch.randn(6, 2, 3, 5, dtype=torch.float64),
    }
    targets = torch.tensor([0, 1, 2, 3, 4, 0])
    return model, inputs, lambda output: nca_loss(output.logits, targets, model.classifier.scale, form="published")


def test_it_is_what_the_whole_networks_gradients_give():
    model, inputs, loss = setting()
    output = model(inputs)
    features = consolidated(output)
    expected = importance_weights(
        dict(zip(features, torch.autograd.grad(loss(output), list(features.values())), strict=True))
    )
    teacher = model.requires_grad_(False).eval()
    with torch.no_grad():
        found = feature_importance(teacher, teacher(inputs), loss)
    assert list(found) == ["pooled", "audio", "visual"]
    assert_close(found, expected)
    assert_close(sum(found.values()), torch.ones(6, dtype=torch.float64))
    assert_close(found["audio"], found["visual"])  # f is their sum, so one gradient reaches both
    assert not torch.isclose(found["audio"], found["pooled"]).any()


def test_parameters_get_no_gradient_from_it():
    model, inputs, loss = setting()
    found = feature_importance(model, model(inputs), loss)
    assert all(p.grad is None for p in model.parameters())
    assert not any(share.requires_grad for share in found.values())
    new = model(inputs)
    old = {name: value.detach() + 0.1 for name, value in consolidated(new).items()}
    feature_discrepancy(consolidated(new), old, found).backward()
    assert model.attention.project_visual.weight.grad.ne(0).any()
