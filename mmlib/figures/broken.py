"""An axis that leaves out a gap: one value far from all others must not press the others together.

The axis is one; its scale runs through the gap so fast that only a few points of it are left, a pair of strokes marks
the place, and the caption says from where to where (`Gap.text`). Bars, which say something by their length, have none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

LEAST = 0.5
"""Share of all that is spanned which a gap must be, to be left out."""
FEW = 1 / 3
"""Share of all values that may lie beyond it."""
KEPT = 0.05
"""Share of the axis that stays of a gap."""


@dataclass(frozen=True)
class Gap:
    """What is left out of an axis, from `low` to `high`."""

    low: float
    high: float

    @property
    def text(self) -> str:
        """ "from 55 to 79", for a caption."""
        return f"from {self.low:.3g} to {self.high:.3g}".replace("-", "−")


def find_gap(values: Sequence[float], margin: float = 0.12) -> Gap | None:
    """The widest gap between neighbours, where it is about half of what all values span and few lie beyond it; None
    where there is none. Two groups alike in size are what a figure shows, and stay to scale.

    `margin` of it stays free on both sides, for what is drawn around a value.
    """
    known = np.sort(np.asarray(values, dtype=float))
    known = known[np.isfinite(known)]
    if len(np.unique(known)) < 3:
        return None
    gaps = np.diff(known)
    place = int(gaps.argmax())
    beyond = min(place + 1, len(known) - place - 1)
    if gaps[place] <= LEAST * (known[-1] - known[0]) or beyond > FEW * len(known):
        return None
    room = margin * gaps[place]
    return Gap(float(known[place] + room), float(known[place + 1] - room))


def break_axis(axis: Any, gap: Gap, along: str = "x", ticks: int = 4) -> None:
    """Let an axis whose limits are final run through a gap; both parts get round ticks.

    Args:
        along: `x` or `y`.
        ticks: about so many on the whole axis.
    """
    from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

    low, high = getattr(axis, f"get_{along}lim")()
    left = gap.high - gap.low
    share = KEPT * (high - low - left) / left

    def forward(value: Any) -> Any:
        value = np.asarray(value, dtype=float)
        return value - (1 - share) * (np.clip(value, gap.low, gap.high) - gap.low)

    def inverse(place: Any) -> Any:
        place = np.asarray(place, dtype=float)
        inside = np.clip(place, gap.low, gap.low + share * left) - gap.low
        return place + (1 / share - 1) * inside

    getattr(axis, f"set_{along}scale")("function", functions=(forward, inverse))
    getattr(axis, f"set_{along}lim")(low, high)
    parts = [(low, gap.low), (gap.high, high)]
    spans = [end - begin for begin, end in parts]
    places = []
    for (begin, end), span in zip(parts, spans, strict=True):
        found = MaxNLocator(max(1, round(ticks * span / sum(spans)))).tick_values(begin, end)
        places += [tick for tick in found if begin <= tick <= end]
    one = getattr(axis, f"{along}axis")
    one.set_major_locator(FixedLocator(sorted(places)))
    one.set_minor_locator(NullLocator())
    one.set_major_formatter(lambda value, _: f"{value:g}".replace("-", "−"))
    _mark(axis, gap, along)


def _mark(axis: Any, gap: Gap, along: str) -> None:
    """Two slanted strokes on the axis, and nothing else in the gap."""
    middle = (gap.low + gap.high) / 2
    span = axis.axvspan if along == "x" else axis.axhspan
    span(gap.low, gap.high, facecolor="white", edgecolor="none", zorder=0.6)
    stroke = {"marker": [(-0.5, -1), (0.5, 1)], "ms": 8, "mew": 1, "mec": "black", "ls": "", "clip_on": False}
    transform = axis.get_xaxis_transform() if along == "x" else axis.get_yaxis_transform()
    for place in (gap.low, gap.high):
        at = (place, 0) if along == "x" else (0, place)
        axis.plot(*([value] for value in at), transform=transform, zorder=6, **stroke)
    at = (middle, 0) if along == "x" else (0, middle)
    white = {"marker": "s", "ms": 4, "mfc": "white", "mec": "none", "ls": "", "clip_on": False}
    axis.plot(*([value] for value in at), transform=transform, zorder=5, **white)
