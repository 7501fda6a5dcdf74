"""The orthogonality constraint: values by hand, invariances, gradient."""

from __future__ import annotations

import pytest
import torch

from mmlib.losses.orthogonal_projection import orthogonal_projection

FOUR = [[1.0, 0], [1, 1], [0, 1], [2, 0]]


@pytest.mark.parametrize(
    ("features", "labels", "loss", "same", "different"),
    [
        (FOUR, [0, 0, 1, 1], 1.06893402, 0.35355330, 0.60355332),
        (FOUR, [0, 1, 2, 3], 1.36415401, 0.0, 0.52022001),
        (FOUR, [0, 0, 0, 0], 0.47977999, 0.52022001, 0.0),
        ([[1.0, 0], [-1, 1], [0, 1], [2, 0]], [0, 0, 1, 1], 1.77604062, -0.35355330, 0.60355332),
        (torch.eye(4).tolist(), [0, 1, 2, 3], 1.0, 0.0, 0.0),
        ([[1.0, 0], [1, 0], [0, 1], [0, 1]], [0, 0, 1, 1], 2.5e-7, 0.99999975, 0.0),
    ],
)
def test_values_by_hand(features, labels, loss, same, different):
    found = orthogonal_projection(torch.tensor(features, dtype=torch.float64), torch.tensor(labels))
    assert found.loss.shape == ()
    assert found.loss.item() == pytest.approx(loss, abs=1e-8)
    assert found.same.item() == pytest.approx(same, abs=1e-8)
    assert found.different.item() == pytest.approx(different, abs=1e-8)


def test_without_weight_only_equal_identities_count():
    features = torch.tensor(FOUR, dtype=torch.float64)
    found = orthogonal_projection(features, torch.tensor([0, 0, 1, 1]), negative_weight=0.0)
    assert found.loss.item() == pytest.approx(1 - 0.35355330, abs=1e-8)


def test_scale_and_order_do_not_matter():
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(12, 5, generator=generator, dtype=torch.float64)
    labels = torch.randint(4, (12,), generator=generator)
    order = torch.randperm(12, generator=generator)
    scaled = features * torch.rand(12, 1, generator=generator, dtype=torch.float64).add(0.1)
    expected = orthogonal_projection(features, labels).loss
    torch.testing.assert_close(orthogonal_projection(scaled, labels).loss, expected)
    torch.testing.assert_close(orthogonal_projection(features[order], labels[order]).loss, expected)


def test_equals_a_loop_over_pairs():
    generator = torch.Generator().manual_seed(1)
    features = torch.randn(9, 4, generator=generator, dtype=torch.float64)
    labels = torch.randint(3, (9,), generator=generator)
    same, different = [], []
    for i in range(9):
        for j in range(9):
            cosine = (features[i] @ features[j] / features[i].norm() / features[j].norm()).item()
            if i != j and labels[i] == labels[j]:
                same.append(cosine)
            if labels[i] != labels[j]:
                different.append(abs(cosine))
    expected = 1 - sum(same) / (len(same) + 1e-6) + 0.7 * sum(different) / (len(different) + 1e-6)
    assert orthogonal_projection(features, labels).loss.item() == pytest.approx(expected, abs=1e-12)


def test_gradient():
    features = torch.randn(6, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(2), requires_grad=True)
    labels = torch.tensor([0, 0, 1, 1, 2, 2])
    assert torch.autograd.gradcheck(lambda x: orthogonal_projection(x, labels).loss, (features,))
