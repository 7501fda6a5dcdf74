"""Plans for the next epoch: toys A and B of the spec, the goldens of its addendum, edges."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import numpy as np
import pytest

from mmlib.errors import ParameterError
from mmlib.valuation.contributions import Contributions, contributions, possible_values
from mmlib.valuation.resampling import (
    copies_of,
    discrepancies,
    modality_plan,
    pairs_of,
    resampling_counts,
    resampling_rates,
    sample_plan,
    valued_part,
)

PAIR = np.array([[a, v, av] for av, a, v in product((0, 1), repeat=3)], dtype=bool)
AV = ("audio", "visual")


def appended(plan, samples):
    """(row, kept modality) of the copies; the originals must stand before them with everything."""
    pairs = pairs_of(plan)
    assert [row for row, _ in pairs[:samples]] == list(range(samples))
    assert all(all(keep.values()) for _, keep in pairs[:samples])
    kept = [[name for name, keeps in keep.items() if keeps] for _, keep in pairs[samples:]]
    assert all(len(names) == 1 for names in kept)
    return [(row, names[0]) for (row, _), names in zip(pairs[samples:], kept, strict=True)]


def test_toy_a():
    found = contributions(PAIR, AV)
    copies = copies_of(found)
    assert copies[:, 0].tolist() == [2, 3, 1, 2, 0, 1, 0, 0]
    assert copies[:, 1].tolist() == [2, 1, 3, 2, 0, 0, 1, 0]
    np.testing.assert_array_equal(copies, np.maximum(0, 2 * (1 - found.values)))
    plan = sample_plan(found)
    assert len(plan) == 26 == 8 + 4 * 4 + 2
    flags = "(0,2)(0,2)(0,1)(0,1)(1,2)(1,2)(1,2)(1,1)(2,2)(2,1)(2,1)(2,1)(3,2)(3,2)(3,1)(3,1)(5,2)(6,1)"
    expected = [(int(pair[1]), {"1": "visual", "2": "audio"}[pair[3]]) for pair in flags.replace(")", ") ").split()]
    assert appended(plan, 8) == expected
    assert plan.shuffle


def test_nothing_is_added_where_every_subset_is_right():
    plan = sample_plan(contributions(np.ones((5, 7), bool), ("a", "b", "c")))
    assert plan.index.tolist() == [0, 1, 2, 3, 4]
    assert all(mask.all() for mask in plan.keep.values())


def test_size_is_at_most_five_times_and_counts_as_the_spec_says():
    correct = np.random.default_rng(0).random((300, 3)) < 0.5
    found = contributions(correct, AV)
    wrong, one = int((~correct[:, 2]).sum()), int((correct[:, 2] & (correct[:, 0] != correct[:, 1])).sum())
    assert len(sample_plan(found)) == 300 + 4 * wrong + one
    assert len(sample_plan(contributions(np.zeros((7, 3), bool), AV))) == 35


def test_copies_of_three_modalities_by_value():
    expected = {5: 0, 4: 1, 3: 1, 2: 1, 1: 2, 0: 2, -1: 2, -2: 3, -3: 3, -4: 3, -5: 3, -6: 3}
    units = possible_values(3)
    fake = Contributions(("a", "b", "c"), np.stack([units] * 3, axis=1), np.zeros((len(units), 7), bool))
    assert dict(zip(units.tolist(), copies_of(fake)[:, 0].tolist(), strict=True)) == {
        unit: expected.get(unit, 0) for unit in units.tolist()
    }


MEANS = {"audio": 1.05, "visual": 0.75}


@pytest.mark.parametrize(
    ("function", "count", "rate"), [("linear", 200, 0.2), ("tanh", 197, 0.197375), ("power", 89, 0.0894427)]
)
@pytest.mark.parametrize("turned", [False, True])
def test_toy_b(function, count, rate, turned):
    means = dict(reversed(MEANS.items())) if turned else MEANS
    assert resampling_rates(means, function) == {"audio": 0, "visual": pytest.approx(rate, abs=1e-6)}
    for truncated in (False, True):
        assert resampling_counts(means, 1000, function, truncated=truncated) == {"audio": 0, "visual": count}
    plan = modality_plan(means, 1000, np.random.default_rng(0), function)
    copies = appended(plan, 1000)
    assert len(copies) == count
    assert {name for _, name in copies} == {"visual"}


@pytest.mark.parametrize(
    ("means", "samples", "clean", "published"), [((1.2, 0.9), 1000, 200, 199), ((1.25, 0.65), 500, 200, 199)]
)
def test_the_published_product_loses_one(means, samples, clean, published):
    means = dict(zip(AV, means, strict=True))
    assert resampling_counts(means, samples)["visual"] == clean
    assert resampling_counts(means, samples, truncated=True)["visual"] == published
    exact = {name: Fraction(str(value)) for name, value in means.items()}
    assert resampling_counts(exact, samples)["visual"] == clean


def test_three_modalities():
    means = dict(zip("abc", (1.2, 0.9, 0.6), strict=True))
    assert list(discrepancies(means).values()) == pytest.approx([-0.45, 0, 0.45])
    assert list(resampling_rates(means).values()) == [0, 0, pytest.approx(0.3)]
    plan = modality_plan(means, 100, np.random.default_rng(1))
    assert appended(plan, 100) == [(row, "c") for row, _ in appended(plan, 100)]
    assert len(plan) == 130
    low = modality_plan({"a": 2.0, "b": 0.6, "c": 0.4}, 100, np.random.default_rng(1))
    names = [name for _, name in appended(low, 100)]
    assert names == ["b"] * names.count("b") + ["c"] * names.count("c")
    assert 0 < names.count("b") < names.count("c")


def test_strength_scales_and_equal_means_give_nothing():
    assert resampling_rates(MEANS, strength=0.5)["visual"] == pytest.approx(0.1)
    assert resampling_rates(MEANS, "power", 2.0)["visual"] == pytest.approx(2 * 0.0894427, abs=1e-6)
    assert resampling_rates(MEANS, "tanh", 2.0)["visual"] == pytest.approx(np.tanh(0.4))
    for truncated in (False, True):
        assert set(resampling_counts({"a": 0.7, "b": 0.7}, 50, truncated=truncated).values()) == {0}
    assert len(modality_plan({"a": 0.7, "b": 0.7}, 50, np.random.default_rng(0))) == 50


def test_rows_are_drawn_with_and_without_replacement():
    means = {"a": 1.7, "b": -0.2}  # a rate of 1.27
    plan = modality_plan(means, 40, np.random.default_rng(0))
    rows = [row for row, _ in appended(plan, 40)]
    assert len(rows) == 50 > len(set(rows))
    once = [row for row, _ in appended(modality_plan(means, 40, np.random.default_rng(0), replace=False), 40)]
    assert sorted(once) == list(range(40))
    part = valued_part(100, 0.2, np.random.default_rng(3))
    assert len(part) == 20
    assert len(set(valued_part(100, 1.0, np.random.default_rng(3), replace=False).tolist())) == 100
    assert len(set(valued_part(100, 1.0, np.random.default_rng(3)).tolist())) < 100
    assert len(valued_part(3, 0.2, np.random.default_rng(0))) == 1
    np.testing.assert_array_equal(part, valued_part(100, 0.2, np.random.default_rng(3)))


def test_what_cannot_be_meant():
    with pytest.raises(ParameterError, match="'square'; choose one of 'linear', 'tanh', 'power'"):
        resampling_rates(MEANS, "square")
    with pytest.raises(ParameterError, match="at least 0"):
        resampling_counts(MEANS, 10, strength=-1, truncated=True)
    with pytest.raises(ParameterError, match="at most 1"):
        valued_part(10, 0.0, np.random.default_rng(0))
