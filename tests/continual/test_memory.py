"""Exemplar memory: published shares and sizes, prefixes, random draws, states, bytes, refusals."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest

from mmlib.continual.memory import ExemplarMemory
from mmlib.continual.tasks import Tasks
from mmlib.errors import UsageError
from mmlib.training.checkpoint import check_plain

AVE = [149, 48, 147, 146, 124, 143, 122, 57, 142, 135, 128, 151, 144, 140]
AVE += [147, 127, 137, 152, 79, 134, 89, 112, 136, 67, 52, 124, 82, 80]
VGGSOUND = [99 if label == 3 else 97 if label == 53 else 200 for label in range(100)]


@pytest.mark.parametrize(
    ("clips", "per_step", "capacity", "shares", "sizes"),
    [
        (AVE, 7, 340, [48, 24, 16], [336, 336, 336]),
        ([272] * 30, 6, 500, [83, 41, 27, 20], [498, 492, 486, 480]),
        (
            VGGSOUND,
            10,
            1500,
            [150, 75, 50, 37, 30, 25, 21, 18, 16],
            [1449, 1500, 1500, 1480, 1500, 1500, 1470, 1440, 1440],
        ),
    ],
    ids=["ave", "kinetics_sounds", "vggsound100"],
)
def test_what_ss_il_holds_of_the_published_sets(clips, per_step, capacity, shares, sizes):
    tasks, memory = Tasks.equal(len(clips), per_step), ExemplarMemory(capacity)
    first = np.cumsum([0, *clips])
    for step in range(1, len(tasks)):
        old = {label: range(first[label], first[label + 1]) for label in tasks.classes[step - 1]}
        memory.hold_random(old, tasks.old(step))
        assert memory.share(tasks.old(step)) == shares[step - 1]
        assert len(memory) == sizes[step - 1]
        for label, rows in memory.held.items():
            assert len(rows) == min(shares[step - 1], clips[label])
            assert all(first[label] <= row < first[label + 1] for row in rows)
            assert len(set(rows)) == len(rows)


def test_shrinking_keeps_the_first():
    memory = ExemplarMemory(10)
    memory.hold({5: [9, 8, 7, 6, 5, 4], 2: [1, 1, 3]}, 2)  # herding with repeats may hold a row twice
    assert memory.held == {5: [9, 8, 7, 6, 5], 2: [1, 1, 3]}
    memory.hold({0: range(20, 30)}, 4)  # 4 classes share 10 clips, one of them is to come
    assert memory.held == {5: [9, 8], 2: [1, 1], 0: [20, 21]}
    assert memory.rows.tolist() == [9, 8, 1, 1, 20, 21]
    assert memory.labels.tolist() == [5, 5, 2, 2, 0, 0]
    assert memory.nbytes(100) == 500  # a clip held twice is stored once
    memory.hold({2: [3, 4, 5]}, 4)  # drawn again
    assert memory.held == {5: [9, 8], 2: [3, 4], 0: [20, 21]}
    memory.shrink(1)
    assert memory.held == {5: [9], 2: [3], 0: [20]}


def test_random_exemplars_depend_on_seed_and_class_alone():
    def drawn(label, rows, seed, capacity=6):
        memory = ExemplarMemory(capacity, seed)
        memory.hold_random({label: rows}, 1)
        return memory.held[label]

    rows = list(range(50))
    assert drawn(1, rows, 0) == drawn(1, rows[::-1], 0) == drawn(1, np.array(rows), 0)
    assert drawn(1, rows, 0)[:3] == drawn(1, rows, 0, capacity=3)
    assert drawn(1, rows, 0) != drawn(1, rows, 1)
    assert drawn(1, rows, 0) != drawn(2, rows, 0)
    together = ExemplarMemory(12)
    together.hold_random({2: rows, 1: rows}, 2)
    assert together.held[1] == drawn(1, rows, 0)
    every = [row for seed in range(200) for row in drawn(0, rows, seed)]
    assert np.bincount(every, minlength=50).min() > 5  # of 24 on average: no row is left out


def test_a_state_is_plain_and_gives_the_memory_back():
    memory = ExemplarMemory(20, seed=3)
    memory.hold_random({4: np.arange(30), 1: np.arange(30, 40)}, 2)
    state = memory.state_dict()
    check_plain(state, "memory")
    again = ExemplarMemory.from_state(json.loads(json.dumps(state)))
    assert again.held == memory.held
    assert list(again.held) == [4, 1]
    other = memory.copy()
    for one in (memory, again):
        one.hold_random({7: np.arange(50, 60)}, 3)
    assert again.held == memory.held
    assert list(other.held) == [4, 1]
    held = copy.deepcopy(memory.held)
    memory.held[4].clear()
    assert memory.held == held


def test_an_empty_memory():
    memory = ExemplarMemory(5)
    assert len(memory) == len(memory.rows) == len(memory.labels) == memory.nbytes(10) == 0
    assert memory.rows.dtype == memory.labels.dtype == np.int64


def test_what_it_cannot_hold_is_refused_and_changes_nothing():
    memory = ExemplarMemory(3)
    memory.hold({0: [1, 2, 3]}, 1)
    with pytest.raises(UsageError, match="cannot hold one of each of 4 classes: give it at least 4"):
        memory.hold({1: [4]}, 4)
    with pytest.raises(UsageError, match=r"classes \[1\] have no rows"):
        memory.hold({1: []}, 2)
    with pytest.raises(UsageError, match="2 classes share it, not 1"):
        memory.hold({1: [4]}, 1)
    assert memory.held == {0: [1, 2, 3]}
    with pytest.raises(UsageError, match="must hold at least 1"):
        ExemplarMemory(0)
