"""Contribution of each modality to each sample: the Shapley value of a game that is won by right predictions.

Wei et al., "Enhancing Multi-modal Cooperation via Sample-level Modality Valuation", CVPR 2024.

Paper says: the benefit of a set S of modalities is |S| where the prediction from S alone is right, else 0; a modality's
    contribution φ is its Shapley value. For two, φ_1 = (c_1 + 2 c_12 - c_2) / 2 with c = 1 where a prediction is right.
Published code does: two modalities, in floats; the prediction from nothing counts as wrong and is never made.
We do: any number n, exactly, as whole numbers of 1/n!. What the φ of a sample add up to is n where the prediction from
    all is right, else 0; 1 each is a modality that cooperates as it should. Bounds are -(n - 1)/2 and (n + 1)/2.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from math import factorial
from typing import Any

import numpy as np

from mmlib.errors import UsageError

MOST = 12
"""Modalities at most: the number of subsets doubles with each."""

Subset = tuple[str, ...]


def subsets_of(modalities: Iterable[str]) -> tuple[Subset, ...]:
    """All 2^n - 1 subsets but the empty one, by size, then in the order of the modalities; the last is all of them.

    Raises `UsageError` for fewer than two modalities, more than `MOST`, or a name given twice.
    """
    names = tuple(modalities)
    if not 2 <= len(names) <= MOST or len(set(names)) < len(names):
        raise UsageError(
            f"contributions are of 2 to {MOST} modalities with different names; got {', '.join(names) or 'none'}."
        )
    return tuple(subset for size in range(1, len(names) + 1) for subset in combinations(names, size))


def shapley_weights(modalities: Sequence[str]) -> np.ndarray:
    """What a right prediction from each subset adds to each modality's contribution: (2^n - 1, n) int64, in 1/n!."""
    names = tuple(modalities)
    count = len(names)
    before = [factorial(k) * factorial(count - k - 1) for k in range(count)]  # orderings with k in front, times n!
    return np.array(
        [
            [len(subset) * (before[len(subset) - 1] if name in subset else -before[len(subset)]) for name in names]
            for subset in subsets_of(names)
        ],
        dtype=np.int64,
    )


def possible_values(count: int) -> np.ndarray:
    """Every value that a contribution among `count` modalities can take, ascending, int64 in 1/count!."""
    reached = np.zeros(1, np.int64)
    for weight in shapley_weights([str(number) for number in range(count)])[:, 0]:
        reached = np.union1d(reached, reached + weight)
    return reached


@dataclass(frozen=True, eq=False)
class Contributions:
    """Contributions of n modalities to N samples, exact.

    `units` (N, n) int64: n! φ; `correct` (N, 2^n - 1) bool: whether the prediction from each of `subsets` is right.
    """

    modalities: tuple[str, ...]
    units: np.ndarray
    correct: np.ndarray

    @property
    def unit(self) -> int:
        """n!, the parts that 1 is divided into."""
        return factorial(len(self.modalities))

    @property
    def subsets(self) -> tuple[Subset, ...]:
        return subsets_of(self.modalities)

    @property
    def values(self) -> np.ndarray:
        """φ, (N, n) float64."""
        return self.units / self.unit

    def __len__(self) -> int:
        return len(self.units)

    def rows(self, index: np.ndarray) -> Contributions:
        """Those of the samples at these positions."""
        return Contributions(self.modalities, self.units[index], self.correct[index])

    def means(self) -> dict[str, Fraction]:
        """Mean contribution by modality, exact. Raises `UsageError` without samples."""
        if not len(self):
            raise UsageError("there are no samples, so no mean contribution.")
        totals = self.units.sum(axis=0).tolist()
        return {m: Fraction(total, self.unit * len(self)) for m, total in zip(self.modalities, totals, strict=True)}

    def accuracies(self) -> dict[Subset, float]:
        """Share of right predictions by subset."""
        return dict(zip(self.subsets, self.correct.mean(axis=0).tolist(), strict=True))

    def histogram(self) -> tuple[np.ndarray, np.ndarray]:
        """Possible values of φ (V,) ascending, and samples at each by modality, (V, n) int64."""
        values = possible_values(len(self.modalities))
        counts = [np.bincount(np.searchsorted(values, column), minlength=len(values)) for column in self.units.T]
        return values / self.unit, np.stack(counts, axis=1)

    def patterns(self) -> dict[tuple[bool, ...], int]:
        """Samples by which subsets predict them right (in the order of `subsets`), most frequent first."""
        rows, counts = np.unique(self.correct, axis=0, return_counts=True)
        order = np.argsort(-counts, kind="stable")
        return {tuple(rows[place].tolist()): int(counts[place]) for place in order}


