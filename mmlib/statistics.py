"""Means, spreads and paired differences over a handful of seeds.

Source: textbook one-sample and paired Student intervals (two-sided), Holm's step-down adjustment (Holm 1979), two
one-sided tests of equivalence (Schuirmann 1987). All is plain Python except the distribution of Student's t, which
comes from scipy; nothing here needs torch. Values keep the unit they come in (the workbook passes fractions and shows
percent).

Seeds are few (2 to 10), so intervals are wide and rest on the assumption that seeds scatter about normally; with one
seed there is no interval at all, and no function here invents one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from mmlib.errors import UsageError

SMALL_SAMPLE = 10
"""Below this many seeds a Student interval leans on normality, and the tables say so."""
ROUNDING = 1e-9
"""Relative spread that counts as none: far below one sample of any test set, far above a double's rounding."""


@dataclass(frozen=True)
class Summary:
    """Mean of `n` values with their spread. `sd` (ddof 1), `low` and `high` are None where n < 2."""

    mean: float
    sd: float | None
    n: int
    low: float | None
    high: float | None
    confidence: float = 0.95

    @property
    def small(self) -> bool:
        """True where the interval rests on fewer than `SMALL_SAMPLE` values."""
        return self.n < SMALL_SAMPLE


@dataclass(frozen=True)
class PairedDifference(Summary):
    """Mean of the differences over the seeds that both sides ran, in `seeds`; `p` is two-sided, None where undefined.

    `p` is None for one seed, and for differences without any spread (Student's t is not defined there).
    """

    p: float | None = None
    seeds: tuple[int, ...] = ()
    differences: tuple[float, ...] = ()


def mean(values: Sequence[float]) -> float:
    """Arithmetic mean; raises `UsageError` for no values or a non-finite one."""
    return math.fsum(_checked(values)) / len(values)


def standard_deviation(values: Sequence[float]) -> float | None:
    """Sample standard deviation (ddof 1); None for one value, where no spread can be estimated."""
    values = _checked(values)
    if len(values) < 2:
        return None
    centre = mean(values)
    return math.sqrt(math.fsum((value - centre) ** 2 for value in values) / (len(values) - 1))


def summarise(values: Sequence[float], confidence: float = 0.95) -> Summary:
    """Mean, standard deviation and the two-sided Student interval of the mean."""
    centre, spread, n = mean(values), standard_deviation(values), len(values)
    if spread is None:
        return Summary(centre, None, n, None, None, confidence)
    half = t_quantile(0.5 + confidence / 2, n - 1) * spread / math.sqrt(n)
    return Summary(centre, spread, n, centre - half, centre + half, confidence)


def contrast(sides: Sequence[tuple[float, Mapping[int, float]]], confidence: float = 0.95) -> PairedDifference | None:
    """Interval of a weighted sum of rows, paired strictly by seed.

    `sides` holds (weight, {seed: value}) per row; the plain difference a - b is [(1, a), (-1, b)]. Only seeds that
    every row ran count; None when there is no such seed.
    """
    if not sides:
        raise UsageError("a comparison needs at least one row")
    common = sorted(set.intersection(*(set(values) for _, values in sides)))
    if not common:
        return None
    differences = tuple(math.fsum(weight * values[seed] for weight, values in sides) for seed in common)
    summary = summarise(differences, confidence)
    return PairedDifference(
        summary.mean, summary.sd, summary.n, summary.low, summary.high, confidence,
        p=_p_value(summary), seeds=tuple(common), differences=differences,
    )  # fmt: skip


def paired_difference(
    a: Mapping[int, float], b: Mapping[int, float], confidence: float = 0.95
) -> PairedDifference | None:
    """Interval of a - b over the seeds that both ran ({seed: value} each); None when they share no seed."""
    return contrast([(1.0, a), (-1.0, b)], confidence)


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Holm's step-down adjustment, in the order given; None (an undefined p) stays None and is not counted."""
    order = sorted((p, i) for i, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    running = 0.0
    for rank, (p, i) in enumerate(order):
        running = max(running, min(1.0, p * (len(order) - rank)))
        adjusted[i] = running
    return adjusted


def equivalence_p(difference: Summary, margin: float) -> float | None:
    """p of two one-sided t tests (TOST; Schuirmann 1987): small where the true mean lies within ± `margin`.

    It is below 5 % where the 90 % interval of the mean lies inside the margin. None without a spread beyond rounding.
    """
    if _has_no_spread(difference):
        return None
    return max(_above(difference, -margin), _above(replace(difference, mean=-difference.mean), -margin))


def exceedance_p(difference: Summary, margin: float) -> float | None:
    """Two-sided p of "the true mean is no farther from zero than `margin`", of a mean that is farther; else 1.

    It is below 5 % where the 95 % interval of the mean lies beyond the margin. None without a spread beyond rounding.
    """
    if _has_no_spread(difference):
        return None
    return min(1.0, 2 * _above(replace(difference, mean=abs(difference.mean)), margin))


def _above(summary: Summary, bound: float) -> float:
    """One-sided p of "the true mean is at most `bound`"."""
    from scipy.special import stdtr

    return float(stdtr(summary.n - 1, -(summary.mean - bound) / (summary.sd / math.sqrt(summary.n))))


def _has_no_spread(summary: Summary) -> bool:
    # Accuracies are multiples of one sample: equal differences are common, and differ by binary rounding only.
    return not summary.sd or summary.sd <= ROUNDING * max(1.0, abs(summary.mean))


def t_quantile(probability: float, degrees: int) -> float:
    """Quantile of Student's t with `degrees` degrees of freedom."""
    from scipy.special import stdtrit  # here, because scipy costs a tenth of a second that `mmlib status` can save

    return float(stdtrit(degrees, probability))


def _p_value(summary: Summary) -> float | None:
    """Two-sided p of "the true mean is zero"; None without a spread beyond rounding."""
    from scipy.special import stdtr

    if _has_no_spread(summary):
        return None
    t = abs(summary.mean) / (summary.sd / math.sqrt(summary.n))
    return float(2 * stdtr(summary.n - 1, -t))


def _percentile(ordered: Sequence[float], probability: float) -> float:
    """Linear interpolation between order statistics (numpy's default)."""
    position = probability * (len(ordered) - 1)
    below = math.floor(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (position - below) * (ordered[above] - ordered[below])


def _checked(values: Sequence[float]) -> list[float]:
    values = [float(value) for value in values]
    if not values:
        raise UsageError("no values to summarise")
    if not all(math.isfinite(value) for value in values):
        raise UsageError(f"cannot summarise values that are not finite: {values}")
    return values
