"""Herding: exemplars of a class, best first, whose running mean stays closest to the mean of the class.

Rebuffi et al., "iCaRL", CVPR 2017 (Algorithm 4).

Paper says: p_k = argmin_x ‖μ - (x + Σ_{j<k} p_j) / k‖ of normalised features, x from the class; that a chosen x is
    out is not written, but meant ("set").
Published code does (AV-CIL, ICCV 2023): leaves the chosen ones in, so that a sample may be chosen many times, and then
    counts as often in the training set and in the class mean.
We do: without repeats by default, `repeats` as published.
"""

from __future__ import annotations

import numpy as np


def herd(features: np.ndarray, count: int, *, repeats: bool = False) -> np.ndarray:
    """Rows chosen from one class, best first, int64: `count`, or all there are if that is fewer.

    Any first m of them are what `count=m` chooses. Of equally good rows the first is taken.

    Args:
        features: (N, C) of the class; their lengths count, so normalise them first.
        count: m, at least 0.
        repeats: leave a chosen row among the candidates.
    """
    features = np.asarray(features, dtype=np.float64)
    count = min(count, len(features))
    chosen = np.zeros(count, dtype=np.int64)
    # ‖kμ - S - x‖² = ‖x‖² - 2 x·(kμ - S) + const: one product of matrix and vector a pick.
    lengths, mean = np.einsum("nc,nc->n", features, features), features.mean(axis=0) if len(features) else None
    rest = np.zeros(features.shape[1])  # kμ - S
    free = np.ones(len(features), dtype=bool)
    for pick in range(count):
        rest += mean
        cost = lengths - 2 * (features @ rest)
        chosen[pick] = best = int(np.argmin(cost if repeats else np.where(free, cost, np.inf)))
        rest -= features[best]
        free[best] = False
    return chosen
