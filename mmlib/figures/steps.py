"""A value of every training step over time: each step light, the mean of each epoch dark."""

from __future__ import annotations

from typing import Any

import numpy as np


def step_times(epochs: np.ndarray) -> np.ndarray:
    """When each step was taken, (steps,), in epochs: halfway through its share of its own epoch.

    Args:
        epochs: (steps,) the epoch of each step, counted from 0, never falling; epochs may differ in length.
    """
    counts = np.bincount(epochs)
    first = np.concatenate([[0], np.cumsum(counts)[:-1]])  # step at which each epoch begins
    return epochs + (np.arange(len(epochs)) - first[epochs] + 0.5) / counts[epochs]


def draw_steps(axis: Any, epochs: np.ndarray, values: np.ndarray, color: str, label: str = "", **line: Any) -> bool:
    """Draw `values` (steps,), NaN where there are none; False where there are none at all. `line` styles the means."""
    known = np.isfinite(values)
    if not known.any():
        return False
    axis.plot(step_times(epochs), values, color=color, lw=0.6, alpha=0.35)
    there = np.unique(epochs[known])
    means = [values[known & (epochs == epoch)].mean() for epoch in there]
    axis.plot(there + 0.5, means, color=color, label=label, **line)
    axis.xaxis.get_major_locator().set_params(integer=True)
    return True
