"""What a figure shows, in words: for those who cannot see it. Read from the figure as it was drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST = 8
"""Names listed of one kind; more are counted."""


def describe(figure: Figure) -> str:
    """Its panels, with what stands along each axis and from where to where, and the names of its series."""
    panels = [told for axis in figure.axes if (told := _panel(axis))]
    legends = [*figure.legends, *(axis.get_legend() for axis in figure.axes if axis.get_legend())]
    series = list(dict.fromkeys(text.get_text() for legend in legends for text in legend.get_texts()))
    many = f"{len(panels)} panels. " if len(panels) > 1 else ""
    shown = ". ".join(panels[:MOST]) + (f". {len(panels) - MOST} more panels like these" if len(panels) > MOST else "")
    return many + shown + (f". Legend: {_listed(series)}" if series else "") + "."


def _panel(axis: Any) -> str:
    """One panel; empty for one that shows nothing."""
    title = " ".join(axis.get_title().split())
    if not axis.axison or not axis.has_data():
        return ""
    along = [told for name in ("x", "y") if (told := _axis(axis, name))]
    return f"{title}: {', '.join(along)}" if title else ", ".join(along)


def _axis(axis: Any, name: str) -> str:
    """ "epoch from 1 to 8", or the names along it."""
    from matplotlib.ticker import FixedLocator

    one = getattr(axis, f"{name}axis")
    label = " ".join(getattr(axis, f"get_{name}label")().split())
    if isinstance(one.get_major_locator(), FixedLocator):
        names = [text for tick in one.get_ticklabels() if (text := " ".join(tick.get_text().split()))]
        if any(character.isalpha() for text in names for character in text):
            return f"{label or 'for'} {_listed(names)}"
    low, high = sorted(getattr(axis, f"get_{name}lim")())
    direction = {"x": "across", "y": "up"}[name]
    bounds = f"from {low:.3g} to {high:.3g}".replace("-", "−")
    return f"{label or direction} {bounds}"


def _listed(names: list[str]) -> str:
    rest = len(names) - MOST
    return ", ".join(names[:MOST]) + (f" and {rest} more" if rest > 0 else "")
