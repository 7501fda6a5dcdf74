"""How analyses say on what they rest, and differences in points."""

from __future__ import annotations

from collections.abc import Collection

from mmlib.analysis.intervals import interval_text
from mmlib.metrics.family import metric
from mmlib.statistics import PairedDifference

UNBROKEN = "\u00a0"
"""A space at which no line ends, for captions of figures."""


def seed_count(seeds: Collection[int], space: str = " ") -> str:
    """ "5 seeds"."""
    return f"{len(seeds)}{space}seed{'' if len(seeds) == 1 else 's'}"


def points_text(found: PairedDifference, name: str) -> str:
    """ "+1.2 (+0.3 to +2.1) points", in the decimals of the metric called `name`."""
    return f"{interval_text(found, metric(name).unit.digits, '+')} points"
