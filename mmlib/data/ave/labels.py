"""Labels of AVE, all derived from a clip's class, onset and offset.

Published files store them one-hot: `labels.h5` (segments), `mil_labels.h5` (the clip's class; never background),
`labels_closs.h5` (whether the event happens in a segment), `prob_label.h5` (share of segments per class, which tells
weakly supervised training how long the event lasts). Rebuilt from `Annotations.txt` they agree with the published
`mil_labels.h5` and `labels_closs.h5` on every clip. Here classes are numbers; one-hot only where a loss needs it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mmlib.data.ave import files
from mmlib.data.ave.classes import BACKGROUND, CLASSES, SEGMENTS


def segment_classes(
    labels: np.ndarray,
    onset: np.ndarray,
    offset: np.ndarray,
    *,
    segments: int = SEGMENTS,
    background: int = BACKGROUND,
) -> np.ndarray:
    """Class of every segment `(N, segments)` int64: the clip's in [onset, offset), `background` elsewhere."""
    time = np.arange(segments)[None, :]
    inside = (time >= np.asarray(onset)[:, None]) & (time < np.asarray(offset)[:, None])  # (N, T)
    return np.where(inside, np.asarray(labels)[:, None], background).astype(np.int64)


def one_hot(classes: np.ndarray, count: int) -> np.ndarray:
    """Class numbers of any shape to float32 with a last axis of `count`."""
    return (np.asarray(classes)[..., None] == np.arange(count)).astype(np.float32)


def proportions(segments: np.ndarray, count: int) -> np.ndarray:
    """Share of a clip's segments in each class, `(N, T)` to `(N, count)` float32."""
    return one_hot(segments, count).mean(axis=-2, dtype=np.float64).astype(np.float32)


def event_mask(segments: np.ndarray, background: int = BACKGROUND) -> np.ndarray:
    """1 where the event happens, else 0: `(N, T)` float32."""
    return (np.asarray(segments) != background).astype(np.float32)


def differing_rows(path: Path, label: np.ndarray, segments: np.ndarray) -> int:
    """Rows of a published label file that differ from what `label` (N,) and `segments` (N, T) say."""
    rebuilt = published_labels(label, segments)
    expected = rebuilt.get(path.name, rebuilt["labels.h5"])
    found = files.read_labels(path, len(expected), expected.shape[1:])
    return int(np.sum(~(np.abs(found - expected) < 1e-6).reshape(len(found), -1).all(axis=1)))


def published_labels(label: np.ndarray, segments: np.ndarray) -> dict[str, np.ndarray]:
    """What the label files hold for clips of class `label` (N,) with `segments` (N, T), by name, in published types."""
    count = len(CLASSES)
    return {
        "labels.h5": one_hot(segments, count).astype(np.float64),  # (N, T, K)
        "mil_labels.h5": one_hot(label, count),  # (N, K)
        "prob_label.h5": proportions(segments, count).astype(np.float64),  # (N, K)
        "labels_closs.h5": event_mask(segments),  # (N, T)
    }
