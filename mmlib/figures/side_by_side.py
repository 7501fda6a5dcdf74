"""Panels of one size side by side in one axes: samples, clips, maps that share what goes up and what goes across.

An axes of its own for each takes matplotlib twenty milliseconds, whatever is in it: spines, ticks and labels are made,
measured and drawn one by one. A batch draws such figures in every notebook.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mmlib.figures.style import NORMAL

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GAP = 0.08
"""Between two panels, in widths of one."""
POINTS = 72


class SideBySide:
    """`count` panels across an axes, each `width` wide and from `low` to `high` in the units of what it shows."""

    def __init__(self, axis: Axes, count: int, width: float, low: float = 0, high: float = 1) -> None:
        self.axis, self.count, self.width, self.low, self.high = axis, count, width, low, high
        axis.set(xlim=(0, self.left(count - 1) + width), ylim=(low, high))
        axis.grid(False)

    def left(self, place: int) -> float:
        """Where a panel begins."""
        return place * self.width * (1 + GAP)

    def image(self, place: int, values: np.ndarray, **look: Any) -> Any:
        """Fill a panel with a picture (rows, columns), by its own range of values; returns matplotlib's image."""
        extent = (self.left(place), self.left(place) + self.width, self.low, self.high)
        shown = {"origin": "lower", "aspect": "auto", "cmap": "cividis", "interpolation": "nearest"}
        return self.axis.imshow(values, extent=extent, **(shown | look))

    def photograph(self, place: int, values: np.ndarray, inches: tuple[float, float]) -> None:
        """A picture (rows, columns) or (rows, columns, 3) from 0 to 1 in the middle of a panel, its pixels square, as
        large as fits into `inches` (across, up).
        """
        from matplotlib.offsetbox import AnnotationBbox, OffsetImage

        zoom = POINTS * min(inches[0] / values.shape[1], inches[1] / values.shape[0])
        picture = OffsetImage(values, zoom=zoom, cmap="gray", interpolation="nearest")
        middle = (self.left(place) + self.width / 2, (self.low + self.high) / 2)
        self.axis.add_artist(AnnotationBbox(picture, middle, frameon=False, pad=0))

    def ticks(self, places: Sequence[float], names: Sequence[str] | None = None, **look: Any) -> None:
        """Ticks at the same places (from the left) of every panel, named by them unless told otherwise."""
        names = [f"{place:g}" for place in places] if names is None else list(names)
        everywhere = [self.left(panel) + place for panel in range(self.count) for place in places]
        self.axis.set_xticks(everywhere, names * self.count if len(names) == len(places) else names, **look)

    def round_ticks(self, most: int = 4, integer: bool = True) -> None:
        """About so many ticks to a panel, at round places; none at its end, where the next panel's first one stands."""
        from matplotlib.ticker import MaxNLocator

        places = MaxNLocator(most, integer=integer).tick_values(0, self.width)
        self.ticks(places[(places >= 0) & (places <= 0.93 * self.width)])

    def title(self, place: int, text: str, **look: Any) -> None:
        """Write above a panel."""
        self._beside(place, text, 1, 3, {"va": "bottom", "fontweight": "bold", **look})

    def label(self, text: str) -> None:
        """Name what goes across, once for all panels."""
        self.axis.set_xlabel(text, fontsize=NORMAL)

    def _beside(self, place: int, text: str, height: float, points: float, look: dict[str, Any]) -> None:
        at = (self.left(place) + self.width / 2, height)
        where = {"xycoords": ("data", "axes fraction"), "xytext": (0, points), "textcoords": "offset points"}
        self.axis.annotate(text, at, ha="center", annotation_clip=False, **where, **look)

    def without_frame(self) -> None:
        """Leave nothing of the axes but its name at the side."""
        self.axis.set(xticks=[], yticks=[])
        for spine in self.axis.spines.values():
            spine.set_visible(False)
