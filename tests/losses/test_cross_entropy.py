"""Cross-entropy with and without a weight per sample."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from mmlib.losses.cross_entropy import cross_entropy


@pytest.mark.parametrize("shape", [(6,), (6, 4)], ids=["samples", "segments"])
def test_without_weights_it_is_torchs(shape):
    logits, targets = torch.randn(*shape, 5), torch.randint(5, shape)
    for smoothing in (0.0, 0.1):
        expected = F.cross_entropy(logits.flatten(0, -2), targets.flatten(), label_smoothing=smoothing)
        assert torch.equal(cross_entropy(logits, targets, label_smoothing=smoothing), expected)


@pytest.mark.parametrize("shape", [(6,), (6, 4)], ids=["samples", "segments"])
def test_weights_count_samples(shape):
    logits, targets = torch.randn(*shape, 5, dtype=torch.float64), torch.randint(5, shape)
    weight = torch.tensor([0, 1, 2, 0.5, 0, 3], dtype=torch.float64)
    slow = sum(
        w * F.cross_entropy(z.reshape(-1, 5), y.reshape(-1)) for w, z, y in zip(weight, logits, targets, strict=True)
    )
    torch.testing.assert_close(cross_entropy(logits, targets, weight), slow / 6)
    torch.testing.assert_close(cross_entropy(logits, targets, torch.ones(6)), cross_entropy(logits, targets))


def test_a_sample_of_weight_0_gets_no_gradient():
    logits = torch.randn(3, 4, requires_grad=True)
    cross_entropy(logits, torch.tensor([0, 1, 2]), torch.tensor([1.0, 0.0, 2.0])).backward()
    assert logits.grad[1].eq(0).all()
    assert logits.grad[0].ne(0).all()


def test_shares_of_a_batch_add_up():
    logits, targets, weight = torch.randn(7, 4), torch.randint(4, (7,)), torch.rand(7)
    parts = [slice(0, 4), slice(4, 7)]
    shares = [cross_entropy(logits[part], targets[part], weight[part]) * len(targets[part]) / 7 for part in parts]
    torch.testing.assert_close(sum(shares), cross_entropy(logits, targets, weight))
