"""Verification of pairs from distances: AUC, EER, verification rate, ROC, 1:N matching, and FOP's own evaluator.

A pair is accepted when its distance is small. `auc` and `eer` are exact: every distance is a threshold, ties are one
threshold with half credit, and the equal error rate is where the piecewise-linear ROC crosses FPR = 1 - TPR.

Published code does (FOP): thresholds every 0.01 from 0 to 3.99, ten folds, EER = the false positive rate at the
threshold where both errors differ least, labels from the parity of the row. `fop_compat` repeats that (with the labels
it is given), because printed numbers were made so; its grid alone moves the EER by up to three points.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mmlib.errors import UsageError

FOLDS = 10
FALSE_ACCEPTS = 0.001  # the rate at which face and speaker verification usually say how many pairs are accepted
GRID = np.arange(400) / 100  # 0 ... 3.99; squared distances of unit vectors never exceed 4


@dataclass(frozen=True)
class ROC:
    """Points of the ROC in the order of rising thresholds, all of them, first (0, 0), last (1, 1); each (n + 1,)."""

    fpr: np.ndarray
    tpr: np.ndarray


def check_pairs(distances: np.ndarray, same: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both as float64 and bool (P,). Raises `UsageError` for other shapes, values not finite, or one kind of pair."""
    distances, same = np.asarray(distances, np.float64), np.asarray(same).astype(bool)
    if distances.ndim != 1 or distances.shape != same.shape:
        raise UsageError(f"verification needs one distance per pair; got {distances.shape} and labels {same.shape}.")
    if not np.isfinite(distances).all():
        raise UsageError(f"{int((~np.isfinite(distances)).sum())} of {len(distances)} distances are not finite.")
    if same.all() or not same.any():
        kind = "the same identity" if same.size and same.all() else "different identities"
        raise UsageError(f"all {len(same)} pairs are of {kind}: AUC and EER need pairs of both kinds.")
    return distances, same


def roc(distances: np.ndarray, same: np.ndarray) -> ROC:
    """The ROC of pairs (P,): `same` is true for pairs of one identity."""
    distances, same = check_pairs(distances, same)
    accepted, starts = ranked_pairs(distances, same)
    hits = np.add.reduceat(accepted.astype(np.int64), starts).cumsum()
    counts = np.append(starts[1:], len(accepted))
    false = counts - hits
    return ROC(np.concatenate(([0.0], false / false[-1])), np.concatenate(([0.0], hits / hits[-1])))


def ranked_pairs(distances: np.ndarray, same: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`same` in the order of the distances, and where each distinct distance starts."""
    order = np.argsort(distances, kind="stable")
    ranked = distances[order]
    return same[order], np.flatnonzero(np.concatenate(([True], ranked[1:] != ranked[:-1])))


def auc(distances: np.ndarray, same: np.ndarray) -> float:
    """Chance that a pair of one identity is closer than one of two, ties counting half (Mann-Whitney)."""
    return area(roc(distances, same))


def eer(distances: np.ndarray, same: np.ndarray) -> float:
    """Equal error rate, exact."""
    return equal_error(roc(distances, same))


def vr_at_far(distances: np.ndarray, same: np.ndarray, far: float = FALSE_ACCEPTS) -> float:
    """Verification rate at a false accept rate of `far`, exact; see `verification_rate`."""
    return verification_rate(roc(distances, same), far)


def area(curve: ROC) -> float:
    """Area under a ROC."""
    return float(np.trapezoid(curve.tpr, curve.fpr))


def equal_error(curve: ROC) -> float:
    """Where the piecewise-linear ROC crosses FPR = 1 - TPR."""
    return float(crossing(curve.fpr[None], curve.tpr[None])[0])


def verification_rate(curve: ROC, far: float = FALSE_ACCEPTS) -> float:
    """Share of pairs of one identity that are accepted by the loosest threshold at which at most a share `far` (0 to 1)
    of the other pairs is. With fewer than 1/`far` of those, that is none of them; nothing is interpolated.
    """
    return float(curve.tpr[np.searchsorted(curve.fpr, far, side="right") - 1])


def crossing(fpr: np.ndarray, tpr: np.ndarray) -> np.ndarray:
    """Equal error rate of each row of points (D, n)."""
    gap = 1 - tpr - fpr  # falls from 1 to -1
    after = np.argmax(gap <= 0, axis=1)
    rows = np.arange(len(gap))
    before = after - 1
    step = gap[rows, before] / (gap[rows, before] - gap[rows, after])
    return fpr[rows, before] + step * (fpr[rows, after] - fpr[rows, before])


@dataclass(frozen=True)
class FOPEvaluation:
    """What FOP's evaluator prints: means over folds; `accuracy_sd` is the deviation over folds."""

    auc: float
    eer: float
    threshold: float
    accuracy: float
    accuracy_sd: float


def fop_compat(distances: np.ndarray, same: np.ndarray, folds: int = FOLDS) -> FOPEvaluation:
    """FOP's evaluator (threshold grid, folds of consecutive rows, strict <, EER = FPR), with the labels given."""
    distances, same = check_pairs(distances, same)
    accept = distances[:, None] < GRID  # (P, 400)
    edges = np.cumsum([0, *(len(part) for part in np.array_split(np.arange(len(same)), folds))])
    rates, correct = [], []
    for first, last in zip(edges[:-1], edges[1:], strict=True):
        inside, labels = accept[first:last], same[first:last, None]
        positives, negatives = int(labels.sum()), int((~labels).sum())
        if not positives or not negatives:
            raise UsageError(f"rows {first} to {last - 1} hold one kind of pair only: FOP's evaluator needs both.")
        rates.append([(inside & labels).sum(0) / positives, (inside & ~labels).sum(0) / negatives])
        correct.append((inside == labels).sum(0))
    tpr, fpr = np.mean(rates, axis=0)
    best = int(np.argmin(np.abs(1 - tpr - fpr)))
    accuracy = _fold_accuracy(np.array(correct), np.diff(edges))
    area_under = float(np.trapezoid(tpr, fpr))
    return FOPEvaluation(area_under, float(fpr[best]), float(GRID[best]), float(accuracy.mean()), float(accuracy.std()))


def _fold_accuracy(correct: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Accuracy of each fold at the threshold that is best on the others: correct pairs (folds, 400), fold sizes."""
    others = correct.sum(0) - correct
    return correct[np.arange(len(sizes)), others.argmax(1)] / sizes


def matching_accuracy(distances: np.ndarray, correct: int = 0) -> dict[int, float]:
    """1:N matching: {N: share of trials won} for N = 2 .. the number of candidates; chance is 1/N.

    Args:
        distances: (trials, candidates) from a probe to its candidates; the first N of them form the gallery of size N.
        correct: place of the right candidate, below 2. It wins if it alone has the smallest distance: a tie loses, or
            a constant score would win wherever the right one is listed first.
    """
    distances = np.asarray(distances, np.float64)
    if distances.ndim != 2 or distances.shape[1] < 2 or not len(distances) or not 0 <= correct < 2:
        raise UsageError(f"matching needs trials of at least two candidates; got distances {distances.shape}.")
    right = distances[:, [correct]]
    wrong = np.delete(distances, correct, axis=1)
    nearest = np.minimum.accumulate(wrong, axis=1)  # of the first 1, 2, ... wrong candidates
    return dict(enumerate((right < nearest).mean(axis=0).tolist(), start=2))
