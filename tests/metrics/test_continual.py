"""Metrics of learning in steps: golden values G10, counts by class, limits, refusals."""

from __future__ import annotations

import numpy as np
import pytest

from mmlib.errors import UsageError
from mmlib.metrics.continual import (
    accuracy_matrix,
    class_accuracy_matrix,
    class_hits,
    continual_metrics,
    forgetting,
    forgotten,
    overall_accuracies,
    task_accuracies,
)
from mmlib.metrics.family import metric

NAN = np.nan
R = np.array([[0.9, NAN, NAN], [0.6, 0.8, NAN], [0.7, 0.5, 0.9]])
SIZES = [10, 20, 30]


def test_golden_values():
    found = continual_metrics(R, SIZES)
    assert found["mean_task_acc"] == pytest.approx(0.76666667, abs=1e-8)
    assert found["mean_overall_acc"] == pytest.approx(0.78888889, abs=1e-8)
    assert forgetting(R).tolist() == pytest.approx([0.3, 0.25])
    assert found["forgetting"] == pytest.approx(0.275)
    assert found["backward_transfer"] == pytest.approx(-0.275)


def test_the_rest_by_hand():
    found = continual_metrics(R, SIZES)
    assert overall_accuracies(R, SIZES).tolist() == pytest.approx([0.9, 22 / 30, 44 / 60])
    assert task_accuracies(R).tolist() == pytest.approx([0.9, 0.7, 0.7])
    assert found["last_task_acc"] == pytest.approx(0.7)
    assert found["last_overall_acc"] == pytest.approx(44 / 60)
    assert found["bwt"] == pytest.approx(((0.7 - 0.9) + (0.5 - 0.8)) / 2)
    assert np.allclose(forgotten(R), [[NAN, NAN, NAN], [0.3, NAN, NAN], [0.2, 0.3, NAN]], equal_nan=True)


def test_forgetting_is_measured_from_the_best_earlier_step_and_may_be_negative():
    late = np.array([[0.5, NAN, NAN], [0.9, 0.4, NAN], [0.6, 0.7, 0.2]])
    assert forgetting(late).tolist() == pytest.approx([-0.4, (0.3 - 0.3) / 2])
    found = continual_metrics(late, SIZES)
    assert found["forgetting"] == pytest.approx(-0.2)
    assert found["bwt"] == pytest.approx((0.1 + 0.3) / 2)


def test_one_step_has_nothing_to_forget():
    found = continual_metrics(R[:1, :1], [10])
    assert (found["forgetting"], found["backward_transfer"], found["bwt"]) == (None, None, None)
    assert found["mean_task_acc"] == found["last_overall_acc"] == 0.9


def test_a_run_so_far_is_measured_on_the_tasks_it_has_seen():
    assert continual_metrics(R[:2], SIZES) == continual_metrics(R[:2, :2], SIZES[:2])


def test_what_lies_above_the_diagonal_does_not_count():
    filled = np.where(np.isnan(R), 0.5, R)
    for name, value in continual_metrics(filled, SIZES).items():
        assert value == pytest.approx(continual_metrics(R, SIZES)[name], abs=1e-12), name


def test_equal_tasks_have_equal_means():
    found = continual_metrics(R, [7, 7, 7])
    assert found["mean_task_acc"] == pytest.approx(found["mean_overall_acc"])


def test_matrices_from_counts():
    tasks = [[2, 0], [1]]
    targets = np.array([0, 0, 0, 1, 1, 2])
    hits, samples = zip(
        class_hits([0, 0, 2, 9, 9, 2], targets, 3),  # class 1 has not arrived: what is said of it does not count
        class_hits([0, 1, 1, 1, 1, 0], targets, 3),
        strict=True,
    )
    assert [row.tolist() for row in hits] == [[2, 0, 1], [1, 2, 0]]
    assert samples[0].tolist() == [3, 2, 1]
    matrix = accuracy_matrix(np.stack(hits), samples[0], tasks)
    assert np.allclose(matrix, [[0.75, NAN], [0.25, 1.0]], equal_nan=True)
    classes = class_accuracy_matrix(np.stack(hits), samples[0], tasks)
    assert np.allclose(classes, [[2 / 3, NAN, 1.0], [1 / 3, 1.0, 0.0]], equal_nan=True)
    found = continual_metrics(matrix, [4, 2], classes)
    assert found["mean_class_acc"] == pytest.approx((5 / 6 + 4 / 9) / 2)
    assert found["last_class_acc"] == pytest.approx(4 / 9)
    assert found["last_overall_acc"] == pytest.approx(3 / 6)


def test_a_class_without_test_samples_has_no_accuracy_and_a_task_must_have_one():
    hits, samples = np.array([[1, 0, 0], [1, 0, 2]]), np.array([2, 0, 2])
    assert np.isnan(class_accuracy_matrix(hits, samples, [[0, 1], [2]])[:, 1]).all()
    assert accuracy_matrix(hits, samples, [[0, 1], [2]])[1].tolist() == [0.5, 1.0]
    with pytest.raises(UsageError, match=r"tasks \[1\] have no test sample"):
        accuracy_matrix(hits, samples, [[0, 2], [1]])


@pytest.mark.parametrize("matrix", [[[0.9], [0.6]], [[NAN]], [[0.9, NAN], [NAN, 0.8]], [0.9], np.zeros((0, 2))])
def test_an_incomplete_matrix_is_refused(matrix):
    with pytest.raises(UsageError, match=r"R\[s\]\[t\] of all t <= s"):
        continual_metrics(np.array(matrix), [10, 20])


def test_every_number_is_a_known_metric_and_in_range():
    found = continual_metrics(R, SIZES, R)
    assert len(found) == 9
    for name, value in found.items():
        assert metric(name).known, name
        assert metric(name).check(value) == value
        assert metric(name).better == ("lower" if name == "forgetting" else "higher")
        assert metric(name).scale == 100
