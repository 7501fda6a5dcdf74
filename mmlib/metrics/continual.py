"""Metrics of learning in steps, from the accuracy matrix R[step][task] of test samples.

R[s][t] is the share of task t's test samples that are classified right after step s, the prediction being free among
all classes seen by then; NaN where t had not arrived (t > s).

Paper says: AV-CIL (ICCV 2023), the mean over steps of the accuracy on all seen classes; IEMF (2025), average accuracy.
Published code does: AV-CIL prints the share of right samples after each step, whose mean is `mean_overall_acc`. IEMF
    averages the accuracies of the seen tasks, unweighted, then over steps: `mean_task_acc`. Forgetting after step s is
    the mean over old tasks of the best accuracy of an earlier step minus the present one, averaged over s >= 1; it can
    be negative. IEMF's plots call its negative "backward transfer".
We do: all of these, and the mean over classes, for tasks of unequal sizes. `bwt` is the usual backward transfer
    (Lopez-Paz and Ranzato, NeurIPS 2017): mean over tasks of R[last][t] - R[t][t].
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mmlib.errors import UsageError


def class_hits(predictions: np.ndarray, targets: np.ndarray, num_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Right predictions of each class, and its samples, (K,) int64 each. Predictions and targets (N,), in 0..K-1."""
    predictions, targets = np.asarray(predictions), np.asarray(targets)
    right = np.bincount(targets[predictions == targets], minlength=num_classes)
    return right, np.bincount(targets, minlength=num_classes)


def accuracy_matrix(hits: np.ndarray, samples: np.ndarray, tasks: Sequence[Sequence[int]]) -> np.ndarray:
    """R (S, tasks) from right predictions of each class after each step.

    Args:
        hits: (S, K) counts; classes that had not arrived do not count. S may be fewer than the tasks (a run so far).
        samples: (K,) test samples of each class.
        tasks: classes of each task; step s teaches task s.

    Raises `UsageError` for a task without a test sample.
    """
    hits, samples = np.asarray(hits), np.asarray(samples)
    sizes = np.array([samples[list(task)].sum() for task in tasks])
    if not sizes.all():
        raise UsageError(
            f"tasks {np.flatnonzero(sizes == 0).tolist()} have no test sample, so no accuracy: split the data anew."
        )
    of_tasks = np.stack([hits[:, list(task)].sum(axis=1) for task in tasks], axis=1) / sizes  # (S, tasks)
    return np.where(_seen(of_tasks), of_tasks, np.nan)


def class_accuracy_matrix(hits: np.ndarray, samples: np.ndarray, tasks: Sequence[Sequence[int]]) -> np.ndarray:
    """As `accuracy_matrix`, of each class, (S, K): NaN before it arrives, and for a class without a test sample."""
    hits, samples = np.asarray(hits, dtype=np.float64), np.asarray(samples)
    arrival = np.empty(len(samples), dtype=np.int64)
    for number, task in enumerate(tasks):
        arrival[list(task)] = number
    known = (arrival[None, :] <= np.arange(len(hits))[:, None]) & (samples > 0)
    return np.divide(hits, samples, out=np.full(hits.shape, np.nan), where=known)


def overall_accuracies(matrix: np.ndarray, sizes: Sequence[float]) -> np.ndarray:
    """Accuracy on the test samples of all seen tasks after each step, (S,). `sizes`: test samples of each task."""
    seen = _seen(matrix)
    weights = seen * np.asarray(sizes, dtype=np.float64)
    return (np.where(seen, matrix, 0) * weights).sum(axis=1) / weights.sum(axis=1)


def task_accuracies(matrix: np.ndarray) -> np.ndarray:
    """Unweighted mean accuracy over the seen tasks after each step, (S,)."""
    return np.where(_seen(matrix), matrix, 0).sum(axis=1) / np.arange(1, len(matrix) + 1)


def forgotten(matrix: np.ndarray) -> np.ndarray:
    """Best accuracy of an earlier step minus the present one, (S, tasks): NaN for tasks that are not old yet."""
    best = np.fmax.accumulate(matrix, axis=0)
    lost = np.full(matrix.shape, np.nan)
    lost[1:] = best[:-1] - matrix[1:]
    return lost


def forgetting(matrix: np.ndarray) -> np.ndarray:
    """F_s, mean over old tasks of `forgotten`, for the steps 1, 2, ..., (S - 1,)."""
    return np.array([row[:step].mean() for step, row in enumerate(forgotten(matrix)) if step])


def backward_transfer(matrix: np.ndarray) -> float | None:
    """BWT, mean over tasks t before the last step of R[last][t] - R[t][t]; None after a single step."""
    last = len(matrix) - 1
    return float((matrix[last, :last] - np.diagonal(matrix)[:last]).mean()) if last else None


def continual_metrics(
    matrix: np.ndarray, sizes: Sequence[float], class_matrix: np.ndarray | None = None
) -> dict[str, float | None]:
    """The numbers of a run, as fractions; None where a single step defines none.

    `mean_task_acc`, `mean_overall_acc` over steps, `last_task_acc`, `last_overall_acc` after the last, `forgetting`,
    `backward_transfer` (its negative), `bwt`; with `class_matrix` (S, K) also `mean_class_acc` and `last_class_acc`,
    means over the seen classes.

    Args:
        matrix: R (S, tasks) of at least as many tasks as steps.
        sizes: test samples of each task.

    Raises `UsageError` for a matrix that lacks a value.
    """
    matrix = np.asarray(matrix, dtype=np.float64)
    if matrix.ndim != 2 or not 0 < len(matrix) <= matrix.shape[1] or np.isnan(matrix[_seen(matrix)]).any():
        raise UsageError(f"R of shape {matrix.shape} must hold every task seen, for each step: R[s][t] of all t <= s.")
    overall, of_tasks = overall_accuracies(matrix, sizes), task_accuracies(matrix)
    lost = forgetting(matrix)
    mean = float(lost.mean()) if len(lost) else None
    found = {
        "mean_task_acc": float(of_tasks.mean()),
        "mean_overall_acc": float(overall.mean()),
        "last_task_acc": float(of_tasks[-1]),
        "last_overall_acc": float(overall[-1]),
        "forgetting": mean,
        "backward_transfer": None if mean is None else 0.0 - mean,  # never -0.0
        "bwt": backward_transfer(matrix),
    }
    if class_matrix is not None:
        of_classes = np.nanmean(np.asarray(class_matrix, dtype=np.float64), axis=1)
        found |= {"mean_class_acc": float(of_classes.mean()), "last_class_acc": float(of_classes[-1])}
    return found


def _seen(matrix: np.ndarray) -> np.ndarray:
    """Which tasks had arrived at each step, bool of the matrix's shape."""
    return np.tri(*matrix.shape, dtype=bool)
