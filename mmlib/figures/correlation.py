"""The two discrepancy ratios against each other: scatter by epoch, both traces, and coefficients with intervals.

All are drawn as wide as one column of a page, so that they can be read there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mmlib.analysis.correlation import LEVELS, STRONG, CorrelationResult, RowRatios
from mmlib.figures.captions import set_caption
from mmlib.figures.style import COLUMN, DASHES, MARKERS, SERIES, empty, new_figure, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

X_LABEL = "ln ρ decoupled"
Y_LABEL = "ln ρ from ζ"
MOST_POINTS = 1500  # per panel: more hide each other, and make vector files of megabytes
FUSIONS = {"sum": "Summation", "film": "FiLM", "concat": "Concatenation", "gated": "Gated", "weighted_sum": "Weighted"}


def scatter_figure(result: CorrelationResult) -> Figure:
    """ln ρ from ζ against ln ρ decoupled, every step a point coloured by its epoch; fusions down, drivers across."""
    fusions, drivers = _grid(result.rows)
    with style():
        figure, axes = _panels(fusions, drivers, 1.05, sharex=True, sharey="row")
        if not result.rows:
            empty(axes[0][0], "no finished run has both ratios")
            return figure
        last = max(int(run.epoch.max()) for row in result.rows for run in row.runs)
        points = None
        for axis, row in _placed(axes, result.rows, fusions, drivers):
            points = _scatter(axis, row, last) or points
        _label(axes, fusions, drivers, X_LABEL, Y_LABEL)
        if points is not None:
            bar = figure.colorbar(points, ax=axes.ravel().tolist(), location="bottom", aspect=40, pad=0.02, shrink=0.9)
            bar.set_label("epoch (dark: early)")
            bar.outline.set_visible(False)
            bar.ax.tick_params(labelsize=7)
        _title(figure, "Two ratios, one forward pass", result)
    return figure


def traces_figure(result: CorrelationResult) -> Figure:
    """Both ln ρ over training: mean over seeds at every step (light) and of every epoch (dark)."""
    fusions, drivers = _grid(result.rows)
    with style():
        figure, axes = _panels(fusions, drivers, 1.0, sharex=True, sharey=True)
        if not result.rows:
            empty(axes[0][0], "no finished run has both ratios")
            return figure
        for axis, row in _placed(axes, result.rows, fusions, drivers):
            for index, name in enumerate(("x", "y")):
                _trace(axis, row, name, index)
            axis.axhline(0, color="black", lw=0.7, ls=":")
        _label(axes, fusions, drivers, "epoch", "ln ρ")
        handles = axes[0][0].get_lines()
        named = {line.get_label(): line for line in handles if not line.get_label().startswith("_")}
        figure.legend(named.values(), named.keys(), loc="outside lower center", ncols=2)
        _title(figure, "Both ratios over training", result)
    return figure


def coefficients_figure(result: CorrelationResult) -> Figure:
    """Pearson's r by row at every level: a small mark per seed, the mean, and the 95 % interval over seeds."""
    rows = result.rows
    with style():
        height = 1.15 + 0.135 * len(LEVELS) * max(1, len(rows)) + 0.12 * len(rows)
        figure, ((axis,),) = new_figure(COLUMN, height)
        if not rows:
            empty(axis, "no finished run has both ratios")
            return figure
        for place, row in enumerate(rows):
            _coefficients(axis, place, row)
        axis.axvline(0, color="black", lw=0.9)
        axis.axvline(STRONG, color="black", lw=0.7, ls=":")
        axis.set_yticks(range(len(rows)), [_name(row) for row in rows], fontsize=7, linespacing=1.1)
        axis.set(xlim=(-1.05, 1.05), ylim=(len(rows) - 0.5, -0.5), xlabel="Pearson’s r of the two ln ρ")
        axis.grid(axis="y", visible=False)
        axis.tick_params(axis="y", length=0)
        for border in range(1, len(rows)):
            axis.axhline(border - 0.5, color="#D9D9D9", lw=0.5)
        named = {line.get_label(): line for line in axis.get_lines() if not line.get_label().startswith("_")}
        figure.legend(named.values(), named.keys(), loc="outside lower center", ncols=2, columnspacing=1)
        _title(figure, f"Correlation of the two ratios, 95 % intervals (dotted: {STRONG:g})", result)
    return figure


def _grid(rows: Sequence[RowRatios]) -> tuple[list[str], list[str]]:
    """The fusions and the drivers that occur, each once, in the plan's order."""
    return list(dict.fromkeys(row.fusion for row in rows)), list(dict.fromkeys(row.driver for row in rows))


