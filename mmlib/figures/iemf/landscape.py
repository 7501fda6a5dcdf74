"""The loss around the trained weights, without and with IEMF, side by side on one colour scale."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mmlib.analysis.iemf.beside import Plane
from mmlib.analysis.iemf.findings import IEMFFindings
from mmlib.figures.style import FULL, empty, new_figure, set_title, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LEVELS = 16
HIGHEST = 0.9
"""Quantile of all losses above which the colour stays the same: the far corners would leave the valley flat."""


def landscape_figure(found: IEMFFindings) -> Figure:
    """Two planes of filter-normalised random directions; contours at the same losses in both."""
    with style():
        figure, axes = new_figure(FULL, 3.2, 1, 2, sharex=True, sharey=True)
        if not found.planes:
            for axis in axes[0]:
                empty(axis, "not computed: see figure_iemf.ipynb")
            return figure
        losses = np.concatenate([plane.loss.ravel() for plane in found.planes])
        low, high = float(losses.min()), float(np.quantile(losses, HIGHEST))
        high = high if high > low else low + 1e-6
        levels = np.linspace(low, high, LEVELS)
        image = None
        for axis, plane in zip(axes[0], found.planes, strict=True):
            image = _plane(axis, plane, levels)
        axes[0][0].set_ylabel("second direction (weights’ own length)")
        bar = figure.colorbar(image, ax=axes[0].tolist(), shrink=0.92, pad=0.02, extend="max")
        bar.set_label("cross-entropy (nats)")
        bar.outline.set_visible(False)
        bar.ax.yaxis.set_major_formatter("{x:.2f}")
        one = found.planes[0]
        side = len(one.places)
        caption = f"{found.data}; seed\u00a0{one.seed}, {side}\u00a0×\u00a0{side} points, {one.samples} test samples"
        set_title(figure, "Loss around the weights of one run, directions normalised by filter", caption)
    return figure


def _plane(axis: Any, plane: Plane, levels: np.ndarray) -> Any:
    image = axis.contourf(plane.places, plane.places, plane.loss.T, levels=levels, cmap="cividis", extend="max")
    axis.contour(plane.places, plane.places, plane.loss.T, levels=levels, colors="white", linewidths=0.4, alpha=0.7)
    axis.plot(0, 0, "+", color="white", ms=9, mew=1.6)
    axis.set(xlabel="first direction (weights’ own length)", aspect="equal")
    axis.set_title(plane.label)
    axis.grid(visible=False)
    return image
