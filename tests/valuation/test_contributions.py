"""Contributions: toys of the spec, exact fractions, identities, one message for each bad input."""

from __future__ import annotations

from fractions import Fraction
from itertools import permutations, product

import numpy as np
import pytest
import torch

from mmlib.errors import UsageError
from mmlib.valuation.contributions import (
    contributions,
    contributions_of,
    possible_values,
    shapley_weights,
    subsets_of,
)

TRIO = ("0", "1", "2")
SUBSETS = subsets_of(TRIO)
# Eight samples in the order of the two-modality table: rows are c_av c_a c_v, columns here audio, visual, both.
PAIR = np.array([[a, v, av] for av, a, v in product((0, 1), repeat=3)], dtype=bool)


def of_trio(right):
    """Fractions of one sample whose subsets (as texts "01") in `right` are predicted right."""
    found = contributions(np.array([["".join(subset) in right for subset in SUBSETS]]), TRIO)
    return [Fraction(unit, 6) for unit in found.units[0].tolist()]


def by_orderings(correct, names):
    """The definition: the mean over all orderings of what a modality adds to those before it."""
    right = dict(zip(map(frozenset, subsets_of(names)), correct, strict=True))
    worth = {subset: len(subset) * int(good) for subset, good in right.items()} | {frozenset(): 0}
    orders = list(permutations(names))
    total = dict.fromkeys(names, Fraction(0))
    for order in orders:
        for place, name in enumerate(order):
            before = frozenset(order[:place])
            total[name] += Fraction(worth[before | {name}] - worth[before], len(orders))
    return [total[name] for name in names]


def test_two_modalities_by_the_closed_form():
    found = contributions(PAIR, ("audio", "visual"))
    assert found.values[:, 0].tolist() == [0, -0.5, 0.5, 0, 1, 0.5, 1.5, 1]
    assert found.values[:, 1].tolist() == [0, 0.5, -0.5, 0, 1, 1.5, 0.5, 1]
    audio, visual, both = PAIR.T.astype(int)
    np.testing.assert_array_equal(2 * found.values[:, 0], audio + 2 * both - visual)
    assert found.means() == {"audio": Fraction(1, 2), "visual": Fraction(1, 2)}
    assert found.accuracies() == {("audio",): 0.5, ("visual",): 0.5, ("audio", "visual"): 0.5}


@pytest.mark.parametrize(
    ("right", "expected"),
    [
        ({"0", "1", "2", "01", "02", "12", "012"}, "1 1 1"),
        ({"0", "01", "02", "012"}, "2 1/2 1/2"),
        ({"01", "02", "12", "012"}, "1 1 1"),
        ({"012"}, "1 1 1"),
        ({"1", "2", "12"}, "-1 1/2 1/2"),
        ({"0", "01", "012"}, "5/3 7/6 1/6"),
        (set(), "0 0 0"),
    ],
)
def test_three_modalities(right, expected):
    assert of_trio(right) == [Fraction(value) for value in expected.split()]


def test_order_of_subsets_is_that_of_the_spec():
    assert ["".join(subset) for subset in SUBSETS] == ["0", "1", "2", "01", "02", "12", "012"]
    sixths = [Fraction(weight, 6) for weight in shapley_weights(TRIO)[:, 0].tolist()]
    assert sixths[0] == Fraction(1, 3)
    assert sixths[1] == -Fraction(1, 6)
    assert sixths[3] == 2 * Fraction(1, 6)
    assert sixths[5] == -2 * Fraction(1, 3)
    assert sixths[6] == 3 * Fraction(1, 3)


@pytest.mark.parametrize("count", [2, 3])
def test_every_pattern_by_the_definition(count):
    names = TRIO[:count]
    patterns = np.array(list(product((False, True), repeat=2**count - 1)))
    found = contributions(patterns, names)
    for pattern, units in zip(patterns.tolist(), found.units.tolist(), strict=True):
        assert [Fraction(unit, found.unit) for unit in units] == by_orderings(pattern, names)
    assert set(possible_values(count).tolist()) == set(found.units.ravel().tolist())


def test_four_modalities_by_the_definition():
    names = ("a", "b", "c", "d")
    patterns = np.random.default_rng(0).random((40, 15)) < 0.5
    found = contributions(patterns, names)
    for pattern, units in zip(patterns.tolist(), found.units.tolist(), strict=True):
        assert [Fraction(unit, 24) for unit in units] == by_orderings(pattern, names)


