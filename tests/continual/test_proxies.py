"""Proxies of new classes: K-means finds what was planted, lengths, streams, refusals."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mmlib.continual.proxies import cluster_centres, imprinted_proxies
from mmlib.errors import UsageError
from mmlib.models.local_similarity import LocalSimilarityClassifier


def planted(seed=0, clips=20, noise=0.01):
    """Features of three corners each in two classes, of any length."""
    rng = np.random.default_rng(seed)
    corner = np.tile(np.arange(6), clips)
    features = np.eye(6)[corner] + noise * rng.standard_normal((6 * clips, 6))
    features *= rng.uniform(1, 9, size=(6 * clips, 1))
    return torch.from_numpy(features).float(), torch.from_numpy(4 + corner // 3)


def test_centres_of_clusters():
    rng = np.random.default_rng(0)
    truth = np.array([[0, 0], [10, 0], [0, 10.0]])
    features = np.repeat(truth, 50, axis=0) + rng.standard_normal((150, 2))
    found = cluster_centres(features, 3, seed=1)
    nearest = np.linalg.norm(found[:, None] - truth, axis=2)
    assert sorted(nearest.argmin(axis=1).tolist()) == [0, 1, 2]
    assert nearest.min(axis=1).max() < 0.5
    assert np.array_equal(found, cluster_centres(features, 3, seed=1))


@pytest.mark.filterwarnings("error")
def test_equal_clips_may_leave_a_cluster_empty():
    assert np.isfinite(cluster_centres(np.ones((12, 3)), 10, seed=0)).all()


def test_new_proxies_are_the_corners_at_the_old_ones_mean_length():
    features, targets = planted()
    torch.manual_seed(0)
    old = torch.randn(4, 3, 6)
    found = imprinted_proxies(features, targets, range(4, 6), 3, old)
    assert found.shape == (2, 3, 6)
    assert found.dtype == old.dtype
    for number, proxies in enumerate(found):
        corners = proxies.argmax(dim=1)
        assert sorted(corners.tolist()) == [3 * number, 3 * number + 1, 3 * number + 2]
        assert proxies.norm(dim=1).tolist() == pytest.approx([old.norm(dim=-1).mean().item()] * 3, rel=1e-2)
    classifier = LocalSimilarityClassifier(6, 4, 3)
    classifier.grow(2).imprint(imprinted_proxies(features, targets, range(4, 6), 3, classifier.old_proxies))
    assert classifier(features)[:, 4:].argmax(dim=1).add(4).eq(targets).all()


def test_a_class_has_its_own_stream():
    features, targets = planted(noise=0.3)
    old = torch.ones(4, 2, 6)
    both = imprinted_proxies(features, targets, range(4, 6), 2, old, seed=3)
    alone = imprinted_proxies(features[targets == 5], targets[targets == 5], range(5, 6), 2, old, seed=3)
    assert torch.equal(both[1], alone[0])


def test_a_class_with_too_few_clips_is_refused():
    features, targets = planted(clips=3)
    with pytest.raises(UsageError, match="class 4: 9 features cannot make 10 clusters: give more clips, or fewer"):
        imprinted_proxies(features, targets, range(4, 6), 10, torch.ones(4, 10, 6))
