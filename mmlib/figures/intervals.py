"""Intervals that do not drive an axis: with two or three seeds they are many times wider than what they are of."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

ROOM = 1.0
"""How far beyond all means and seeds an axis reaches, in their span."""

Limits = tuple[float, float]


def shown_range(
    values: Iterable[float],
    low: float = float("-inf"),
    high: float = float("inf"),
    ends: Iterable[float | None] | None = None,
    least: float = 1.0,
) -> Limits:
    """Ends of an axis that shows `values` with as much room again on both sides, within what a value can be.

    With the `ends` of all intervals that are drawn, no more room than they need. Values that span less than `least` get
    the room of that.
    """
    known = sorted(values) or [0.0]
    span = max(known[-1] - known[0], least)
    first, last = known[0] - ROOM * span, known[-1] + ROOM * span
    if ends is not None:
        reached = [end for end in ends if end is not None]
        first, last = max(first, min([known[0], *reached])), min(last, max([known[-1], *reached]))
        margin = 0.05 * (last - first) or 0.02 * abs(last) or 1.0
        first, last = first - margin, last + margin
    return max(low, first), min(high, last)


def ends_of(summaries: Iterable[Any]) -> list[float]:
    """Both ends of every interval there is, of summaries and differences."""
    return [
        end for found in summaries if found is not None and found.low is not None for end in (found.low, found.high)
    ]


def draw_interval(
    axis: Any, place: float, low: float, high: float, limits: Limits, *, along: str = "y", **look: Any
) -> None:
    """A line from `low` to `high` along an axis; where an end lies outside `limits`, an arrowhead at the limit."""
    from matplotlib.patheffects import withStroke

    across = [place, place]
    ends = [max(low, limits[0]), min(high, limits[1])]
    halo = [withStroke(linewidth=look.get("lw", 1.0) + 1.4, foreground="white")]  # it lies on bars of any colour
    axis.plot(*((across, ends) if along == "y" else (ends, across)), solid_capstyle="butt", path_effects=halo, **look)
    heads = ("v", "^") if along == "y" else ("<", ">")
    for beyond, limit, head in zip((low < limits[0], high > limits[1]), limits, heads, strict=True):
        if beyond:
            at = (place, limit) if along == "y" else (limit, place)
            axis.plot(*at, head, color=look.get("color"), ms=4, clip_on=False, zorder=4)
