"""Classification metrics on whole splits, as scikit-learn defines them.

Papers of this field say "accuracy" for micro top-1 and "mAP" for the mean over classes of one-vs-rest average
precision from softmax scores. Two choices are made here and tested:

- a class without a positive sample has no average precision, no recall and no F1: means run over the classes that are
  present, and their number is returned beside the value (scikit-learn counts an absent class as 0);
- tied scores are one threshold, as in scikit-learn, so the order of the samples never matters.

Everything takes the scores of a whole split at once: metrics averaged over batches are other numbers.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

Average = Literal["macro", "weighted", "micro", "samples"]


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Log-probabilities in float64, (N, K). They rank as probabilities do, without their underflow into ties."""
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def one_hot(targets: np.ndarray, classes: int) -> np.ndarray:
    """Labels (N,) as a boolean table (N, K)."""
    return targets[:, None] == np.arange(classes)


def top1(scores: np.ndarray, targets: np.ndarray) -> float:
    """Share of samples whose highest score (the first of tied ones) is the label's. scores (N, K), targets (N,)."""
    return float((scores.argmax(axis=1) == targets).mean())


def average_precision(scores: np.ndarray, positives: np.ndarray) -> np.ndarray:
    """Average precision of every column, sum_n (R_n - R_{n-1}) P_n over distinct thresholds.

    scores (N, K), higher means more likely; positives (N, K) bool, several per row allowed. Returns (K,) in (0, 1],
    NaN for a column without a positive.
    """
    order = np.argsort(-scores, axis=0, kind="stable")
    ranked = np.take_along_axis(scores, order, axis=0)
    hits = np.take_along_axis(positives, order, axis=0)  # (N, K)
    rank = np.arange(1, len(scores) + 1)[:, None]
    precision = hits.cumsum(axis=0) / rank
    # All samples of a tie share the precision at its end: the next row at which the score changes.
    is_end = np.ones_like(hits)
    is_end[:-1] = ranked[:-1] != ranked[1:]
    ends = np.where(is_end, rank - 1, len(scores))
    ends = np.minimum.accumulate(ends[::-1], axis=0)[::-1]
    gained = np.where(hits, np.take_along_axis(precision, ends, axis=0), 0.0).sum(axis=0)
    count = positives.sum(axis=0)
    return np.divide(gained, count, out=np.full(scores.shape[1], np.nan), where=count > 0)


def mean_average_precision(scores: np.ndarray, targets: np.ndarray, average: Average = "macro") -> tuple[float, int]:
    """Mean average precision and the number of classes present.

    scores (N, K); targets (N,) labels or (N, K) bool. macro: unweighted over present classes; weighted: by their
    number of positives; micro: all (sample, class) pairs as one ranking; samples: over the samples' own rankings.
    """
    positives = one_hot(targets, scores.shape[1]) if targets.ndim == 1 else targets.astype(bool)
    present = int(positives.any(axis=0).sum())
    if average == "micro":
        return float(average_precision(scores.reshape(-1, 1), positives.reshape(-1, 1))[0]), present
    if average == "samples":
        return float(np.nanmean(average_precision(scores.T, positives.T))), present
    values = average_precision(scores, positives)
    weights = positives.sum(axis=0) if average == "weighted" else positives.any(axis=0)
    return float(np.average(np.nan_to_num(values), weights=weights)), present


def confusion_matrix(predictions: np.ndarray, targets: np.ndarray, classes: int) -> np.ndarray:
    """Counts (K, K): row = label, column = prediction. Matrices of batches add up to that of the whole."""
    return np.bincount(targets * classes + predictions, minlength=classes**2).reshape(classes, classes)


def class_f1(confusion: np.ndarray) -> np.ndarray:
    """F1 of each class (K,) of a confusion matrix (K, K); 0 for one that is neither a label nor predicted."""
    total = confusion.sum(axis=0) + confusion.sum(axis=1)
    return np.divide(2.0 * np.diag(confusion), total, out=np.zeros(len(confusion)), where=total > 0)


def macro_f1(confusion: np.ndarray) -> float:
    """Unweighted mean of F1 over the classes present among the labels; a prediction of an absent class only costs."""
    return float(class_f1(confusion)[confusion.sum(axis=1) > 0].mean())


def weighted_f1(confusion: np.ndarray) -> float:
    """Mean of F1 over the classes, each by how often it is the label (scikit-learn's `average="weighted"`)."""
    return float(np.average(class_f1(confusion), weights=confusion.sum(axis=1)))


def classification_metrics(logits: np.ndarray, targets: np.ndarray) -> dict[str, float]:
    """top1, map (macro), macro_f1 as fractions and loss (mean cross-entropy, nats). logits (N, K), targets (N,)."""
    scores = log_softmax(logits)  # (N, K)
    confusion = confusion_matrix(scores.argmax(axis=1), targets, scores.shape[1])
    return {
        "top1": top1(scores, targets),
        "map": mean_average_precision(scores, targets)[0],
        "macro_f1": macro_f1(confusion),
        "loss": float(-np.take_along_axis(scores, targets[:, None], axis=1).mean()),
    }
