"""Verification metrics: values by hand, FOP's evaluator, scikit-learn on hostile inputs, matching, bootstrap."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import brentq
from sklearn import metrics as reference

from mmlib.errors import UsageError
from mmlib.metrics.identity_bootstrap import identity_bootstrap
from mmlib.metrics.verification import auc, eer, fop_compat, matching_accuracy, roc, vr_at_far


def case_a():
    i = np.arange(40)
    distances = np.where(i % 2 == 0, 0.70 + 0.35 * np.sin(1.7 * (i + 1)), 1.00 + 0.35 * np.sin(2.3 * (i + 1) + 1))
    return distances, i % 2 == 0


TIES = np.array([0.1, 0.2, 0.2, 0.3, 0.3, 0.4, 0.4, 0.9]), np.array([1, 1, 0, 1, 0, 1, 0, 0])


def test_case_a():
    assert auc(*case_a()) == pytest.approx(0.7725)
    assert eer(*case_a()) == pytest.approx(0.40)
    found = fop_compat(*case_a())
    assert (found.auc, found.eer, found.threshold) == pytest.approx((0.77375, 0.40, 0.79))
    assert (found.accuracy, found.accuracy_sd) == pytest.approx((0.65, 0.16583124))


def test_case_b_ties():
    assert auc(*TIES) == pytest.approx(0.71875)
    assert eer(*TIES) == pytest.approx(0.375)
    found = fop_compat(*TIES, folds=2)
    assert (found.auc, found.eer) == pytest.approx((0.48611111, 0.66666667))


@pytest.mark.parametrize(("turn", "area", "error"), [(False, 1.0, 0.0), (True, 0.0, 1.0)])
def test_case_c_perfect_and_reversed(turn, area, error):
    distances = np.tile([0.1, 0.9], 10)
    same = np.tile([True, False], 10)
    distances = 1 - distances if turn else distances
    assert auc(distances, same) == pytest.approx(area)
    assert eer(distances, same) == pytest.approx(error)


def hostile(name):
    rng = np.random.default_rng(0)
    same = rng.random(500) < 0.4
    distances = {
        "plain": rng.normal(1, 0.3, 500) - 0.2 * same,
        "ties": rng.integers(0, 4, 500) / 4 - 0.25 * (same & (rng.random(500) < 0.5)),
        "constant": np.full(500, 0.7),
        "around forty": 40 + rng.normal(0, 1e-3, 500) - 1e-3 * same,
        "huge": 10.0 ** rng.integers(0, 30, 500),
        "tiny": rng.random(500) * 1e-30,
    }
    return distances[name], same


@pytest.mark.parametrize("name", ["plain", "ties", "constant", "around forty", "huge", "tiny"])
def test_agrees_with_scikit_learn(name):
    distances, same = hostile(name)
    assert auc(distances, same) == pytest.approx(reference.roc_auc_score(same, -distances), abs=1e-12)
    fpr, tpr, _ = reference.roc_curve(same, -distances, drop_intermediate=False)
    curve = roc(distances, same)
    np.testing.assert_allclose(curve.fpr, fpr, atol=1e-12)
    np.testing.assert_allclose(curve.tpr, tpr, atol=1e-12)
    crossing = brentq(lambda x: 1 - x - np.interp(x, fpr, tpr), 0, 1, xtol=1e-13)
    assert eer(distances, same) == pytest.approx(crossing, abs=1e-9)


def test_verification_rate_by_hand():
    """TIES, by rising distance: 1 of 4 own and 0 of 4 other pairs, 2 and 1, 3 and 2, 4 and 3, 4 and 4."""
    rates = {0.0: 0.25, 0.001: 0.25, 0.249: 0.25, 0.25: 0.5, 0.5: 0.75, 0.74: 0.75, 0.75: 1.0, 1.0: 1.0}
    assert {far: vr_at_far(*TIES, far) for far in rates} == rates
    assert vr_at_far(*TIES) == 0.25
    distances, same = np.ones(20), np.arange(20) < 10
    assert vr_at_far(distances, same) == 0.0, "one threshold for all accepts all or none"


def test_one_false_accept_in_a_thousand_is_allowed():
    """1000 other pairs at 1, 2, ..., 1000; own pairs between them: below the first, the second and the third."""
    distances = np.concatenate([np.arange(1, 1001), [0.5, 1.5, 2.5]])
    same = np.arange(1003) >= 1000
    assert vr_at_far(distances, same) == pytest.approx(2 / 3)
    assert vr_at_far(distances[1:], same[1:]) == pytest.approx(2 / 3), "999 others: none may be accepted"


@pytest.mark.parametrize("name", ["plain", "ties", "constant", "around forty"])
def test_verification_rate_agrees_with_scikit_learn(name):
    distances, same = hostile(name)
    fpr, tpr, _ = reference.roc_curve(same, -distances, drop_intermediate=False)
    for far in (0.001, 0.01, 0.1):
        assert vr_at_far(distances, same, far) == tpr[fpr <= far].max()


def test_order_of_pairs_does_not_matter():
    distances, same = hostile("ties")
    order = np.random.default_rng(1).permutation(len(same))
    assert auc(distances[order], same[order]) == auc(distances, same)
    assert eer(distances[order], same[order]) == eer(distances, same)


@pytest.mark.parametrize(
    ("distances", "same", "message"),
    [
        ([0.1, 0.2], [1, 1], "all 2 pairs are of the same identity"),
        ([0.1, 0.2], [0, 0], "all 2 pairs are of different identities"),
        ([0.1, np.nan], [0, 1], "1 of 2 distances are not finite"),
        ([0.1, 0.2, 0.3], [0, 1], "one distance per pair"),
        ([], [], "AUC and EER need pairs of both kinds"),
    ],
)
def test_what_cannot_be_measured_is_said(distances, same, message):
    for measure in (auc, eer, fop_compat):
        with pytest.raises(UsageError, match=message):
            measure(np.array(distances), np.array(same))


def test_matching_by_hand():
    distances = np.array([[0.1, 0.2, 0.3], [0.3, 0.4, 0.2], [0.5, 0.5, 0.6], [0.2, 0.1, 0.9]])
    assert matching_accuracy(distances) == {2: 0.5, 3: 0.25}


def test_matching_of_constant_and_random_scores():
    assert set(matching_accuracy(np.ones((20, 10))).values()) == {0.0}, (
        "the right one is listed first, and must not win"
    )
    chance = matching_accuracy(np.random.default_rng(0).random((20_000, 10)))
    assert list(chance) == list(range(2, 11))
    for n, share in chance.items():
        assert share == pytest.approx(1 / n, abs=0.02)


def test_matching_with_the_right_candidate_second():
    distances = np.array([[0.2, 0.1, 0.3], [0.1, 0.2, 0.0]])
    assert matching_accuracy(distances, correct=1) == {2: 0.5, 3: 0.5}
    with pytest.raises(UsageError):
        matching_accuracy(distances[:, :1])


def pairs(identities=40, each=50, seed=0, shift=0.4):
    """Distances that depend on the person as well as on the pair."""
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(identities), each)
    same = np.arange(len(who)) % 2 == 0
    distances = rng.normal(1, 0.3, len(who)) - shift * same + rng.normal(0, 0.2, identities)[who]
    return distances, same, who


def test_bootstrap_equals_repeating_the_pairs():
    distances, same, who = pairs(identities=6, each=8)
    found = identity_bootstrap(distances, same, who, draws=5, seed=3)
    counts = np.random.default_rng(3).multinomial(6, np.full(6, 1 / 6), size=5)
    for draw, often in enumerate(counts):
        rows = np.repeat(np.arange(len(who)), often[who])
        assert found.auc[draw] == pytest.approx(auc(distances[rows], same[rows]))
        assert found.eer[draw] == pytest.approx(eer(distances[rows], same[rows]))


def test_intervals_hold_the_estimate_and_are_wider_than_pairs_alone_would_have_them():
    distances, same, who = pairs()
    found = identity_bootstrap(distances, same, who, draws=400)
    low, high = found.interval("auc")
    assert low < auc(distances, same) < high
    alone = identity_bootstrap(distances, same, np.arange(len(same)), draws=400)
    assert found.auc.std() > alone.auc.std()
    assert found.interval("eer", 0.5)[1] < found.interval("eer", 0.99)[1]


def test_bootstrap_draws_again_what_holds_one_kind_only():
    same = np.array([True] * 10 + [False])
    found = identity_bootstrap(np.arange(11.0), same, np.array([0] * 10 + [1]), draws=50)
    assert np.isfinite(found.auc).all()
    with pytest.raises(UsageError, match="at least two"):
        identity_bootstrap(np.arange(11.0), same, np.zeros(11))
