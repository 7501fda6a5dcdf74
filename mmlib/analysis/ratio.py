"""The ratio of two paired means, with Fieller's interval.

Source: E. C. Fieller, Some problems in interval estimation, J. R. Stat. Soc. B 16 (1954). A value ρ belongs to the set
where Student's test on the differences x_i − ρ y_i does not reject zero. The set is an interval only where the mean of
y is itself beyond noise; else it is unbounded, and no statement about the ratio can be made. A bootstrap over three to
five seeds would hide that: it resamples the few values there are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from mmlib.statistics import ROUNDING, mean, t_quantile


@dataclass(frozen=True)
class Ratio:
    """mean(x) / mean(y) over `n` pairs; `low` and `high` are None where no bounded interval exists."""

    value: float | None
    low: float | None
    high: float | None
    n: int
    confidence: float = 0.95

    @property
    def bounded(self) -> bool:
        return self.low is not None


def ratio_of_means(x: Sequence[float], y: Sequence[float], confidence: float = 0.95) -> Ratio:
    """Fieller's interval of mean(x) / mean(y), paired.

    The ratio is None where mean(y) is 0, its interval for fewer than two pairs, and where the interval of mean(y)
    contains 0. Raises `ValueError` for sides of different length.
    """
    n = len(x)
    if n != len(y):
        raise ValueError(f"{n} values against {len(y)}: a ratio of means is of pairs")
    top, bottom = mean(x), mean(y)
    value = top / bottom if abs(bottom) > ROUNDING else None
    if n < 2 or value is None:
        return Ratio(value, None, None, n, confidence)
    square = t_quantile(0.5 + confidence / 2, n - 1) ** 2
    xx, yy, xy = (_covariance(a, b) / n for a, b in ((x, x), (y, y), (x, y)))
    # (x̄ − ρ ȳ)² ≤ t² var(x̄ − ρ ȳ)  ⇔  a ρ² − 2 b ρ + c ≤ 0
    a, b, c = bottom**2 - square * yy, top * bottom - square * xy, top**2 - square * xx
    if a <= 0:
        return Ratio(value, None, None, n, confidence)
    root = math.sqrt(max(0.0, b * b - a * c))
    return Ratio(value, (b - root) / a, (b + root) / a, n, confidence)


def _covariance(x: Sequence[float], y: Sequence[float]) -> float:
    """Sample covariance (ddof 1)."""
    centre_x, centre_y = mean(x), mean(y)
    return math.fsum((a - centre_x) * (b - centre_y) for a, b in zip(x, y, strict=True)) / (len(x) - 1)
