"""Localisation metrics: the toy example by hand, a slow reference on random labels, intervals."""

from __future__ import annotations

import numpy as np
import pytest

from mmlib.errors import UsageError
from mmlib.metrics.localisation import (
    accuracy_difference,
    accuracy_interval,
    boundary_errors,
    class_recalls,
    clip_accuracy,
    find_events,
    localisation_metrics,
    match_events,
    overlaps,
)

B = 28
TRUE = np.array([[B, B, 2, 2, 2, 2, B, B, B, B], [5] * 10, [B] * 5 + [7] * 5])
PRED = np.array([[B, B, B, 2, 2, 2, 2, B, B, B], [5, 5, 5, 5, 5, 6, 5, 5, 5, 5], [B] * 10])


def test_toy_example():
    found = localisation_metrics(PRED, TRUE, B)
    assert found["accuracy"] == pytest.approx(22 / 30)
    assert found["event_f1"] == pytest.approx(0.571429, abs=1e-6)
    assert found["class_accuracy"] == pytest.approx(0.639773, abs=1e-6)
    assert class_recalls(PRED, TRUE) == pytest.approx({2: 0.75, 5: 0.9, 7: 0.0, 28: 0.909091}, abs=1e-6)
    assert found["foreground_accuracy"] == pytest.approx(12 / 19)
    assert found["background_recall"] == pytest.approx(10 / 11)
    assert found["background_precision"] == pytest.approx(10 / 16)
    assert found["eventness_f1"] == pytest.approx(2 * 13 / (19 + 14))
    assert found["event_iou"] == pytest.approx((0.6 + 0.5 + 0) / 3)
    assert found["event_f1_70"] == 0.0
    errors = boundary_errors(PRED, TRUE, B)
    assert (errors.onset, errors.offset, errors.matched) == (0.5, 3.0, 2)


def test_perfect_and_empty_predictions():
    perfect = localisation_metrics(TRUE, TRUE, B)
    assert set(perfect.values()) == {1.0}
    nothing = localisation_metrics(np.full_like(TRUE, B), TRUE, B)
    assert nothing["event_f1"] == 0.0
    assert nothing["foreground_accuracy"] == 0.0
    assert boundary_errors(np.full_like(TRUE, B), TRUE, B).onset is None
    empty = localisation_metrics(np.full((2, 10), B), np.full((2, 10), B), B)
    assert empty["accuracy"] == 1.0
    assert empty["event_f1"] is None
    assert empty["foreground_accuracy"] is None


def test_events_of_neighbouring_classes_are_two():
    events = find_events(np.array([[1, 1, 2, 2, B], [B, 3, B, 3, 3]]), B)
    assert list(zip(events.clip, events.label, events.start, events.end, strict=True)) == [
        (0, 1, 0, 2), (0, 2, 2, 4), (1, 3, 1, 2), (1, 3, 3, 5),
    ]  # fmt: skip


def slow_events(labels):
    runs = []
    for clip, row in enumerate(labels):
        start = 0
        for t in range(1, len(row) + 1):
            if t == len(row) or row[t] != row[start]:
                if row[start] != B:
                    runs.append((clip, int(row[start]), start, t))
                start = t
    return runs


def slow_matches(found, truth, threshold):
    pairs = []
    for i, (clip, label, start, end) in enumerate(found):
        for j, (clip_, label_, start_, end_) in enumerate(truth):
            if (clip, label) == (clip_, label_):
                shared = min(end, end_) - max(start, start_)
                if shared > 0:
                    pairs.append((-shared / (end - start + end_ - start_ - shared), i, j))
    used_i, used_j, hits = set(), set(), []
    for overlap, i, j in sorted(pairs):
        if -overlap >= threshold and i not in used_i and j not in used_j:
            used_i.add(i)
            used_j.add(j)
            hits.append((i, j))
    return sorted(hits)


@pytest.mark.parametrize("threshold", [0.01, 0.3, 0.5, 0.7])
def test_equals_a_slow_reference(threshold):
    rng = np.random.default_rng(0)
    classes = np.array([0, 1, B])
    true = np.repeat(classes[rng.integers(3, size=(200, 5))], 2, axis=1)
    pred = np.where(rng.random(true.shape) < 0.25, classes[rng.integers(3, size=true.shape)], true)
    found, truth = find_events(pred, B), find_events(true, B)
    assert list(zip(found.clip, found.label, found.start, found.end, strict=True)) == slow_events(pred)
    matches = match_events(overlaps(found, truth), threshold)
    expected = slow_matches(slow_events(pred), slow_events(true), threshold)
    assert sorted(zip(matches.predicted.tolist(), matches.true.tolist(), strict=True)) == expected


def test_order_of_clips_does_not_matter():
    rng = np.random.default_rng(1)
    true = rng.integers(26, B + 1, (50, 10))
    pred = np.where(rng.random(true.shape) < 0.5, true, B)
    order = rng.permutation(50)
    assert localisation_metrics(pred[order], true[order], B) == pytest.approx(localisation_metrics(pred, true, B))


def test_clip_accuracy_leaves_background_out():
    scores = np.zeros((3, 2, 4))
    scores[0, :, 1], scores[1, :, 3], scores[2, :, 0] = 1.0, 5.0, 1.0
    scores[1, :, 2] = 0.1
    assert clip_accuracy(scores, np.array([1, 2, 3]), background=3) == 1.0
    assert clip_accuracy(scores, np.array([0, 2, 3]), background=3) == 0.5
    assert clip_accuracy(scores[2:], np.array([3]), background=3) is None


def test_intervals_resample_clips():
    rng = np.random.default_rng(2)
    true = rng.integers(0, 3, (120, 10))
    good = rng.random(120)[:, None] < 0.7  # whole clips are right or wrong
    pred = np.where(good, true, 5)
    found = accuracy_interval(pred, true)
    assert found.low < found.value < found.high
    spread = np.sqrt(0.7 * 0.3 / 120)
    assert found.high - found.low == pytest.approx(2 * 1.96 * spread, rel=0.2)
    paired = accuracy_difference(pred, pred, true)
    assert (paired.value, paired.low, paired.high) == (0.0, 0.0, 0.0)
    worse = accuracy_difference(np.where(rng.random(true.shape) < 0.1, 5, pred), pred, true)
    assert worse.high < 0


def test_wrong_shapes_are_told():
    with pytest.raises(UsageError, match="clips, segments"):
        localisation_metrics(TRUE, TRUE[:, :5], B)
