"""Metrics of sentiment regression on [-3, 3]: those over all samples, and those over the ones that are not neutral.

Published code does (MIM, after MAG): accuracy of 7 classes on all samples; then samples with label 0 are dropped, and
    MAE, correlation, accuracy of 2 classes and weighted F1 are of the rest, both signs by value >= 0. The common
    convention (MMSA) has MAE and correlation on all samples.
We do: both sets; `_nonzero` names the second. Classes of 7, 5 and 3: value clipped to ±3, ±2, ±1 and rounded, half to
    even.
"""

from __future__ import annotations

import numpy as np

from mmlib.errors import UsageError
from mmlib.metrics.classification import confusion_matrix, weighted_f1
from mmlib.metrics.correlation import pearson

CLASSES = {7: 3, 5: 2, 3: 1}  # number of classes: largest value

REGRESSION_METRICS = (
    "mae", "pearson", "accuracy_2", "accuracy_3", "accuracy_5", "accuracy_7", "weighted_f1",
    "mae_nonzero", "pearson_nonzero", "accuracy_2_nonzero", "weighted_f1_nonzero",
)  # fmt: skip


def regression_metrics(predictions: np.ndarray, targets: np.ndarray) -> dict[str, float | None]:
    """All metrics of `REGRESSION_METRICS` from real values (N,), shares as fractions; None where one is not defined:
    a correlation of constants, anything of no samples.

    Raises `UsageError` for arrays that do not fit or hold values that are not finite.
    """
    predictions, targets = np.asarray(predictions, np.float64), np.asarray(targets, np.float64)
    if predictions.shape != targets.shape or predictions.ndim != 1:
        raise UsageError(f"predictions {predictions.shape} and targets {targets.shape} must both be (N,).")
    if not (np.isfinite(predictions).all() and np.isfinite(targets).all()):
        raise UsageError("predictions and targets of a regression must be finite.")
    found = signed_metrics(predictions, targets)
    found |= {f"accuracy_{number}": rounded_accuracy(predictions, targets, top) for number, top in CLASSES.items()}
    polar = targets != 0
    found |= {f"{name}_nonzero": value for name, value in signed_metrics(predictions[polar], targets[polar]).items()}
    return {name: found[name] for name in REGRESSION_METRICS}


def signed_metrics(predictions: np.ndarray, targets: np.ndarray) -> dict[str, float | None]:
    """`mae`, `pearson`, and of the two signs (value >= 0) `accuracy_2` and `weighted_f1`."""
    if not len(targets):
        return dict.fromkeys(("mae", "pearson", "accuracy_2", "weighted_f1"))
    said, true = predictions >= 0, targets >= 0
    return {
        "mae": float(np.abs(predictions - targets).mean()),
        "pearson": pearson(predictions, targets),
        "accuracy_2": float((said == true).mean()),
        "weighted_f1": weighted_f1(confusion_matrix(said.astype(np.int64), true.astype(np.int64), 2)),
    }


def rounded_accuracy(predictions: np.ndarray, targets: np.ndarray, top: int) -> float | None:
    """Share of samples whose value, clipped to ±top and rounded (half to even), is the label's."""
    if not len(targets):
        return None
    said, true = (np.rint(np.clip(values, -top, top)) for values in (predictions, targets))
    return float((said == true).mean())
