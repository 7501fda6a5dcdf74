"""Nearest class mean: golden values G6, means by a loop, the published filling, refusals."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

from mmlib.continual.herding import herd
from mmlib.continual.nearest_mean import class_means, mean_distances
from mmlib.errors import UsageError

CLIPS = torch.tensor([[3, 4], [4, 3], [5, 0], [0, 5], [4.8, 1.4]], dtype=torch.float64)


@pytest.mark.parametrize(("count", "mean"), [(2, [0.8, 0.6]), (3, [0.8, 0.6]), (4, [0.75, 0.65])])
def test_golden_means_of_herding_with_repeats(count, mean):
    chosen = herd(F.normalize(CLIPS, dim=1).numpy(), count, repeats=True)
    found = class_means(CLIPS[chosen], torch.zeros(count, dtype=torch.long), 1)
    assert found[0].tolist() == pytest.approx(mean, abs=1e-8)


def test_golden_distances():
    means = torch.tensor([[0.8, 0.6], [-0.6, 0.8]], dtype=torch.float64)
    for scale in (1.0, 20.0):  # queries are normalised
        found = mean_distances(scale * torch.tensor([[0.1, 1]], dtype=torch.float64), means)
        assert found[0].tolist() == pytest.approx([0.80420732, 0.72618521], abs=1e-8)
        assert found.argmin(dim=1).item() == 1


def test_means_are_of_normalised_features_and_not_normalised_again():
    features = torch.tensor([[2.0, 0], [0, 7], [0, 3], [1, 0], [5, 0]], dtype=torch.float64)
    found = class_means(features, torch.tensor([1, 1, 0, 1, 1]), 2)
    assert_close(found, torch.tensor([[0.0, 1], [0.75, 0.25]], dtype=torch.float64))


def test_published_filling_with_zero_vectors_shortens_a_mean():
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(99, 4, generator=generator, dtype=torch.float64)
    targets = torch.zeros(99, dtype=torch.long)
    assert_close(class_means(features, targets, 1, count=150), class_means(features, targets, 1) * 99 / 150)


def test_a_class_without_an_exemplar_is_refused():
    with pytest.raises(UsageError, match=r"classes \[1, 3\] have no exemplar"):
        class_means(CLIPS, torch.tensor([0, 0, 2, 2, 0]), 4)
