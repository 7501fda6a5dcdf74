"""Laying out a figure in half the time: matplotlib measures every tick and label twice before it draws.

Constrained layout measures what surrounds the panels, moves them, and does both again, because labels change with a
panel's size. The first measure only has to come near: here it is a guess from the lines of text. The second one, which
decides where panels stand, is matplotlib's own. Most figures come out the same to the pixel, others within a few;
what hangs far out of a panel can move it by more.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.transforms import Bbox

TICKS_BESIDE, TICKS_BELOW, AIR = 22, 14, 3
"""Room for labels of ticks left of a panel and below it, and at its other sides, points."""
LEADING = 1.3
NO_LAYOUT = {"figure.autolayout": False, "figure.constrained_layout.use": False}


@contextlib.contextmanager
def laid_out(figure: Figure) -> Iterator[None]:
    """Place a figure's panels, where they stay inside: every drawing would lay them out again.

    A figure that has a layout, be it one that does nothing, is drawn twice when it is saved.
    """
    from matplotlib import rc_context
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    engine = figure.get_layout_engine()
    if engine is None:
        with rc_context(NO_LAYOUT):  # what saves a figure would give it the settings' own afterwards
            yield
        return
    twice = isinstance(engine, ConstrainedLayoutEngine)
    with _first_guessed(figure) if twice else contextlib.nullcontext():
        engine.execute(figure)
    try:
        with rc_context(NO_LAYOUT):
            figure.set_layout_engine(None)  # the settings' own: none here
            yield
    finally:
        figure.set_layout_engine(engine)


@contextlib.contextmanager
def _first_guessed(figure: Figure) -> Iterator[None]:
    """Guess how far panels reach when asked first, inside. A colour bar's place depends on the first measure too."""
    panels = [axis for axis in figure.axes if axis.get_subplotspec() is not None and axis.get_in_layout()]
    if not panels or len(panels) < len(figure.axes):
        yield
        return
    turns = [0]
    for axis in panels:
        axis.get_tightbbox = _measure(axis, turns, leads=axis is panels[0])
    try:
        yield
    finally:
        for axis in panels:
            del axis.get_tightbbox


def _measure(axis: Axes, turns: list[int], leads: bool) -> Any:
    """`Axes.get_tightbbox`, a guess in the first turn; `turns` counts how often the first panel was measured."""
    exact = axis.get_tightbbox

    def measured(renderer: Any = None, **options: Any) -> Bbox | None:
        turns[0] += leads
        return exact(renderer, **options) if turns[0] > 1 or not axis.axison else _guessed(axis)

    return measured


def _guessed(axis: Axes) -> Bbox:
    """What an axes covers with its labels, in dots."""
    from matplotlib.transforms import Bbox

    axis.apply_aspect()
    dots = axis.get_figure(root=True).dpi / 72
    left = TICKS_BESIDE + _height(axis.yaxis.label)
    below = TICKS_BELOW + _height(axis.xaxis.label)
    above = AIR + _height(axis.title)
    box = axis.get_window_extent()
    return Bbox.from_extents(box.x0 - dots * left, box.y0 - dots * below, box.x1 + dots * AIR, box.y1 + dots * above)


def _height(text: Any) -> float:
    """Of a label's lines, points."""
    words = text.get_text()
    return LEADING * text.get_fontsize() * (words.count("\n") + 1) if words else 0
