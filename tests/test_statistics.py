"""Means, intervals and paired differences: hand-computed, then against scipy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from mmlib import statistics
from mmlib.errors import UsageError


def test_summary_of_hand_computed_values():
    summary = statistics.summarise([1.0, 2.0, 3.0])
    # t(.975, 2) = 4.30265..., half width 4.30265 * 1 / sqrt(3)
    assert summary.mean == 2.0
    assert summary.sd == 1.0
    assert summary.n == 3
    assert summary.high - summary.mean == pytest.approx(2.484138, abs=1e-6)
    assert summary.low == pytest.approx(2.0 - 2.484138, abs=1e-6)
    assert summary.small


@pytest.mark.parametrize("n", [2, 3, 10, 40])
@pytest.mark.parametrize("confidence", [0.9, 0.95])
def test_summary_equals_scipy(n, confidence):
    values = np.random.default_rng(n).normal(0.6, 0.02, n)
    summary = statistics.summarise(values.tolist(), confidence)
    low, high = stats.t.interval(confidence, n - 1, values.mean(), stats.sem(values))
    assert (summary.low, summary.high) == pytest.approx((low, high), rel=1e-9)
    assert summary.sd == pytest.approx(values.std(ddof=1))
    assert summary.small == (n < 10)


def test_one_value_has_no_spread_and_no_interval():
    summary = statistics.summarise([0.5])
    assert (summary.mean, summary.sd, summary.low, summary.high, summary.n) == (0.5, None, None, None, 1)


def test_paired_difference_pairs_strictly_by_seed():
    a = {3: 0.9, 0: 0.5, 1: 0.7, 7: 0.1}
    b = {1: 0.6, 0: 0.3, 3: 0.6, 9: 0.9}
    difference = statistics.paired_difference(a, b)
    assert difference.seeds == (0, 1, 3)
    assert difference.differences == pytest.approx((0.2, 0.1, 0.3))
    assert difference.mean == pytest.approx(0.2)
    reference = stats.ttest_rel([0.5, 0.7, 0.9], [0.3, 0.6, 0.6])
    assert difference.p == pytest.approx(reference.pvalue)
    interval = reference.confidence_interval(0.95)
    assert (difference.low, difference.high) == pytest.approx((interval.low, interval.high))


def test_pairing_removes_what_the_seed_shares():
    noise = np.random.default_rng(0).normal(0, 0.1, 5)
    a = {seed: 0.5 + noise[seed] + 0.01 + 1e-4 * seed for seed in range(5)}
    b = {seed: 0.5 + noise[seed] for seed in range(5)}
    assert statistics.paired_difference(a, b).low > 0
    assert statistics.summarise(list(a.values())).low < 0.5


def test_seeds_in_common_are_needed():
    assert statistics.paired_difference({0: 0.1}, {1: 0.2}) is None
    one = statistics.paired_difference({0: 0.3}, {0: 0.1})
    assert (one.n, one.low, one.p) == (1, None, None)


def test_differences_without_spread_have_no_p():
    difference = statistics.paired_difference({0: 0.5, 1: 0.25}, {0: 0.25, 1: 0.0})
    assert (difference.sd, difference.p, difference.low, difference.high) == (0.0, None, 0.25, 0.25)


def test_a_spread_of_rounding_errors_is_none():
    """One of 600 samples in every seed: the same difference, but not to the last bit."""
    rows = [{seed: 100 * hits / 600 for seed, hits in enumerate(row)} for row in ((401, 407, 411), (406, 412, 416))]
    difference = statistics.paired_difference(*rows)
    assert difference.mean == pytest.approx(-5 / 6)
    assert difference.sd != 0.0
    assert difference.p is None


def test_contrast_of_four_rows_is_a_difference_of_differences():
    rows = [{0: 5.0, 1: 6.0}, {0: 3.0, 1: 3.5}, {0: 4.0, 1: 4.0}, {0: 3.0, 1: 4.0}]
    result = statistics.contrast(list(zip((1, -1, -1, 1), rows, strict=True)))
    assert result.differences == pytest.approx((1.0, 2.5))
    assert result.mean == pytest.approx(1.75)


def test_holm_by_hand():
    assert statistics.holm([0.01, None, 0.04, 0.03]) == pytest.approx([0.03, None, 0.06, 0.06])
    assert statistics.holm([0.9, 0.8]) == pytest.approx([1.0, 1.0])
    assert statistics.holm([]) == []


@pytest.mark.parametrize("values", [[], [math.nan], [0.1, math.inf]])
def test_values_that_cannot_be_summarised(values):
    with pytest.raises(UsageError):
        statistics.summarise(values)


@pytest.mark.parametrize("margin", [0.2, 1.0, 3.0])
def test_equivalence_equals_two_one_sided_tests_of_scipy(margin):
    for seed in range(5):
        values = np.random.default_rng(seed).normal(0.3, 0.5, 5)
        sides = [
            stats.ttest_1samp(values, -margin, alternative="greater").pvalue,
            stats.ttest_1samp(values, margin, alternative="less").pvalue,
        ]
        p = statistics.equivalence_p(statistics.summarise(values.tolist()), margin)
        assert p == pytest.approx(max(sides))
        inner = statistics.summarise(values.tolist(), 0.9)
        assert (p < 0.05) == (-margin < inner.low and inner.high < margin)


def test_exceedance_is_below_5_percent_where_the_interval_lies_beyond_the_margin():
    values = [-2.0, -2.4, -1.8, -2.2]
    found = statistics.summarise(values)
    assert statistics.exceedance_p(found, 1.0) == pytest.approx(stats.ttest_1samp(values, -1.0).pvalue)
    assert (
        statistics.exceedance_p(found, -found.high - 1e-6) < 0.05 < statistics.exceedance_p(found, -found.high + 1e-2)
    )


def test_without_spread_nothing_is_equal():
    same = statistics.summarise([0.1, 0.1, 0.1])
    assert statistics.equivalence_p(same, 1.0) is None
    assert statistics.exceedance_p(same, 0.01) is None
