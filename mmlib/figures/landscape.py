"""Loss landscapes of several runs side by side, on one colour scale."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from mmlib.figures.captions import set_caption
from mmlib.figures.style import FULL, empty, new_figure, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mmlib.analysis.landscape import Landscape

LINES = 9
SMALLEST = 1e-3  # nats: a loss below it is drawn as this, so that a logarithm exists


def landscape_figure(landscapes: Mapping[str, Landscape], caption: str = "") -> Figure:
    """A panel for each landscape by its label; colours and contour lines mean the same loss (log scale) in all.

    The cross marks the trained weights. `caption` names the data, the seed and how the grids were made.
    """
    with style():
        figure, (row,) = new_figure(FULL, 3.85, 1, max(1, len(landscapes)), sharey=True)
        if not landscapes:
            empty(row[0], "no landscape was computed")
            return figure
        from matplotlib.colors import LogNorm

        losses = [np.maximum(found.loss, SMALLEST) for found in landscapes.values()]
        low, high = min(map(np.min, losses)), max(map(np.max, losses))
        scale = LogNorm(low, max(high, 1.01 * low))
        levels = np.geomspace(low, high, LINES + 2)[1:-1] if high > 1.01 * low else []
        for axis, (label, found), loss in zip(row, landscapes.items(), losses, strict=True):
            edges = _edges(found.places)
            image = axis.pcolormesh(edges, edges, loss, cmap="cividis", norm=scale, rasterized=True)
            if len(found.places) > 1 and len(levels):
                _contours(axis, found.places, loss, levels)
            axis.plot(0, 0, "+", color="white", ms=8, mew=1.4)
            centre = "" if found.centre is None else f"\nat the weights: {found.centre:.3f}"
            axis.set(title=label + centre, xlabel="second direction (1: length of the weights)", aspect="equal")
            axis.grid(False)
            axis.xaxis.set_major_formatter(lambda value, _: f"{value:g}".replace("-", "−"))  # short: panels are close
        row[0].set_ylabel("first direction")
        bar = figure.colorbar(image, ax=list(row), shrink=0.85, pad=0.02, ticks=_ticks(low, high), format="{x:g}")
        bar.minorticks_off()
        bar.set_label("cross-entropy (nats, log scale)")
        bar.outline.set_visible(False)
        first = next(iter(landscapes.values()))
        norms = {"trained": "statistics of training", "estimated": "measured at each point"}[first.norms]
        made = f"{first.samples} samples, batch norms: {norms}"
        set_caption(figure, "Loss around the trained weights", "; ".join(filter(None, (caption, made))))
    return figure


def _contours(axis: object, places: np.ndarray, loss: np.ndarray, levels: np.ndarray) -> None:
    lines = axis.contour(places, places, loss, levels=levels, colors="black", linewidths=0.5)
    axis.clabel(lines, levels[::2], fmt="%.2g", fontsize=7, inline_spacing=2)


def _ticks(low: float, high: float) -> list[float]:
    """Round values between the two: 1, 2, 5 of each power of ten, more where the range is small."""
    steps = (1, 2, 5) if high > 20 * low else (1, 1.5, 2, 3, 4, 5, 6, 8)
    powers = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    return [float(value) for value in np.outer(powers, steps).ravel() if low <= value <= high]


def _edges(places: np.ndarray) -> np.ndarray:
    """(n + 1,) borders of the cells around evenly spaced places."""
    step = places[1] - places[0] if len(places) > 1 else 1.0
    return np.append(places - step / 2, places[-1] + step / 2)
