"""Intervals over seeds for quantities that a plain Student interval does not suit: coefficients in [-1, 1]."""

from __future__ import annotations

import math
from collections.abc import Sequence

from mmlib.statistics import PairedDifference, Summary, standard_deviation, summarise

NEAR_ONE = 0.999999


def summarise_coefficients(values: Sequence[float], confidence: float = 0.95) -> Summary | None:
    """Mean of correlation coefficients with an interval that stays inside [-1, 1]; None without values.

    Mean and interval are made on Fisher's scale z = artanh(r) (Student's t over seeds) and brought back; `sd` is that
    of the coefficients themselves.
    """
    if not values:
        return None
    z = [math.atanh(max(-NEAR_ONE, min(NEAR_ONE, value))) for value in values]
    found = summarise(z, confidence)
    back = [None if bound is None else math.tanh(bound) for bound in (found.low, found.high)]
    return Summary(math.tanh(found.mean), standard_deviation(values), found.n, back[0], back[1], confidence)


def summarise_known(values: Sequence[float | None], confidence: float = 0.95) -> Summary | None:
    """Summary of the values that exist and are finite; None without any."""
    known = [float(value) for value in values if value is not None and math.isfinite(value)]
    return summarise(known, confidence) if known else None


def interval_text(found: Summary | PairedDifference | None, digits: int = 2, sign: str = "") -> str:
    """ "0.42 (0.31 to 0.52)"; with `sign` "+" differences show theirs."""
    if found is None:
        return "not defined"
    numbers = [found.mean] if found.low is None else [found.mean, found.low, found.high]
    mean, *bounds = (f"{number:{sign}.{digits}f}".replace("-", "−") for number in numbers)
    return f"{mean} ({bounds[0]} to {bounds[1]})" if bounds else f"{mean} (one seed)"
