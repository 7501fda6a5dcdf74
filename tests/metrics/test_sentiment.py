"""Metrics of sentiment regression: the worked example, scikit-learn, cases in which something is not defined."""

from __future__ import annotations

import numpy as np
import pytest

from mmlib.errors import UsageError
from mmlib.metrics.family import metric
from mmlib.metrics.sentiment import REGRESSION_METRICS, regression_metrics

TARGETS = np.array([-2.6, -1, 0, 0.4, 1.5, 3, 0])
PREDICTIONS = np.array([-3.4, -0.4, 0.2, 0.6, 2.5, 2.4, -0.1])


def test_the_worked_example():
    found = regression_metrics(PREDICTIONS, TARGETS)
    expected = {
        "accuracy_7": 4 / 7,
        "mae_nonzero": 0.64,
        "pearson_nonzero": 0.949897,
        "accuracy_2_nonzero": 1,
        "weighted_f1_nonzero": 1,
        "mae": 0.50,
        "pearson": 0.949248,
        "accuracy_2": 0.857143,
        "weighted_f1": 0.863492,
    }
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, abs=1e-6), name


def test_five_and_three_classes_are_clipped_first():
    """Rounded within ±2: -2 0 0 1 2 2 0 said, -2 -1 0 0 2 2 0 meant; within ±1: -1 0 0 1 1 1 0, -1 -1 0 0 1 1 0."""
    found = regression_metrics(PREDICTIONS, TARGETS)
    assert (found["accuracy_5"], found["accuracy_3"]) == (pytest.approx(5 / 7), pytest.approx(5 / 7))


def test_halves_go_to_the_even_side():
    found = regression_metrics(np.array([0.5, 1.5, -0.5, 2.5]), np.array([0.0, 2, 0, 2]))
    assert found["accuracy_7"] == 1


def test_what_is_not_defined_is_none():
    found = regression_metrics(np.full(4, 0.3), np.array([1.0, -1, 2, 0]))
    assert found["pearson"] is None
    assert found["mae"] == pytest.approx((0.7 + 1.3 + 1.7 + 0.3) / 4)
    neutral = regression_metrics(np.array([0.1, -0.1]), np.zeros(2))
    assert neutral["mae_nonzero"] is None
    assert neutral["accuracy_7"] == 1


def test_wrong_arrays():
    with pytest.raises(UsageError, match=r"must both be \(N,\)"):
        regression_metrics(np.zeros(3), np.zeros((3, 1)))
    with pytest.raises(UsageError, match="finite"):
        regression_metrics(np.array([np.nan]), np.zeros(1))


def test_every_metric_has_a_name_a_unit_and_a_direction():
    for name in REGRESSION_METRICS:
        known = metric(name)
        assert known.known, name
        assert known.better == ("lower" if name.startswith("mae") else "higher"), name
        assert known.unit.name == ("percent" if name[0] in "aw" else "correlation" if name[0] == "p" else "number")
    assert metric("accuracy_2_nonzero").title == "accuracy, 2 classes, nonzero"
    assert metric("weighted_f1_nonzero").title == "weighted F1, nonzero"
