"""Correlation of two series."""

from __future__ import annotations

import numpy as np


def pearson(x: np.ndarray, y: np.ndarray) -> float | None:
    """Pearson's r of two arrays (n,); None for fewer than three points or a constant one."""
    if len(x) < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return None
    return float(np.corrcoef(x, y)[0, 1])


def spearman(x: np.ndarray, y: np.ndarray) -> float | None:
    """Spearman's ρ: Pearson's r of the ranks, ties sharing their mean rank."""
    return pearson(_ranks(x), _ranks(y)) if len(x) >= 3 else None


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks (n,) from 1; scipy has them where it takes every process two thirds of a second to import."""
    values = np.asarray(values)
    if np.any(values != values):  # beside what is no number nothing has a rank
        return np.full(len(values), np.nan)
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[places]
