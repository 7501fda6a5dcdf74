"""Event localisation on labelled segments: accuracy by segment, by event, and with intervals over clips.

All from integer labels `pred` and `true` (N, T), one class per segment, `background` among them (the last class in
AVE). An event is a longest run of equal labels other than background. Papers of this field print the share of correct
segments (`accuracy`), which a model that always says background already wins a third of: the other numbers tell apart
when something happens and what it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mmlib.errors import UsageError

THRESHOLDS = (0.3, 0.5, 0.7)  # IoU from which a predicted event counts as found
SEGMENT_SECONDS = 1.0


@dataclass(frozen=True)
class Events:
    """Runs of one label, (E,) each: the clip, the class, first segment and the one after the last."""

    clip: np.ndarray
    label: np.ndarray
    start: np.ndarray
    end: np.ndarray

    def __len__(self) -> int:
        return len(self.clip)


@dataclass(frozen=True)
class Matches:
    """Predicted events beside true ones, (M,) each: places in both lists of events, and the overlap."""

    predicted: np.ndarray
    true: np.ndarray
    iou: np.ndarray


def check_labels(pred: np.ndarray, true: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both as int64 (N, T). Raises `UsageError` for other shapes."""
    pred, true = np.asarray(pred), np.asarray(true)
    if pred.ndim != 2 or pred.shape != true.shape or not pred.size:
        raise UsageError(
            f"localisation needs predicted and true labels (clips, segments); got {pred.shape}, {true.shape}."
        )
    return pred.astype(np.int64), true.astype(np.int64)


def find_events(labels: np.ndarray, background: int) -> Events:
    """All events of labels (N, T), clip by clip."""
    clips, segments = labels.shape
    edge = np.ones((clips, 1), bool)
    begins = np.concatenate([edge, labels[:, 1:] != labels[:, :-1]], axis=1)
    ends = np.concatenate([begins[:, 1:], edge], axis=1)
    clip, start = np.nonzero(begins)  # both in the order of the clips: the n-th begin belongs to the n-th end
    end = np.nonzero(ends)[1] + 1
    label = labels[clip, start]
    event = label != background
    return Events(clip[event], label[event], start[event], end[event])


def overlaps(predicted: Events, true: Events) -> Matches:
    """Every pair of events of one clip and class that overlap."""
    order = np.argsort(true.clip, kind="stable")
    first = np.searchsorted(true.clip[order], predicted.clip, "left")
    count = np.searchsorted(true.clip[order], predicted.clip, "right") - first
    left = np.repeat(np.arange(len(predicted)), count)
    within = np.arange(len(left)) - np.repeat(count.cumsum() - count, count)
    right = order[np.repeat(first, count) + within]
    shared = np.minimum(predicted.end[left], true.end[right]) - np.maximum(predicted.start[left], true.start[right])
    keep = (shared > 0) & (predicted.label[left] == true.label[right])
    left, right, shared = left[keep], right[keep], shared[keep]
    union = predicted.end[left] - predicted.start[left] + true.end[right] - true.start[right] - shared
    return Matches(left, right, shared / np.maximum(union, 1))


def match_events(pairs: Matches, threshold: float) -> Matches:
    """One-to-one matches of overlap `threshold` or more, the largest overlap first (equal ones in order)."""
    order = np.lexsort((pairs.true, pairs.predicted, -pairs.iou))
    order = order[pairs.iou[order] >= threshold]
    chosen: list[np.ndarray] = []
    while len(order):  # a pair that comes first for both of its events is taken; few rounds are ever needed
        left, right = pairs.predicted[order], pairs.true[order]
        taken = _is_first(left) & _is_first(right)
        chosen.append(order[taken])
        order = order[~np.isin(left, left[taken]) & ~np.isin(right, right[taken])]
    found = np.sort(np.concatenate(chosen)) if chosen else np.zeros(0, np.int64)
    return Matches(pairs.predicted[found], pairs.true[found], pairs.iou[found])


def _is_first(values: np.ndarray) -> np.ndarray:
    """Where a value occurs for the first time."""
    first = np.zeros(len(values), bool)
    first[np.unique(values, return_index=True)[1]] = True
    return first


