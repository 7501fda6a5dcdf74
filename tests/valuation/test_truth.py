"""AUC of contributions against which modality of a sample is uninformative."""

from __future__ import annotations

import numpy as np
import pytest

from mmlib.errors import UsageError
from mmlib.valuation.contributions import Contributions, contributions
from mmlib.valuation.truth import uninformative_auc

AV = ("audio", "visual")


def of(units, informative):
    units = np.array(units)
    found = Contributions(AV, units, np.zeros((len(units), 3), bool))
    return uninformative_auc(found, np.array(informative, bool))


def test_by_hand():
    assert of([[3, 1], [1, 3]], [[1, 0], [0, 1]]) == 1.0
    assert of([[3, 1], [1, 3]], [[0, 1], [1, 0]]) == 0.0
    assert of([[2, 2], [0, 0]], [[1, 0], [0, 1]]) == 0.5
    # below the sample's mean (times 2): silent 2, -2; speaking -2, 2; pairs (2,-2) won, two ties, (-2,2) lost
    assert of([[3, 1], [3, 1]], [[1, 0], [0, 1]]) == 0.5
    # silent 2, 0; speaking -2, 0: 2 wins twice, 0 wins once and ties once
    assert of([[3, 1], [2, 2]], [[1, 0], [0, 1]]) == 0.875


def test_samples_without_a_difference_do_not_count():
    assert of([[3, 1]], [[1, 1]]) is None
    assert of([[3, 1]], [[0, 0]]) is None
    assert of([[3, 1], [1, 3], [1, 3]], [[1, 0], [1, 1], [0, 0]]) == 1.0


def test_three_modalities_and_any_order():
    correct = np.random.default_rng(0).random((200, 7)) < 0.5
    found = contributions(correct, ("a", "b", "c"))
    informative = np.random.default_rng(1).random((200, 3)) < 0.5
    value = uninformative_auc(found, informative)
    turned = Contributions(("c", "b", "a"), found.units[:, ::-1], correct)
    assert uninformative_auc(turned, informative[:, ::-1]) == value
    assert uninformative_auc(Contributions(found.modalities, -found.units, correct), informative) == pytest.approx(
        1 - value
    )


def test_shapes_must_agree():
    with pytest.raises(UsageError, match=r"\(1, 3\), the contributions \(1, 2\)"):
        of([[1, 1]], [[1, 0, 1]])
