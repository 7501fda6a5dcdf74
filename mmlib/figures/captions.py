"""The caption of a figure: what it shows in bold, and below it the data, the seeds and whatever must be said.

It stands under the panels and inside the figure, because a figure is passed on alone: the page grows by its height.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from mmlib.figures.style import COLUMN, LARGE, NORMAL

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GID = "caption"
LEADING = 1.28
"""Height of a line, in sizes of its text."""
AIR = 0.07
"""Inches between caption and panels, and at the left."""
WIDTH, BOLD_WIDTH = 0.565, 0.63
"""Mean width of a character, in sizes of the text (DejaVu Sans)."""


def set_caption(figure: Figure, title: str, text: str = "") -> None:
    """Write `title` in bold and `text` under the panels; a caption set before goes. Call it last, after the legends."""
    plain = _without(figure)
    size = LARGE if figure.get_figwidth() > COLUMN else NORMAL
    lines = [(line, "bold") for line in _wrap(figure, title, size, BOLD_WIDTH)]
    lines += [(line, "normal") for line in _wrap(figure, text, size, WIDTH)]
    step = LEADING * size / 72
    _make_room(figure, plain, AIR + step * len(lines))
    whole = figure.get_figheight()
    left = AIR / figure.get_figwidth()
    look = {"fontsize": size, "va": "bottom", "ha": "left", "gid": GID, "color": "#1A1A1A"}
    for place, (line, weight) in enumerate(lines):
        figure.text(left, step * (len(lines) - 1 - place + 0.22) / whole, line, fontweight=weight, **look)


def caption_of(figure: Figure) -> str:
    """The caption in one line; empty where there is none."""
    texts = sorted((text for text in figure.texts if text.get_gid() == GID), key=lambda text: -text.get_position()[1])
    return " ".join(text.get_text() for text in texts)


def _without(figure: Figure) -> float:
    """Take the caption away that there is; returns the height of the rest, inches."""
    old = [text for text in figure.texts if text.get_gid() == GID]
    share = 0.0
    if old:
        share = figure.get_layout_engine().get()["rect"][1]
        for text in old:
            text.remove()
        _lift(figure, -share * figure.get_figheight())
    return figure.get_figheight() * (1 - share)


def _make_room(figure: Figure, plain: float, room: float) -> None:
    """Let the page grow by `room` inches, and lay out panels and legends above it."""
    figure.set_figheight(plain + room)
    share = room / (plain + room)
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.set(rect=(0, share, 1, 1 - share))
    _lift(figure, room)


def _lift(figure: Figure, inches: float) -> None:
    """Legends outside the panels stand at the page's lower edge: raise them by so much."""
    for legend in figure.legends:
        if getattr(legend, "_outside_loc", None) == "lower":
            legend.borderaxespad += 72 * inches / legend._fontsize


def _wrap(figure: Figure, text: str, size: float, width: float) -> list[str]:
    """Lines that fit the page. A no-break space binds words."""
    if not text:
        return []
    room = 72 * (figure.get_figwidth() - 2 * AIR) / (width * size)
    return [line for part in text.split("\n") for line in textwrap.wrap(part, max(20, int(room)))]


def add_to_caption(figure: Figure, text: str) -> None:
    """Say more below a caption that is there."""
    title, said = parts_of(figure)
    set_caption(figure, title, " ".join(filter(None, (said, text))))


def parts_of(figure: Figure) -> tuple[str, str]:
    """The caption's title and the text below it."""
    found: dict[str, list[Any]] = {"bold": [], "normal": []}
    for text in figure.texts:
        if text.get_gid() == GID:
            found[text.get_fontweight()].append(text)
    bold, normal = (
        " ".join(text.get_text() for text in sorted(texts, key=lambda text: -text.get_position()[1]))
        for texts in found.values()
    )
    return bold, normal
