"""Which classes arrive in which step. Tasks may be of any sizes: nothing counts in classes per step.

Units of a growing head stand in the order of arrival. Where class ids are not in that order, `units` translates.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

import numpy as np

from mmlib.errors import UsageError


@dataclass(frozen=True)
class Tasks:
    """Class ids by task, in the order of arrival; step s teaches task s. Use `of` to build it."""

    classes: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, classes: Iterable[Iterable[int]]) -> Tasks:
        """From lists of class ids, as a prepared folder's `source["tasks"]` holds them.

        Raises `UsageError` unless every id from 0 on occurs exactly once and no task is empty.
        """
        tasks = cls(tuple(tuple(int(c) for c in task) for task in classes))
        if not tasks.classes or not all(tasks.classes):
            raise UsageError(
                f"tasks {list(map(list, tasks.classes))}: give at least one task, each of one class or more."
            )
        ids = sorted(c for task in tasks.classes for c in task)
        if ids != list(range(len(ids))):
            raise UsageError(
                f"tasks hold the class ids {ids}; every id from 0 to {len(ids) - 1} must occur exactly once."
            )
        return tasks

    @classmethod
    def equal(cls, num_classes: int, per_step: int) -> Tasks:
        """Blocks of `per_step` ids in their order, as the published sets have them; a last task may be smaller."""
        return cls.of(range(start, min(start + per_step, num_classes)) for start in range(0, num_classes, per_step))

    def __len__(self) -> int:
        """Number of steps."""
        return len(self.classes)

    @cached_property
    def boundaries(self) -> tuple[int, ...]:
        """Unit with which each task begins, and K at the end: 0, ..., K."""
        return tuple(accumulate((len(task) for task in self.classes), initial=0))

    @property
    def num_classes(self) -> int:
        """K, over all steps."""
        return self.boundaries[-1]

    @cached_property
    def arrival(self) -> np.ndarray:
        """Class id of each unit, (K,)."""
        return np.array([c for task in self.classes for c in task], dtype=np.int64)

    @cached_property
    def units(self) -> np.ndarray:
        """Unit of each class id, (K,): `units[labels]` are the targets of a growing head."""
        return np.argsort(self.arrival)

    @cached_property
    def task_of(self) -> np.ndarray:
        """Task of each class id, (K,)."""
        return np.repeat(np.arange(len(self)), np.diff(self.boundaries))[self.units]

    def old(self, step: int) -> int:
        """L, classes that arrived before a step."""
        return self.boundaries[step]

    def seen(self, step: int) -> int:
        """Classes that have arrived up to and including a step."""
        return self.boundaries[step + 1]

    def old_boundaries(self, step: int) -> tuple[int, ...]:
        """0, ..., L: what `mmlib.losses.distillation.task_distillation` takes in a step."""
        return self.boundaries[: step + 1]

    def new_rows(self, labels: np.ndarray, step: int) -> np.ndarray:
        """Which samples (N,) of class ids arrive in a step, bool."""
        return self.task_of[labels] == step

    def seen_rows(self, labels: np.ndarray, step: int) -> np.ndarray:
        """Which samples (N,) of class ids have arrived up to and including a step, bool."""
        return self.task_of[labels] <= step