def localisation_metrics(pred: np.ndarray, true: np.ndarray, background: int) -> dict[str, float | None]:
    """Every number of this module that is a share of something; None where there is nothing to share.

    `accuracy` over segments; `foreground_accuracy` over segments of events; `background_recall`,
    `background_precision`; `eventness_f1` of event against background; `class_accuracy` mean over the classes present;
    `event_f1_30`, `event_f1` (IoU 0.5), `event_f1_70` over events of all classes, `event_f1_macro` mean over classes;
    `event_iou` mean over true events of the best overlap of their class.
    """
    pred, true = check_labels(pred, true)
    hit, inside, said = pred == true, true != background, pred != background
    found, truth = find_events(pred, background), find_events(true, background)
    pairs = overlaps(found, truth)
    scores = {threshold: match_events(pairs, threshold) for threshold in THRESHOLDS}
    best = np.zeros(len(truth))
    np.maximum.at(best, pairs.true, pairs.iou)
    recalls = class_recalls(pred, true)
    return {
        "accuracy": float(hit.mean()),
        "foreground_accuracy": share(hit[inside].sum(), inside.sum()),
        "background_recall": share(hit[~inside].sum(), (~inside).sum()),
        "background_precision": share(hit[~said].sum(), (~said).sum()),
        "eventness_f1": share(2 * (inside & said).sum(), inside.sum() + said.sum()),
        "class_accuracy": float(np.mean(list(recalls.values()))),
        "event_f1_30": _f1(len(scores[0.3].true), len(found), len(truth)),
        "event_f1": _f1(len(scores[0.5].true), len(found), len(truth)),
        "event_f1_70": _f1(len(scores[0.7].true), len(found), len(truth)),
        "event_f1_macro": _macro_f1(scores[0.5], found, truth),
        "event_iou": float(best.mean()) if len(best) else None,
    }


def share(part: float, whole: float) -> float | None:
    """part / whole, None of nothing."""
    return float(part / whole) if whole else None


def _f1(hits: int, found: int, truth: int) -> float | None:
    """2TP / (2TP + FP + FN)."""
    return share(2 * hits, found + truth)


def _macro_f1(matches: Matches, found: Events, truth: Events) -> float | None:
    """Mean over the classes that have an event, true or predicted."""
    size = int(max(found.label.max(initial=-1), truth.label.max(initial=-1))) + 1
    hits = np.bincount(truth.label[matches.true], minlength=size)
    events = np.bincount(found.label, minlength=size) + np.bincount(truth.label, minlength=size)
    present = events > 0
    return float((2 * hits[present] / events[present]).mean()) if present.any() else None


def class_recalls(pred: np.ndarray, true: np.ndarray) -> dict[int, float]:
    """{class: share of its true segments that were found}, background included, of the classes that are present."""
    classes, which = np.unique(true, return_inverse=True)
    which = which.ravel()
    hits = np.bincount(which, weights=(pred == true).ravel())
    return dict(zip(classes.tolist(), (hits / np.bincount(which)).tolist(), strict=True))


@dataclass(frozen=True)
class BoundaryErrors:
    """Mean absolute error of onset and offset over matched events, seconds; None without a match."""

    onset: float | None
    offset: float | None
    matched: int


def boundary_errors(
    pred: np.ndarray, true: np.ndarray, background: int, *, threshold: float = 0.5, seconds: float = SEGMENT_SECONDS
) -> BoundaryErrors:
    """Onset and offset errors of events matched at IoU `threshold`; a segment lasts `seconds`."""
    pred, true = check_labels(pred, true)
    found, truth = find_events(pred, background), find_events(true, background)
    matches = match_events(overlaps(found, truth), threshold)
    if not len(matches.true):
        return BoundaryErrors(None, None, 0)
    onset = np.abs(found.start[matches.predicted] - truth.start[matches.true]).mean()
    offset = np.abs(found.end[matches.predicted] - truth.end[matches.true]).mean()
    return BoundaryErrors(float(seconds * onset), float(seconds * offset), len(matches.true))


def clip_accuracy(probabilities: np.ndarray, clip_labels: np.ndarray, background: int) -> float | None:
    """Share of clips whose event has the highest mean probability (N, T, K); clips labelled background are skipped."""
    mean = np.delete(np.asarray(probabilities, np.float64).mean(axis=1), background, axis=1)
    events = np.delete(np.arange(probabilities.shape[2]), background)
    kept = np.asarray(clip_labels) != background
    return share((events[mean.argmax(1)] == clip_labels)[kept].sum(), kept.sum())


@dataclass(frozen=True)
class Interval:
    """A value with the percentile interval of resampled clips."""

    value: float
    low: float
    high: float


def accuracy_interval(
    pred: np.ndarray, true: np.ndarray, *, draws: int = 1000, confidence: float = 0.95, seed: int = 0
) -> Interval:
    """Segment accuracy, clips resampled with replacement: segments of one clip are not independent."""
    pred, true = check_labels(pred, true)
    return _interval((pred == true).mean(axis=1), draws, confidence, seed)


def accuracy_difference(
    pred: np.ndarray,
    other: np.ndarray,
    true: np.ndarray,
    *,
    draws: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Accuracy of `pred` minus that of `other` on the same clips, paired: every draw takes the same clips of both."""
    pred, true = check_labels(pred, true)
    other, _ = check_labels(other, true)
    return _interval((pred == true).mean(axis=1) - (other == true).mean(axis=1), draws, confidence, seed)


def _interval(per_clip: np.ndarray, draws: int, confidence: float, seed: int) -> Interval:
    clips = len(per_clip)
    weights = np.random.default_rng(seed).multinomial(clips, np.full(clips, 1 / clips), size=draws)
    tail = 50 * (1 - confidence)
    low, high = np.percentile(weights @ per_clip / clips, [tail, 100 - tail])
    return Interval(float(per_clip.mean()), float(low), float(high))
