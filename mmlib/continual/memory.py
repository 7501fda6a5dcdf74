"""Exemplar memory: the training rows of old classes that a method may keep, and how many of each.

Paper says (iCaRL, SS-IL, AV-CIL, AFC): M clips in all, shared equally among the classes there are.
Published code does: m = M // (s·c) of the classes before step s (SS-IL and AV-CIL, at the start of step s, random), or
    m = M // ((s + 1)·c) of all classes (iCaRL and AFC, at its end, by herding); a class keeps its first m when m falls.
    A class with fewer than m clips leaves the rest unused (random) or is filled with empty ones (herding).
We do: the same shares of any number of classes, without empty ones. Random exemplars of a class depend on the seed and
    the class alone, and fewer of them are the first of more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from mmlib.data.randomness import mix
from mmlib.errors import UsageError


class ExemplarMemory:
    """Rows of the training split by class, best first. A row may be held several times (herding with repeats).

    Args:
        capacity: M, clips.
        seed: of random exemplars.
    """

    def __init__(self, capacity: int, seed: int = 0) -> None:
        if capacity < 1:
            raise UsageError(f"the exemplar memory holds {capacity} clips; it must hold at least 1.")
        self.capacity, self.seed = capacity, seed
        self._held: dict[int, list[int]] = {}

    @property
    def held(self) -> dict[int, list[int]]:
        """Rows by class, in the order in which the classes came: a copy."""
        return {label: list(rows) for label, rows in self._held.items()}

    @property
    def rows(self) -> np.ndarray:
        """All rows held, class by class, (n,) int64."""
        return np.array([row for rows in self._held.values() for row in rows], dtype=np.int64)

    @property
    def labels(self) -> np.ndarray:
        """The class of each of `rows`, (n,) int64."""
        return np.repeat(np.array(list(self._held), dtype=np.int64), [len(rows) for rows in self._held.values()])

    def __len__(self) -> int:
        return sum(map(len, self._held.values()))

    def share(self, num_classes: int) -> int:
        """m, clips of each of so many classes. Raises `UsageError` where that is none."""
        share = self.capacity // num_classes
        if not share:
            raise UsageError(
                f"an exemplar memory of {self.capacity} clips cannot hold one of each of {num_classes} classes: "
                f"give it at least {num_classes}."
            )
        return share

    def shrink(self, share: int) -> None:
        """Keep the first `share` rows of each class."""
        self._held = {label: rows[:share] for label, rows in self._held.items()}

    def hold(self, ranked: Mapping[int, Iterable[int]], num_classes: int) -> None:
        """Take in classes, in the place of what was held of them, and shrink all to the share of `num_classes`.

        Args:
            ranked: rows by class, best first, such as `rows[herd(features[rows], share)]`.
            num_classes: how many classes share the memory from now on, those held and those to come.

        Raises `UsageError` where a class would be held without a row, or more classes than `num_classes` are.
        """
        share = self.share(num_classes)
        taken = {int(label): [int(row) for row in rows] for label, rows in ranked.items()}
        empty = [label for label, rows in taken.items() if not rows]
        together = len(self._held.keys() | taken.keys())
        if empty or together > num_classes:
            problem = f"classes {empty} have no rows" if empty else f"{together} classes share it, not {num_classes}"
            raise UsageError(f"the exemplar memory cannot take classes {list(taken)}: {problem}.")
        self._held.update(taken)
        self.shrink(share)

    def hold_random(self, candidates: Mapping[int, Iterable[int]], num_classes: int) -> None:
        """`hold` a random sample, without repeats, of each class's training rows; other arguments as there."""
        self.hold({label: self._shuffled(int(label), rows) for label, rows in candidates.items()}, num_classes)

    def _shuffled(self, label: int, rows: Iterable[int]) -> np.ndarray:
        rows = np.sort(np.fromiter(rows, dtype=np.int64))
        return np.random.default_rng(mix(self.seed, "exemplars", label)).permutation(rows)

    def nbytes(self, clip_bytes: int) -> int:
        """Bytes of the distinct clips held, of `clip_bytes` each."""
        return clip_bytes * len(np.unique(self.rows))

    def copy(self) -> ExemplarMemory:
        """Another memory of the same rows."""
        return ExemplarMemory.from_state(self.state_dict())

    def state_dict(self) -> dict[str, Any]:
        """Plain numbers in lists, for a checkpoint or a record."""
        rows = list(self.held.values())
        return {"capacity": self.capacity, "seed": self.seed, "classes": list(self._held), "rows": rows}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> ExemplarMemory:
        """The memory that `state_dict` described."""
        memory = cls(int(state["capacity"]), int(state["seed"]))
        memory._held = {
            int(label): [int(row) for row in rows] for label, rows in zip(state["classes"], state["rows"], strict=True)
        }
        return memory
