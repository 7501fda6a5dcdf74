"""The eight combinations of unimodal losses, scaling and noise, and what each factor gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mmlib.analysis.iemf.factorial import Effect
from mmlib.analysis.iemf.findings import IEMFFindings
from mmlib.analysis.iemf.rows import COMBINATIONS, FACTORS
from mmlib.figures.captions import set_caption
from mmlib.figures.intervals import Limits, draw_interval, shown_range
from mmlib.figures.looks import METHODS
from mmlib.figures.style import FULL, MARKERS, PALETTE, empty, new_figure, style
from mmlib.metrics.family import metric

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAMES = {
    (False, False, False): "plain",
    (False, False, True): "noise",
    (False, True, False): "scaling",
    (False, True, True): "scaling_noise",
    (True, False, False): "losses",
    (True, False, True): "losses_noise",
    (True, True, False): "losses_scaling",
    (True, True, True): "iemf",
}
CLEAR, UNCLEAR = PALETTE["blue"], "#777777"


def factorial_figure(found: IEMFFindings) -> Figure:
    """Left: Top-1 of each combination, a filled dot below for what is on. Right: the seven effects with intervals."""
    with style():
        figure, axes = new_figure(FULL, 3.6, 2, 2, height_ratios=(2.4, 1), width_ratios=(1.15, 1))
        (above, right), (below, rest) = axes
        _cells(above, found)
        _switches(below)
        below.sharex(above)
        grid = right.get_gridspec()
        right.remove()
        rest.remove()
        # In the narrow form, where all panels stand below one another, they are the last two.
        _effects(figure.add_subplot(grid[:, 1] if grid.ncols > 1 else grid[2:, 0]), found)
        set_caption(
            figure,
            "What unimodal losses, scaling and noise each give (concatenation; 95 % intervals, dotted: none of them)",
            found.caption,
        )
    return figure


def _cells(axis: Any, found: IEMFFindings) -> None:
    known = metric("top1")
    if not found.factorial.cells:
        empty(axis, "none of the eight combinations ran")
        return
    limits = shown_range((cell.mean for cell in found.factorial.cells.values()), 0, 100)
    for place, setting in enumerate(COMBINATIONS):
        cell = found.factorial.cells.get(setting)
        if cell is None:
            middle = {"transform": axis.get_xaxis_transform(), "ha": "center", "va": "center"}
            axis.text(place, 0.5, "not run", rotation=90, fontsize=7, color="#555555", **middle)
            continue
        look = METHODS[NAMES[setting]]
        if cell.low is not None:
            draw_interval(axis, place, cell.low, cell.high, limits, color=look.color, lw=1.2)
        axis.plot(place, cell.mean, look.marker, color=look.color, mec="white", mew=0.5, ms=5.5)
    base = found.factorial.cells.get((False, False, False))
    if base is not None:
        axis.axhline(base.mean, color="black", lw=0.8, ls=":")
    axis.set(xlim=(-0.6, len(COMBINATIONS) - 0.4), ylim=limits, ylabel=f"{known.axis}\n{known.arrow}")
    axis.tick_params(axis="x", length=0, labelbottom=False)
    axis.grid(axis="x", visible=False)
    axis.set_title("All eight combinations")


def _switches(axis: Any) -> None:
    """What is on in each combination: one row of dots per factor."""
    for place, setting in enumerate(COMBINATIONS):
        for line, on in enumerate(setting):
            axis.plot(place, line, "o", ms=6, mec="black", mew=0.8, color="black" if on else "white")
    axis.set_yticks(range(len(FACTORS)), FACTORS, fontsize=7.5)
    axis.set(xlim=(-0.6, len(COMBINATIONS) - 0.4), ylim=(len(FACTORS) - 0.5, -0.5))
    axis.tick_params(length=0, labelbottom=False)
    axis.grid(visible=False)
    for spine in axis.spines.values():
        spine.set_visible(False)


def _effects(axis: Any, found: IEMFFindings) -> None:
    effects = found.factorial.effects
    if not effects:
        empty(axis, "effects need all eight combinations")
        return
    limits = shown_range(value for effect in effects for value in (0.0, *effect.difference.differences))
    for place, effect in enumerate(effects):
        _effect(axis, place, effect, limits)
    axis.set_xlim(limits)
    axis.axvline(0, color="black", lw=0.9)
    axis.set_yticks(range(len(effects)), [_name(effect) for effect in effects], fontsize=7, linespacing=1.0)
    axis.set_ylim(len(effects) - 0.5, -0.5)
    axis.tick_params(axis="y", length=0)
    axis.grid(axis="y", visible=False)
    axis.set_xlabel("effect on Top-1 (points)\n← worse          better →")
    axis.set_title("Main effects and interactions")


def _effect(axis: Any, place: int, effect: Effect, limits: Limits) -> None:
    difference = effect.difference
    color, face = (CLEAR, CLEAR) if effect.clear else (UNCLEAR, "white")
    axis.plot(difference.differences, [place + 0.22] * difference.n, "|", color=color, ms=4)
    if difference.low is not None:
        draw_interval(axis, place, difference.low, difference.high, limits, along="x", color=color, lw=1.4)
    axis.plot(difference.mean, place, MARKERS[len(effect.factors) - 1], color=color, mfc=face, mew=1.1, ms=5, zorder=3)


def _name(effect: Effect) -> str:
    """Long products take two lines."""
    return effect.name if len(effect.factors) < 3 else "all three\n(interaction)"
