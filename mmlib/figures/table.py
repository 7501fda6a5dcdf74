"""A table as a dot plot: every seed a point, the mean with its 95 % interval, rows grouped by block."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mmlib.figures.style import FULL, MARKERS, SERIES, empty, new_figure, set_title, source_text, style
from mmlib.metrics.family import Metric, metric
from mmlib.statistics import summarise

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mmlib.workbook.claims import Claims
    from mmlib.workbook.results import Results, RowResult

PROTOCOLS = {"clean": "selected on validation (clean)", "paper": "selected on test (as published)"}


def table_figure(
    results: Results, claims: Claims | None = None, metrics: Sequence[str] = ("top1", "map"), protocol: str = "clean"
) -> Figure:
    """One panel per metric, one line per row; printed values are marked only where the data are the paper's own."""
    lines, ticks = _layout(results)
    printed = _printed(results, claims)
    with style():
        figure, axes = new_figure(FULL, 1.5 + 0.2 * (max(ticks.values(), default=0) + 1), 1, len(metrics), sharey=True)
        for axis, name in zip(axes[0], metrics, strict=True):
            axis.set_title(_panel_title(name, len(metrics)))
            some = any(row.values(f"{protocol}/{name}") for row in results.rows.values())
            if not some:
                axis.text(0.5, 0.5, "not run", ha="center", va="center", transform=axis.transAxes, color="#555555")
                axis.set_xticks([])
            for index, row in enumerate(results.rows.values()):
                _draw_row(
                    axis, ticks[row.id], row, f"{protocol}/{name}", SERIES[lines[index] % len(SERIES)], lines[index]
                )
                if some and not row.records:
                    across = axis.get_yaxis_transform()
                    axis.text(
                        0.015, ticks[row.id], "not run", va="center", fontsize=6.5, color="#555555", transform=across
                    )
                if (row.id, name) in printed:
                    axis.plot(printed[row.id, name], ticks[row.id], "|", color="#000000", ms=11, mew=1.6, zorder=4)
            axis.set_xlabel(metric(name).arrow, fontsize=7)
            axis.grid(axis="y", visible=False)
            axis.margins(x=0.06)
            _within_range(axis, metric(name))
        if not results.rows:
            empty(axes[0][0], "the plan has no rows")
        _label_rows(axes[0], results, ticks)
        figure.legend(handles=_legend(bool(printed)), loc="outside lower center", ncols=4)
        caption = f"{source_text(results)}; {PROTOCOLS.get(protocol, protocol)}"
        set_title(figure, results.title, caption)
    return figure


def _within_range(axis: Any, known: Metric) -> None:
    """Intervals over few seeds go where no value can be: the axis does not."""
    (low, high), room = axis.get_xlim(), 0.02
    least = known.unit.low if known.low is None else known.low
    span = known.scale * (known.unit.high - least)
    if math.isfinite(span):
        axis.set_xlim(
            max(low, known.scale * least - room * span), min(high, known.scale * known.unit.high + room * span)
        )


def _panel_title(name: str, panels: int) -> str:
    """The metric's name, on two lines where panels are narrow."""
    title = metric(name).axis
    return title.replace(", ", "\n", 1) if panels > 2 else title


def _layout(results: Results) -> tuple[list[int], dict[str, float]]:
    """The block's number of every row, and its height: a gap between blocks leaves room for the block's name."""
    blocks, ticks, order = [], {}, []
    height = 0.0
    for row in results.rows.values():
        if not order or order[-1] != row.block:
            order.append(row.block)
            height += 1.1 if len(order) > 1 else 0.0
        blocks.append(len(order) - 1)
        ticks[row.id] = height
        height += 1.0
    return blocks, ticks


def _draw_row(axis: Any, y: float, row: RowResult, key: str, color: str, block: int) -> None:
    values = list(row.values(key).values())
    if not values:
        return
    # Below the mean, which would hide them: few seeds lie close together.
    axis.plot(values, [y + 0.3] * len(values), MARKERS[block % len(MARKERS)], color=color, ms=3.6, alpha=0.7, mew=0)
    summary = summarise(values)
    if summary.low is not None:
        axis.plot([summary.low, summary.high], [y, y], "-", color=color, lw=1.4)
    axis.plot(
        summary.mean, y, MARKERS[block % len(MARKERS)], color=color, ms=6.5, mec="white", mew=0.8, zorder=3
    )  # fmt: skip


def _label_rows(axes: Sequence[Any], results: Results, ticks: dict[str, float]) -> None:
    axis, rows = axes[0], list(results.rows.values())
    rests = {block: _rest([row.label for row in rows if row.block == block]) for block in {row.block for row in rows}}
    axis.set_yticks(list(ticks.values()), [row.label.removesuffix(f", {rests[row.block]}") for row in rows])
    axis.set_ylim(max(ticks.values(), default=0) + 0.7, -1.3)
    seen = set()
    for row in rows:
        if row.block not in seen:
            seen.add(row.block)
            heading = f"{row.block}: {rests[row.block]}" if rests[row.block] else row.block
            # From the figure's left edge, over the row labels: a long name must not push the panels apart.
            axis.annotate(
                heading, (0.008, ticks[row.id] - 0.85), xycoords=("figure fraction", "data"), va="center",
                ha="left", fontsize=7, fontweight="bold", color="#333333", in_layout=False, annotation_clip=False,
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8}, zorder=5,
            )  # fmt: skip


def _rest(labels: list[str]) -> str:
    """What all labels of a block say after the first comma: its heading says it once. Empty where they differ."""
    rests = {label.partition(",")[2].strip() for label in labels}
    return rests.pop() if len(rests) == 1 else ""


def _printed(results: Results, claims: Claims | None) -> dict[tuple[str, str], float]:
    """{(row, metric): printed value}; empty unless the profile is the paper's own recipe and data."""
    if claims is None or results.kind != "paper":
        return {}
    found = claims.claims(results.plan, results.profile)
    return {(claim.row.id, claim.column.metric): claim.value for claim in found}


def _legend(printed: bool) -> list[Any]:
    from matplotlib.lines import Line2D

    grey = "#333333"
    handles = [
        Line2D([], [], marker="o", ls="", color=grey, alpha=0.7, ms=3.6, mew=0, label="one seed"),
        Line2D([], [], marker="o", ls="", color=grey, ms=6.5, label="mean"),
        Line2D([], [], color=grey, lw=1.4, label="95 % interval of the mean"),
    ]
    return handles + (
        [Line2D([], [], marker="|", ls="", color="black", ms=10, mew=1.6, label="printed in the paper")]
        if printed
        else []
    )
