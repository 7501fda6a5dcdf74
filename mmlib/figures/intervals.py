"""Intervals that do not drive an axis: with two or three seeds they are many times wider than what they are of."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

ROOM = 1.0
"""How far beyond all means and seeds an axis reaches, in their span."""

Limits = tuple[float, float]


def shown_range(values: Iterable[float], low: float = float("-inf"), high: float = float("inf")) -> Limits:
    """Ends of an axis that shows `values` with as much room again on both sides, within what a value can be."""
    known = sorted(values) or [0.0]
    room = ROOM * max(known[-1] - known[0], 1.0)
    return max(low, known[0] - room), min(high, known[-1] + room)


def draw_interval(
    axis: Any, place: float, low: float, high: float, limits: Limits, *, along: str = "y", **look: Any
) -> None:
    """A line from `low` to `high` along an axis; where an end lies outside `limits`, an arrowhead at the limit."""
    across = [place, place]
    ends = [max(low, limits[0]), min(high, limits[1])]
    axis.plot(*((across, ends) if along == "y" else (ends, across)), solid_capstyle="butt", **look)
    heads = ("v", "^") if along == "y" else ("<", ">")
    for beyond, limit, head in zip((low < limits[0], high > limits[1]), limits, heads, strict=True):
        if beyond:
            at = (place, limit) if along == "y" else (limit, place)
            axis.plot(*at, head, color=look.get("color"), ms=4, clip_on=False, zorder=4)
