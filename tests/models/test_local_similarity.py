"""The classifier of several proxies per class: golden values G7, growth, what is frozen, states."""

from __future__ import annotations

import copy

import pytest
import torch
from torch.testing import assert_close

from mmlib.errors import UsageError
from mmlib.models.local_similarity import LocalSimilarityClassifier


def test_golden_values():
    classifier = LocalSimilarityClassifier(2, 2, 2).double()
    classifier.imprint(torch.tensor([[[1.0, 0], [0, 1]], [[1, 1], [-1, 0]]], dtype=torch.float64))
    x = torch.tensor([[1.0, 2]], dtype=torch.float64)
    similar = classifier.similarities(x)
    assert similar.shape == (1, 2, 2)
    expected = [-1.10557281, -0.21114562, -0.10263340, -2.89442719]
    assert similar.flatten().tolist() == pytest.approx(expected, abs=1e-8)
    # The second one is given as -0.26391289, which is not what its similarities make: they are pinned to all digits.
    assert classifier(x)[0].tolist() == pytest.approx([-0.47070576, -0.26391289], rel=2e-6)
    assert classifier(x)[0].tolist() == pytest.approx([-0.47070576, -0.26391320], abs=1e-8)
    assert_close(classifier(100 * x), classifier(x))


def test_similarity_is_minus_the_squared_distance():
    torch.manual_seed(0)
    classifier, x = LocalSimilarityClassifier(5, 3, 4).double(), torch.randn(6, 5, dtype=torch.float64)
    for row, found in zip(x, classifier.similarities(x), strict=True):
        for proxies, values in zip(classifier.proxies, found, strict=True):
            for proxy, value in zip(proxies, values, strict=True):
                assert_close(value, -(row / row.norm() - proxy / proxy.norm()).square().sum())


def test_proxies_are_drawn_kaiming_normal():
    torch.manual_seed(0)
    assert LocalSimilarityClassifier(400, 20).proxies.std().item() == pytest.approx(400**-0.5, rel=0.02)


@pytest.mark.parametrize("keep", [False, True])
def test_growing_freezes_the_old_proxies(keep):
    torch.manual_seed(0)
    classifier = LocalSimilarityClassifier(4, 3, 2, keep_scale=keep)
    with torch.no_grad():
        classifier.scale.fill_(2.5)
    x = torch.randn(5, 4)
    before, old = classifier(x), classifier.proxies.detach().clone()
    assert classifier.grow(2) is classifier
    assert classifier.num_classes == 5
    assert_close(classifier(x)[:, :3], before)
    assert classifier.scale.item() == (2.5 if keep else 1.0)
    optimizer = torch.optim.Adam(classifier.parameters(), lr=0.1, weight_decay=0.1)
    new = classifier.proxies.detach().clone()
    (classifier.scale * classifier(x)).sum().backward()
    optimizer.step()
    assert torch.equal(classifier.old_proxies, old)  # moved neither by the gradient nor by weight decay
    assert not torch.isclose(classifier.proxies, new).any()
    assert classifier.grow(1).all_proxies.shape == (6, 2, 4)
    assert torch.equal(classifier.old_proxies[:3], old)


def test_a_state_loads_wherever_the_number_of_classes_is_the_same():
    torch.manual_seed(0)
    grown = LocalSimilarityClassifier(4, 3, 2).grow(2)
    x = torch.randn(5, 4)
    for old in (0, 1, 3, 4):
        other = LocalSimilarityClassifier(4, 5, 2, old_classes=old)
        state = grown.state_dict()
        other.load_state_dict(state)
        assert torch.equal(other(x), grown(x))
        assert (len(other.old_proxies), len(other.proxies)) == (old, 5 - old)
        assert len(state["proxies"]) == 2  # the caller's state is left alone
    with pytest.raises(RuntimeError, match="size mismatch"):
        LocalSimilarityClassifier(4, 6, 2).load_state_dict(grown.state_dict())
    twin = copy.deepcopy(grown)
    assert_close(twin.grow(1)(x)[:, :5], grown(x))
    assert grown.num_classes == 5


def test_misuse_is_refused():
    with pytest.raises(UsageError, match="at least one must be new"):
        LocalSimilarityClassifier(4, 3, old_classes=3)
    with pytest.raises(UsageError, match=r"shape \(3, 10, 4\)"):
        LocalSimilarityClassifier(4, 3).imprint(torch.zeros(2, 10, 4))


def test_gradients():
    torch.manual_seed(0)
    classifier = LocalSimilarityClassifier(3, 2, 2).double()
    x = torch.randn(2, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(classifier, (x,))
