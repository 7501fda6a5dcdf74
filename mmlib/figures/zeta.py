"""ζ under a forced correlation, and under that of the data: its distribution, its scatter, what was achieved.

All are drawn as wide as one column of a page. A target that was missed has an open mark, and its label a star.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mmlib.analysis.zeta import MISSED, SERIES_NAMES, Series, ZetaPoint, ZetaResult
from mmlib.figures.captions import set_caption
from mmlib.figures.style import COLUMN, DASHES, MARKERS, SERIES, empty, new_figure, ordered, style
from mmlib.metrics.family import metric

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLES: dict[Series, str] = {"forced": "correlation forced by a loss", "data": "true correlation of the data varied"}
X_NAMES: dict[Series, str] = {"forced": "target correlation", "data": "true correlation of the data"}


def distribution_figure(result: ZetaResult) -> Figure:
    """The density of ζ, one violin per target (or true correlation), over all seeds, test samples and channels."""
    names = result.names
    with style():
        figure, axes = new_figure(COLUMN, 0.9 + 1.5 * max(1, len(names)), max(1, len(names)))
        if not names:
            return _nothing(figure, axes)
        for (axis,), name in zip(axes, names, strict=True):
            points = result.series(name)
            widest = max(float(point.density.max()) for point in points)
            for place, (point, shade) in enumerate(zip(points, ordered(len(points)), strict=True)):
                _violin(axis, place, point, 0.42 / widest, shade)
            axis.set_xticks(range(len(points)), [f"{p.value:g}{'*' if p.missed else ''}" for p in points])
            axis.axhline(0.5, color="black", lw=0.7, ls=":")
            axis.set(ylim=(0, 1), ylabel="ζ", xlabel=_x_label(name, points))
            axis.grid(axis="x", visible=False)
            axis.set_title(TITLES[name])
        set_caption(figure, "Distribution of ζ (bar: quartiles; point: median)", result.caption)
    return figure


def scatter_figure(result: ZetaResult) -> Figure:
    """Mean variance of ζ over the test set against the correlation achieved: each seed, mean and 95 % interval."""
    with style():
        figure, axes = new_figure(COLUMN, 2.7)
        axis = axes[0][0]
        if not result.names:
            return _nothing(figure, axes)
        for index, name in enumerate(result.names):
            _curve(axis, result.series(name), "variance", index, SERIES_NAMES[name])
        axis.set(xlabel="correlation (achieved, or of the data)", ylabel="mean over channels of var(ζ)")
        axis.set_ylim(bottom=0)
        _legend(figure, axis, any(point.missed for point in result.points))
        set_caption(figure, "Scatter of ζ, mean and 95 % interval over seeds", result.caption)
    return figure


def achieved_figure(result: ZetaResult) -> Figure:
    """Correlation achieved (what the loss acts on) and held out (fresh critics on test data) against the target."""
    points = result.series("forced")
    with style():
        figure, axes = new_figure(COLUMN, 2.9)
        axis = axes[0][0]
        if not points:
            return _nothing(figure, axes, "no run forces a correlation here")
        axis.plot([0, 1], [0, 1], color="black", lw=0.8, ls=":", label="target")
        for index, (name, label) in enumerate((("achieved", "achieved (paired)"), ("held_out", "held out (critics)"))):
            _curve(axis, points, name, index, label, [point.value for point in points])
        axis.set(
            xlim=(-0.03, 1), ylim=(-0.03, 1.03), xlabel="target correlation", ylabel="correlation, maximal or forced"
        )
        _legend(figure, axis, any(point.missed for point in points))
        set_caption(figure, "What the forcing achieves", result.caption)
    return figure


def outcome_figure(result: ZetaResult) -> Figure:
    """r of Eq. 6 (mean of the last epoch) and top-1 against the correlation achieved."""
    top1 = metric("top1")
    panels = (("r", "r (Eq. 6)", 1.0), ("top1", f"{top1.axis}\n{top1.arrow}", top1.scale))
    with style():
        figure, axes = new_figure(COLUMN, 3.9, 2, 1, sharex=True)
        if not result.names:
            return _nothing(figure, axes)
        for (axis,), (quantity, label, scale) in zip(axes, panels, strict=True):
            for index, name in enumerate(result.names):
                _curve(axis, result.series(name), quantity, index, SERIES_NAMES[name], scale=scale)
            axis.set_ylabel(label)
        axes[-1][0].set_xlabel("correlation (achieved, or of the data)")
        _legend(figure, axes[0][0], any(point.missed for point in result.points))
        set_caption(figure, "r and accuracy, mean and 95 % interval over seeds", result.caption)
    return figure


def _violin(axis: Any, place: int, point: ZetaPoint, scale: float, shade: str) -> None:
    from matplotlib.colors import to_rgb

    density = point.density
    edges = np.linspace(0, 1, len(density) + 1)
    width = scale * np.repeat(density, 2)
    heights = np.repeat(edges, 2)[1:-1]
    face = (*to_rgb(shade), 0.45) if not point.missed else "white"
    axis.fill_betweenx(heights, place - width, place + width, facecolor=face, edgecolor=shade, lw=0.8)
    share = np.concatenate([[0.0], np.cumsum(density) / density.sum()])
    low, middle, high = np.interp([0.25, 0.5, 0.75], share, edges)
    axis.plot([place, place], [low, high], color="black", lw=1.6, solid_capstyle="butt")
    axis.plot(place, middle, "o", color="white", ms=3, mec="black", mew=0.7, zorder=3)


def _curve(
    axis: Any,
    points: Sequence[ZetaPoint],
    quantity: str,
    index: int,
    label: str,
    x: Sequence[float | None] | None = None,
    scale: float = 1,
) -> None:
    """Means joined by a line, intervals as bars, a small mark per seed; missed targets are open marks."""
    places = list(x) if x is not None else [point.achieved for point in points]
    drawn = [
        (place, point, found)
        for place, point in zip(places, points, strict=True)
        if place is not None and (found := point.summary(quantity))
    ]
    color, marker = SERIES[index], MARKERS[index]
    drawn.sort(key=lambda item: item[0])
    axis.plot(
        [place for place, _, _ in drawn], [scale * found.mean for _, _, found in drawn], color=color,
        ls=DASHES[index], marker=marker, ms=4.5, mec="white", mew=0.5, label=label,
    )  # fmt: skip
    for place, point, found in drawn:
        if found.low is not None:
            axis.plot([place, place], [scale * found.low, scale * found.high], color=color, lw=1.1)
        values = [scale * value for run in point.runs if (value := getattr(run, quantity)) is not None]
        axis.plot([place + 0.012] * len(values), values, ".", color=color, ms=2.4, mew=0, alpha=0.9)
        if point.missed and quantity != "held_out":
            axis.plot(place, scale * found.mean, marker, ms=5.2, mfc="white", mec=color, mew=1.1, zorder=4)


def _legend(figure: Figure, axis: Any, missed: bool) -> None:
    from matplotlib.lines import Line2D

    handles, labels = axis.get_legend_handles_labels()
    if missed:
        handles.append(Line2D([], [], marker="o", ls="", mfc="white", mec="#333333", ms=5))
        labels.append(f"target missed by > {MISSED:g}")
    figure.legend(handles, labels, loc="outside lower center", ncols=2, columnspacing=1)


def _x_label(name: Series, points: Sequence[ZetaPoint]) -> str:
    return X_NAMES[name] + (f"  (* missed by more than {MISSED:g})" if any(p.missed for p in points) else "")


def _nothing(figure: Figure, axes: Any, text: str = "no finished run has a ζ that varies") -> Figure:
    for axis in axes.flat:
        empty(axis, text)
    return figure
