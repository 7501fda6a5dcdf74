"""What an analysis tests of its plan's figure, for a plan that has no claims file whose statements would say it."""

from __future__ import annotations

from dataclasses import dataclass

from mmlib.metrics.family import Metric
from mmlib.statistics import PairedDifference


@dataclass(frozen=True)
class Tested:
    """A sentence of the paper, and a difference over seeds that is above zero where it holds.

    `known` says in which unit and with how many decimals the difference is shown.
    """

    id: str
    text: str
    known: Metric
    difference: PairedDifference
