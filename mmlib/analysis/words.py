"""How analyses say on what they rest, and differences in words: better or worse, never a sign alone."""

from __future__ import annotations

from collections.abc import Collection

from mmlib.metrics.family import metric
from mmlib.statistics import PairedDifference

UNBROKEN = "\u00a0"
"""A space at which no line ends, for captions of figures."""


def seed_count(seeds: Collection[int], space: str = " ") -> str:
    """ "5 seeds"."""
    return f"{len(seeds)}{space}seed{'' if len(seeds) == 1 else 's'}"


def difference_text(found: PairedDifference, name: str, unit: bool = True) -> str:
    """ "1.2 points better (0.3 to 2.1 better)", of a plain difference (above 0 where higher) in the metric `name`.

    Without `unit` it leaves out what a column's head says.
    """
    known = metric(name)
    mean = known.sign * found.mean
    told = known.difference(mean) if unit else known.differences([mean])
    if found.low is None or found.high is None:
        return f"{told} (one seed)"
    low, high = sorted((known.sign * found.low, known.sign * found.high))
    return f"{told} ({known.interval(low, high)})"
