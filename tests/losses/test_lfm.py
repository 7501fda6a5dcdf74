"""LFM: the alignment worked out by hand in both directions, its gradient, its weights by epoch."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch
from torch.testing import assert_close
from waves import wave

from mmlib.errors import ParameterError, UsageError
from mmlib.losses.lfm import LFM, alignment, divergence, label_weight

THREE_TO_ONE = torch.tensor([[math.log(3), 0.0]], dtype=torch.float64)  # p = (3/4, 1/4)
EVEN = torch.tensor([[5.0, 5.0]], dtype=torch.float64)  # q = (1/2, 1/2), so m = (5/8, 3/8)
# ½ (5/8 ln 5/6 + 3/8 ln 3/2) + ½ (5/8 ln 5/4 + 3/8 ln 3/4)
PUBLISHED = 0.03484119
# ½ (3/4 ln 6/5 + 1/4 ln 2/3) + ½ (1/2 ln 4/5 + 1/2 ln 4/3)
JENSEN_SHANNON = 0.03382208


def test_the_worked_example_in_both_directions():
    assert divergence(THREE_TO_ONE, EVEN).item() == pytest.approx(PUBLISHED, rel=1e-6)
    assert divergence(THREE_TO_ONE, EVEN, "jensen_shannon").item() == pytest.approx(JENSEN_SHANNON, rel=1e-6)


@pytest.mark.parametrize("direction", ["published", "jensen_shannon"])
class TestDivergence:
    def test_is_symmetric_not_negative_and_zero_for_equal_distributions(self, direction):
        x, y = wave((6, 5), 1), wave((6, 5), 2)
        assert_close(divergence(x, y, direction), divergence(y, x, direction))
        assert (divergence(x, y, direction) > 0).all()
        assert_close(divergence(x, x + 3, direction), torch.zeros(6, dtype=x.dtype))

    def test_gradient(self, direction):
        x, y = (wave((3, 4), seed).requires_grad_() for seed in (1, 2))
        assert torch.autograd.gradcheck(lambda x, y: divergence(x, y, direction), (x, y))

    def test_equals_torchs_divergence(self, direction):
        x, y = wave((6, 5), 1), wave((6, 5), 2)
        p, q = x.softmax(-1), y.softmax(-1)
        m = (p + q) / 2
        kl = torch.nn.functional.kl_div  # of (log b, a): KL(a‖b)
        pairs = [(p.log(), m), (q.log(), m)] if direction == "published" else [(m.log(), p), (m.log(), q)]
        expected = sum(kl(b, a, reduction="none").sum(-1) for b, a in pairs) / 2
        assert_close(divergence(x, y, direction), expected)

    def test_far_apart_is_finite(self, direction):
        x, y = torch.tensor([[90.0, 0.0]]), torch.tensor([[0.0, 90.0]])
        found = divergence(x, y, direction)
        assert found.item() == pytest.approx(45 - math.log(2) if direction == "published" else math.log(2), rel=1e-5)


def test_of_three_modalities_it_is_the_mean_over_pairs():
    signals = {name: wave((4, 6), number) for number, name in enumerate("abc")}
    pairs = [divergence(signals[a], signals[b]).mean() for a, b in (("a", "b"), ("a", "c"), ("b", "c"))]
    assert_close(alignment(signals), sum(pairs) / 3)


def test_samples_that_dropped_a_modality_and_weights_of_samples():
    signals = {name: wave((4, 6), number) for number, name in enumerate("ab")}
    each = divergence(signals["a"], signals["b"])
    kept = torch.tensor([True, False, True, True])
    assert_close(alignment(signals, keep={"b": kept}), each[kept].sum() / 4)
    weight = torch.tensor([2.0, 0.0, 1.0, 0.5], dtype=each.dtype)
    assert_close(alignment(signals, rows=weight), (each * weight).mean())
    segments = {name: wave((4, 3, 6), number) for number, name in enumerate("ab")}
    assert_close(alignment(segments), divergence(segments["a"], segments["b"]).mean())


@pytest.mark.parametrize(
    ("epoch", "expected"), [(0, 0.2046), (10, 0.2478), (25, 0.3278), (50, 0.4367), (75, 0.4923), (99, 0.5366)]
)
def test_published_weights(epoch, expected):
    assert label_weight(epoch) == pytest.approx(expected, abs=5e-5)


def test_beyond_the_published_epochs_the_weight_is_a_share():
    assert all(0 <= label_weight(epoch) <= 1 for epoch in range(1000))


def output_of():
    features = {name: wave((4, 6), number) for number, name in enumerate("av")}
    heads = {name: wave((4, 3), number) for number, name in enumerate("av", 5)}
    return SimpleNamespace(features=features, head_logits=heads, keep=None)


LOSSES = {
    name: torch.tensor(value) for name, value in (("cross_entropy", 1.5), ("unimodal_a", 2.0), ("unimodal_v", 3.0))
}


def test_what_is_aligned_and_how_it_is_weighed():
    output = output_of()
    features, logits = alignment(output.features), alignment(output.head_logits)
    found = LFM()(LOSSES, output)
    assert list(found) == [*LOSSES, "alignment"]
    assert all(torch.equal(found[name], loss) for name, loss in LOSSES.items())
    assert_close(found["alignment"], features)
    assert_close(LFM("logits")(LOSSES, output)["alignment"], logits)
    usual = LFM(direction="jensen_shannon")(LOSSES, output)["alignment"]
    assert_close(usual, alignment(output.features, "jensen_shannon"))
    weighed = LFM("logits", weight="published")
    for epoch in (0, 50):
        weighed.start_epoch(epoch)
        found, label = weighed(LOSSES, output), label_weight(epoch)
        expected = 2 * (label * (1.5 + 2.0 + 3.0) + (1 - label) * logits)
        assert_close(sum(found.values()), expected, check_dtype=False)
        assert found["cross_entropy"].item() == pytest.approx(2 * label * 1.5)


def test_mistakes():
    with pytest.raises(ParameterError, match="LFM: direction is 'reverse'; choose one of 'published'"):
        LFM(direction="reverse")
    with pytest.raises(UsageError, match="unimodal_heads='attached'"):
        LFM("logits")(LOSSES, SimpleNamespace(features={}, head_logits=None, keep=None))
    with pytest.raises(UsageError, match=r"signals of one shape; got {'a': \(4, 6\), 'b': \(4, 5\)}"):
        alignment({"a": wave((4, 6), 0), "b": wave((4, 5), 0)})
    with pytest.raises(UsageError, match="two modalities or more"):
        alignment({"a": wave((4, 6), 0)})
