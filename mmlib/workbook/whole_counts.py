"""Is a printed accuracy a whole count? On a test set of n samples it can only be k/n.

The check needs no run: a number that no k gives cannot be an accuracy on that set. A number that passes proves little
by itself (`chance` says how many of all printable numbers do), many that all pass prove the size of the test set.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from mmlib.workbook.claims import Claim, Claims

How = Literal["rounded", "truncated", "impossible"]


@dataclass(frozen=True)
class WholeCount:
    """A printed number as `count` right of `samples`; None where no count gives it."""

    claim: Claim
    count: int | None
    how: How

    @property
    def samples(self) -> int:
        return self.claim.column.samples or 0

    @property
    def decimals(self) -> int:
        """How many are printed."""
        return printed_decimals(self.claim.column.tolerance.rounding)

    @property
    def text(self) -> str:
        """ "63.70 = 474/744, truncated"."""
        value = f"{self.claim.value:.{self.decimals}f}"
        if self.count is None:
            return f"{value} is no count of {self.samples}"
        return f"{value} = {self.count}/{self.samples}" + (", truncated" if self.how == "truncated" else "")


def whole_count(value: float, samples: int, rounding: float) -> tuple[int | None, How]:
    """(k, how) with 100 k/n printed as `value`, in percent; `rounding` is half a unit of its last decimal.

    Rounded where k/n lies within `rounding` of the value; else truncated, where it lies less than a unit above.
    """
    exact, half = Fraction(str(value)), Fraction(str(rounding))
    below = int(exact * samples / 100)  # value >= 0
    for how, low, high in (("rounded", exact - half, exact + half), ("truncated", exact, exact + 2 * half)):
        for count in (below, below + 1):
            share = Fraction(100 * count, samples)
            if count <= samples and low <= share <= high and (how == "rounded" or share < high):
                return count, how
    return None, "impossible"


@functools.cache  # thousands of fractions; every page of a plan's profiles asks for the same few
def chance(samples: int, rounding: float) -> float:
    """Share of the numbers printable with these decimals, 0 to 100, that are a rounded whole count of `samples`."""
    unit = 2 * Fraction(str(rounding))
    counts = {round(Fraction(100 * count, samples) / unit) for count in range(samples + 1)}
    return len(counts) / int(100 / unit + 1)


def whole_counts(claims: Claims, plan: str | None = None) -> list[WholeCount]:
    """Every printed share whose test set's size is known, each once, in the file's order."""
    found: dict[tuple[str, str, float], WholeCount] = {}
    for claim in claims.claims(plan):
        column = claim.column
        key = (column.id, claim.row.id, claim.value)
        if column.samples is not None and column.unit == "percent" and key not in found:
            found[key] = WholeCount(claim, *whole_count(claim.value, column.samples, column.tolerance.rounding))
    return list(found.values())


def printed_decimals(rounding: float) -> int:
    """0.05 -> 1, 0.005 -> 2."""
    return max(0, len(f"{2 * rounding:.10f}".rstrip("0").partition(".")[2]))
