"""Which classes arrive when: boundaries of unequal tasks, ids in another order, refusals."""

from __future__ import annotations

import numpy as np
import pytest

from mmlib.continual.tasks import Tasks
from mmlib.errors import UsageError


def test_published_sets_are_blocks_of_ids():
    tasks = Tasks.equal(28, 7)
    assert len(tasks) == 4
    assert tasks.classes[1] == (7, 8, 9, 10, 11, 12, 13)
    assert tasks.boundaries == (0, 7, 14, 21, 28)
    assert tasks.num_classes == 28
    assert np.array_equal(tasks.units, np.arange(28))
    assert np.array_equal(tasks.task_of, np.arange(28) // 7)
    assert Tasks.equal(7, 3).classes == ((0, 1, 2), (3, 4, 5), (6,))


def test_unequal_tasks_in_any_order():
    tasks = Tasks.of([[4, 0], [2], [5, 3, 1]])
    assert tasks.boundaries == (0, 2, 3, 6)
    assert [tasks.old(step) for step in range(3)] == [0, 2, 3]
    assert [tasks.seen(step) for step in range(3)] == [2, 3, 6]
    assert tasks.old_boundaries(2) == (0, 2, 3)
    assert tasks.arrival.tolist() == [4, 0, 2, 5, 3, 1]
    for unit, label in enumerate(tasks.arrival):
        assert tasks.units[label] == unit
        assert label in tasks.classes[tasks.task_of[label]]
    labels = np.array([0, 5, 2, 4, 1])
    assert tasks.new_rows(labels, 0).tolist() == [True, False, False, True, False]
    assert tasks.new_rows(labels, 2).tolist() == [False, True, False, False, True]
    assert tasks.seen_rows(labels, 1).tolist() == [True, False, True, True, False]
    new = tasks.units[labels[tasks.new_rows(labels, 2)]]
    assert ((new >= tasks.old(2)) & (new < tasks.seen(2))).all()


@pytest.mark.parametrize("classes", [[], [[0], []], [[0, 1], [1, 2]], [[0], [2]], [[1, 2]]])
def test_tasks_that_leave_out_or_repeat_a_class_are_refused(classes):
    with pytest.raises(UsageError, match="tasks"):
        Tasks.of(classes)