def _panels(fusions: Sequence[str], drivers: Sequence[str], height: float, **options: Any) -> tuple[Figure, Any]:
    lines, columns = max(1, len(fusions)), max(1, len(drivers))
    return new_figure(COLUMN, 1.05 + height * lines, lines, columns, **options)


def _placed(
    axes: Any, rows: Sequence[RowRatios], fusions: Sequence[str], drivers: Sequence[str]
) -> list[tuple[Any, RowRatios]]:
    """(panel, row); panels without a row say so."""
    by_place = {(row.fusion, row.driver): row for row in rows}
    found = []
    for line, fusion in enumerate(fusions):
        for column, driver in enumerate(drivers):
            row = by_place.get((fusion, driver))
            if row is None:
                empty(axes[line][column], "not run")
            else:
                found.append((axes[line][column], row))
    return found


def _scatter(axis: Any, row: RowRatios, last: int) -> Any:
    x, y, epoch = (np.concatenate([getattr(run, name) for run in row.runs]) for name in ("x", "y", "epoch"))
    kept = np.unique(np.linspace(0, len(x) - 1, min(len(x), MOST_POINTS)).astype(int))
    order = kept[np.random.default_rng(0).permutation(len(kept))]  # no seed lies on top of the others
    points = axis.scatter(
        x[order], y[order], c=epoch[order] + 1, cmap="cividis", vmin=1, vmax=max(2, last + 1), s=4, lw=0, alpha=0.8,
        rasterized=True,
    )  # fmt: skip
    found = row.summary("step")
    if found is not None:
        axis.text(
            0.03, 0.97, f"r = {found.mean:.2f}".replace("-", "−"), transform=axis.transAxes, va="top", fontsize=7,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8, "alpha": 0.8},
        )  # fmt: skip
    axis.margins(0.06)
    axis.locator_params(axis="x", nbins=3)  # four labels with two decimals would touch
    axis.locator_params(axis="y", nbins=4)
    return points


def _trace(axis: Any, row: RowRatios, name: str, index: int) -> None:
    shortest = min(len(run.x) for run in row.runs)
    values = np.mean([getattr(run, name)[:shortest] for run in row.runs], axis=0)
    epochs = row.runs[0].epoch[:shortest]
    per_epoch = max(1, int(np.bincount(epochs - epochs.min()).max()))
    axis.plot((np.arange(shortest) + 0.5) / per_epoch, values, color=SERIES[index], lw=0.5, alpha=0.4)
    place = np.unique(epochs, return_inverse=True)[1]
    means = np.bincount(place, values) / np.bincount(place)
    label = ("decoupled (OGM-GE)", "from ζ (decoupling-free)")[index]
    middle = np.arange(len(means)) + 0.5
    axis.plot(middle, means, color=SERIES[index], ls=DASHES[index], lw=1.2, label=label)
    axis.xaxis.get_major_locator().set_params(integer=True)


def _coefficients(axis: Any, place: int, row: RowRatios) -> None:
    for index, (level, name) in enumerate(LEVELS.items()):
        y = place + (index - (len(LEVELS) - 1) / 2) * 0.2
        values, found = row.coefficients(level), row.summary(level)
        color, marker = SERIES[index], MARKERS[index]
        label = name if place == 0 else f"_{name}"
        if found is None:
            axis.text(0, y, "not defined", fontsize=7, va="center", ha="center", color="#555555")
            continue
        axis.plot(values, [y + 0.075] * len(values), ".", color=color, ms=2.4, mew=0, alpha=0.9)
        if found.low is not None:
            axis.plot([found.low, found.high], [y, y], "-", color=color, lw=1.1)
        axis.plot(found.mean, y, marker, color=color, ms=4.2, mec="white", mew=0.5, zorder=3, label=label)


def _label(axes: Any, fusions: Sequence[str], drivers: Sequence[str], x: str, y: str) -> None:
    """Driver above the columns, fusion and symbol left of the rows."""
    for column, driver in enumerate(drivers):
        axes[0][column].set_title(f"driver: {driver}", fontsize=7)
    for line, fusion in enumerate(fusions):
        axes[line][0].set_ylabel(f"{FUSIONS.get(fusion, fusion)}\n{y}", fontsize=7)
    for axis in axes.flat:
        axis.tick_params(labelsize=7)
    for axis in axes[-1]:
        axis.set_xlabel(x, fontsize=7)


def _name(row: RowRatios) -> str:
    return f"{FUSIONS.get(row.fusion, row.fusion)},\n{row.driver}"


def _title(figure: Figure, text: str, result: CorrelationResult) -> None:
    set_caption(figure, text, f"ρ: visual / audio; {result.caption}")
