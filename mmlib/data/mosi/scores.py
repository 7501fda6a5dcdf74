"""Sentiment scores in [-3, 3] and the seven classes they fall in."""

from __future__ import annotations

import numpy as np

CLASSES = [f"{value:+d}".replace("+0", "0") for value in range(-3, 4)]
TARGET = "score"  # the index column that is learned


def classes_of(scores: np.ndarray) -> np.ndarray:
    """Numbers of the classes (N,), 0 for -3 to 6 for +3: clipped, rounded, half to even."""
    return np.rint(np.clip(scores, -3, 3)).astype(np.int64) + 3