def contributions(correct: Any, modalities: Sequence[str]) -> Contributions:
    """Contributions from which predictions are right.

    Args:
        correct: (N, 2^n - 1) bool, numpy or torch on any device, columns as `subsets_of(modalities)`.
        modalities: their names.

    Raises `UsageError` for another shape or type.
    """
    names = tuple(modalities)
    weights = shapley_weights(names)
    right = _on_host(correct)
    if right.dtype != bool or right.ndim != 2 or right.shape[1] != len(weights):
        raise UsageError(
            f"correctness of {len(names)} modalities is bool of shape (samples, {len(weights)}), one column for each "
            f"subset; got {right.dtype} of shape {right.shape}."
        )
    return Contributions(names, right.astype(np.int64) @ weights, right)


def contributions_of(predictions: Mapping[Any, Any], labels: Any) -> Contributions:
    """Contributions from any model's predictions for every subset of the modalities.

    Args:
        predictions: by subset, a name or several (tuple, frozenset, or a text "audio+visual"): predicted classes (N,),
            or scores (N, K), of which the first of equally high ones counts; numpy or torch. All 2^n - 1 subsets; the
            single ones say which modalities there are, and in which order.
        labels: (N,) true classes.

    Raises `UsageError` for a subset that is missing or twice, an unknown modality, or lengths that differ.
    """
    found: dict[frozenset[str], Any] = {}
    names: list[str] = []
    for key, value in predictions.items():
        members = parts_of(key)
        names += members if len(members) == 1 else []
        if frozenset(members) in found or len(set(members)) < len(members):
            raise UsageError(f"predictions from {'+'.join(members)} are given twice, or name a modality twice.")
        found[frozenset(members)] = value
    unknown = sorted({name for subset in found for name in subset} - set(names))
    if unknown:
        raise UsageError(f"there are no predictions from {unknown[0]} alone. Give those of every subset.")
    wanted = subsets_of(names)
    missing = ["+".join(subset) for subset in wanted if frozenset(subset) not in found]
    if missing:
        raise UsageError(
            f"predictions from {missing[0]} are missing: {len(wanted)} subsets of {', '.join(names)} count."
        )
    truth = _on_host(labels)
    columns = []
    for subset in wanted:
        guess = _on_host(found[frozenset(subset)])
        guess = guess.argmax(axis=1) if guess.ndim == 2 else guess
        if truth.ndim != 1 or guess.shape != truth.shape:
            raise UsageError(
                f"predictions from {'+'.join(subset)} have the shape {guess.shape}, the labels {truth.shape}: give one "
                "of each for every sample."
            )
        columns.append(guess == truth)
    return contributions(np.stack(columns, axis=1), names)


def parts_of(key: Any) -> tuple[str, ...]:
    """ "audio+visual" or ("audio", "visual") -> both names."""
    return tuple(part.strip() for part in key.split("+")) if isinstance(key, str) else tuple(key)


def _on_host(values: Any) -> np.ndarray:
    values = values.detach().cpu().numpy() if hasattr(values, "detach") else values
    return np.asarray(values)
