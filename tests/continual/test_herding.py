"""Herding: golden values G6, a slow reference, prefixes, ties, speed."""

from __future__ import annotations

import time

import numpy as np
import pytest

from mmlib.continual.herding import herd

GOLDEN = np.array([[3, 4], [4, 3], [5, 0], [0, 5], [4.8, 1.4]]) / 5


def slow(features, count, repeats):
    chosen = []
    for pick in range(count):
        best, least = None, np.inf
        for row, x in enumerate(features):
            if not repeats and row in chosen:
                continue
            distance = np.linalg.norm(features.mean(axis=0) - (features[chosen].sum(axis=0) + x) / (pick + 1))
            if distance < least - 1e-12:
                best, least = row, distance
        chosen.append(best)
    return chosen


def test_golden_values():
    assert herd(GOLDEN, 4, repeats=True).tolist() == [1, 1, 1, 0]
    assert herd(GOLDEN, 4).tolist() == [1, 0, 4, 3]


@pytest.mark.parametrize("repeats", [False, True])
@pytest.mark.parametrize("unit", [False, True])
def test_equals_a_slow_reference(repeats, unit):
    features = np.random.default_rng(0).standard_normal((40, 6)) + 0.5
    features = features / np.linalg.norm(features, axis=1, keepdims=True) if unit else features
    assert herd(features, 15, repeats=repeats).tolist() == slow(features, 15, repeats)


def test_fewer_are_the_first_of_more_and_none_twice():
    features = np.random.default_rng(1).standard_normal((30, 5)).astype(np.float32)
    every = herd(features, 30)
    assert sorted(every.tolist()) == list(range(30))
    for count in (0, 1, 7, 29):
        assert np.array_equal(herd(features, count), every[:count])


def test_a_class_of_few_clips_gives_all_it_has():
    assert sorted(herd(GOLDEN, 150).tolist()) == [0, 1, 2, 3, 4]
    assert herd(GOLDEN, 150, repeats=True).tolist()[:4] == [1, 1, 1, 0]
    assert herd(GOLDEN[:0], 3).tolist() == []


def test_of_equal_rows_the_first_is_taken():
    assert herd(np.ones((4, 3)), 3).tolist() == [0, 1, 2]
    assert herd(np.ones((4, 3)), 3, repeats=True).tolist() == [0, 0, 0]


def test_a_thousand_clips_take_a_moment():
    features = np.random.default_rng(2).standard_normal((1000, 768)).astype(np.float32)
    started = time.process_time()
    assert len(np.unique(herd(features, 150))) == 150
    assert time.process_time() - started < 5  # 0.2 s; a loop over clips takes 150,000 norms
