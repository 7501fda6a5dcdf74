"""Fieller's interval of a ratio of paired means."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mmlib.analysis.ratio import ratio_of_means
from mmlib.statistics import summarise, t_quantile


def test_worked_out_by_hand():
    """x̄ 2, ȳ 5, variances and covariance 1 over 3 pairs, t² = 18.5128: a 18.8291, b 3.8291, c −2.1709."""
    found = ratio_of_means([1, 2, 3], [4, 5, 6])
    assert found.value == pytest.approx(0.4)
    assert found.low == pytest.approx(-0.19243, abs=1e-5)
    assert found.high == pytest.approx(0.59915, abs=1e-5)


def test_ends_are_where_students_test_turns():
    """At each end ρ of the interval the mean of x − ρ y lies exactly t standard errors from zero."""
    rng = np.random.default_rng(0)
    y = 3 + rng.normal(0, 1, 6)
    x = 0.5 * y + rng.normal(0, 0.4, 6)
    found = ratio_of_means(list(x), list(y))
    assert found.low < found.value < found.high
    for end in (found.low, found.high):
        rest = summarise(list(x - end * y))
        assert abs(rest.mean) / (rest.sd / math.sqrt(6)) == pytest.approx(t_quantile(0.975, 5))


def test_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(1)
    covered = 0
    for _ in range(2000):
        y = 2 + rng.normal(0, 0.5, 5)
        found = ratio_of_means(list(1.4 + rng.normal(0, 0.5, 5)), list(y))
        covered += found.bounded and found.low <= 0.7 <= found.high
        covered += not found.bounded  # an unbounded set contains it or its complement does; rare at this size
    assert covered / 2000 == pytest.approx(0.95, abs=0.02)


def test_no_interval_where_the_denominator_may_be_zero():
    y = [-1.0, 2.0, 0.5]
    assert summarise(y).low < 0 < summarise(y).high
    found = ratio_of_means([1.0, 2.0, 3.0], y)
    assert not found.bounded
    assert found.value == pytest.approx(4)


def test_few_or_constant_values():
    one = ratio_of_means([1.0], [2.0])
    assert (one.value, one.low, one.high) == (0.5, None, None)
    none = ratio_of_means([1.0, 2.0], [1.0, -1.0])
    assert (none.value, none.bounded) == (None, False)
    same = ratio_of_means([1.0, 1.0], [2.0, 2.0])
    assert (same.low, same.value, same.high) == (0.5, 0.5, 0.5)
    with pytest.raises(ValueError, match="1 values against 2"):
        ratio_of_means([1.0], [1.0, 2.0])