def test_values_that_can_occur():
    assert (possible_values(2) / 2).tolist() == [-0.5, 0, 0.5, 1, 1.5]
    assert len(possible_values(3)) == 19
    assert (possible_values(3).min() / 6, possible_values(3).max() / 6) == (-1, 2)
    patterns = np.array(list(product((False, True), repeat=7)))
    assert len(patterns) == 128
    values, counts = contributions(patterns, TRIO).histogram()
    assert counts.sum(axis=0).tolist() == [128] * 3
    assert (counts > 0).all()
    assert np.isin(values * 6, np.arange(-6, 13)).all()
    for count in (2, 3, 4, 5):
        values = possible_values(count) / np.prod(range(1, count + 1))
        assert (values.min(), values.max()) == (-(count - 1) / 2, (count + 1) / 2)


@pytest.mark.parametrize("count", [2, 3, 4, 6])
def test_identities(count):
    names = tuple("abcdef"[:count])
    correct = np.random.default_rng(count).random((500, 2**count - 1)) < 0.6
    found = contributions(correct, names)
    np.testing.assert_array_equal(found.units.sum(axis=1), count * found.unit * correct[:, -1])
    assert sum(found.means().values()) == Fraction(count * int(correct[:, -1].sum()), len(correct))
    place = {subset: column for column, subset in enumerate(found.subsets)}
    order = names[::-1]
    moved = [place[tuple(sorted(subset))] for subset in subsets_of(order)]
    np.testing.assert_array_equal(contributions(correct[:, moved], order).units, found.units[:, ::-1])
    if count == 2:
        difference = found.means()["a"] - found.means()["b"]
        assert difference == Fraction(int(correct[:, 0].sum()) - int(correct[:, 1].sum()), len(correct))
    if count == 3:  # phi_0 - phi_1 = ½ (c_0 - c_1) + (c_02 - c_12)
        one, other = (correct[:, place[subset]].astype(int) for subset in (("a",), ("b",)))
        pairs = correct[:, place["a", "c"]].astype(int) - correct[:, place["b", "c"]]
        np.testing.assert_array_equal(found.units[:, 0] - found.units[:, 1], 3 * (one - other) + 6 * pairs)


def test_patterns_and_rows():
    found = contributions(np.concatenate([PAIR, PAIR[6:]]), ("audio", "visual"))
    counts = found.patterns()
    assert sum(counts.values()) == len(found) == 10
    assert next(iter(counts.items())) == ((True, False, True), 2)
    assert found.rows(np.array([7, 7, 2])).units.tolist() == [[2, 2], [2, 2], [1, -1]]


@pytest.mark.parametrize("kind", ["numpy", "torch", "scores"])
def test_predictions_of_any_model(kind):
    labels = np.array([0, 1, 2, 1])
    guesses = {
        "audio": np.array([0, 1, 0, 0]),
        ("visual",): np.array([0, 0, 2, 0]),
        frozenset({"visual", "audio"}): np.array([0, 1, 2, 2]),
    }
    if kind == "scores":  # the first of equally high scores counts: class 0 ties with the guess where that is 0
        guesses = {key: np.maximum(np.eye(3)[value], np.eye(3)[np.maximum(value, 1)]) for key, value in guesses.items()}
    if kind == "torch":
        guesses = {key: torch.tensor(value) for key, value in guesses.items()}
        labels = torch.tensor(labels)
    found = contributions_of(guesses, labels)
    assert found.modalities == ("audio", "visual")
    assert found.values.tolist() == [[1, 1], [1.5, 0.5], [0.5, 1.5], [0, 0]]
    named = {"+".join(key) if not isinstance(key, str) else key: value for key, value in guesses.items()}
    np.testing.assert_array_equal(contributions_of(named, labels).units, found.units)


G = np.array([0, 1])


@pytest.mark.parametrize(
    ("predictions", "message"),
    [
        ({"a": G, "a+b": G}, "no predictions from b alone"),
        ({"a": G, "b": G}, r"from a\+b are missing: 3 subsets of a, b"),
        ({"a": G, "b": G, "a+b": G, ("b", "a"): G}, "given twice"),
        ({"a": G, "b": G, "a+a": G}, "names? a modality twice"),
        ({"a": G}, "2 to 12 modalities"),
        ({"a": G, "b": G[:1], "a+b": G}, r"from b have the shape \(1,\), the labels \(2,\)"),
    ],
)
def test_predictions_that_do_not_fit(predictions, message):
    with pytest.raises(UsageError, match=message):
        contributions_of(predictions, G)


def test_correctness_that_does_not_fit():
    with pytest.raises(UsageError, match=r"\(samples, 3\), one column for each subset; got bool of shape \(2, 4\)"):
        contributions(np.ones((2, 4), bool), ("a", "b"))
    with pytest.raises(UsageError, match="got int64"):
        contributions(np.ones((2, 3), np.int64), ("a", "b"))
    with pytest.raises(UsageError, match="no samples"):
        contributions(np.ones((0, 3), bool), ("a", "b")).means()
    with pytest.raises(UsageError, match="different names"):
        subsets_of(("a", "a"))
