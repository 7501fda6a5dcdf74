"""A table as a dot plot: every seed a point, the mean with its 95 % interval, rows grouped by block.

A row looks like its method does in every figure (`mmlib.figures.looks`). Names of blocks stand among the rows' own,
clear of the panels. Where one block lies far from all others, the axis leaves out the gap, and the caption says so.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mmlib.figures.broken import break_axis, find_gap
from mmlib.figures.captions import set_caption
from mmlib.figures.intervals import Limits, draw_interval, ends_of, shown_range
from mmlib.figures.looks import look_of
from mmlib.figures.style import FULL, SMALL, empty, is_narrow, new_figure, source_text, style
from mmlib.metrics.family import Metric, metric
from mmlib.statistics import summarise

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mmlib.workbook.claims import Claims
    from mmlib.workbook.results import Results, RowResult

PROTOCOLS = {"clean": "selected on validation (clean)", "paper": "selected on test (as published)"}
NAME = 34
"""Characters of a row's or block's name in one line."""
WORTH = 0.3
"""Share of an axis from which a gap is left out: where intervals take its room, nothing would be won."""
LINE = 0.62
"""Height of another line of a name, in rows."""


@dataclass(frozen=True)
class Place:
    """Where a name stands: its height, and whether it is a block's."""

    height: float
    text: str
    heading: bool = False


def table_figure(
    results: Results, claims: Claims | None = None, metrics: Sequence[str] = ("top1", "map"), protocol: str = "clean"
) -> Figure:
    """One panel per metric, one line per row; printed values are marked only where the data are the paper's own."""
    rows, left_out = _shown(results)
    names, ticks, bottom = _layout(rows)
    printed = _printed(results, claims)
    shown = metrics if printed else results.measured(metrics)
    if missing := [metric(name).title for name in metrics if name not in shown]:
        left_out.append(f"in no record: {', '.join(missing)}")
    with style():
        figure, axes = new_figure(FULL, 0.95 + 0.2 * (bottom + 1.2), 1, len(shown), sharey=True)
        said = [f"{source_text(results)}; {PROTOCOLS.get(protocol, protocol)}"]
        for axis, name in zip(axes[0], shown, strict=True):
            axis.set_title(_panel_title(name, len(shown)))
            said += _panel(axis, rows, ticks, f"{protocol}/{name}", {r: printed[r, n] for r, n in printed if n == name})
        if not results.rows:
            empty(axes[0][0], "the plan has no rows")
        _label_rows(axes[0][0], names, bottom)
        figure.legend(handles=_legend(bool(printed)), loc="outside lower center", ncols=4)
        set_caption(figure, results.title, "; ".join([*said, *left_out]))
    return figure


def _shown(results: Results) -> tuple[list[RowResult], list[str]]:
    """Rows of blocks of which something ran, and the others named; all where nothing ran."""
    ran = {row.block for row in results.rows.values() if row.records}
    if not ran:
        return list(results.rows.values()), []
    missing = [row for row in results.rows.values() if row.block not in ran]
    blocks = list(dict.fromkeys(row.block for row in missing))
    told = [f"not run: {', '.join(blocks)} ({len(missing)} rows)"] if missing else []
    return [row for row in results.rows.values() if row.block in ran], told


def _panel(
    axis: Any, rows: Sequence[RowResult], ticks: Mapping[str, float], key: str, printed: Mapping[str, float]
) -> list[str]:
    """Draw one metric; returns what the caption must say of its axis."""
    name = key.split("/")[1]
    known = metric(name)
    values = [value for row in rows for value in row.values(key).values()]
    summaries = [summarise(list(found.values())) for row in rows if (found := row.values(key))]
    limits = _limits([*values, *printed.values()], summaries, known)
    if not values:
        axis.text(0.5, 0.5, "not run", ha="center", va="center", transform=axis.transAxes, color="#555555")
        axis.set_xticks([])
    for row in rows:
        _draw_row(axis, ticks[row.id], row, key, limits)
        if values and not row.records:
            axis.text(
                0.015, ticks[row.id], "not run", va="center", fontsize=SMALL, color="#555555",
                transform=axis.get_yaxis_transform(),
            )  # fmt: skip
        if row.id in printed:
            axis.plot(printed[row.id], ticks[row.id], "|", color="#000000", ms=11, mew=1.6, zorder=4)
    axis.set_xlabel(known.arrow)
    axis.grid(axis="y", visible=False)
    axis.tick_params(axis="y", length=0)
    axis.set_xlim(limits)
    gap = find_gap([*values, *printed.values()])
    if gap is None or gap.high - gap.low < WORTH * (limits[1] - limits[0]):
        return []
    break_axis(axis, gap)
    return [f"axis of {known.title} broken {gap.text}"]


def _limits(values: Sequence[float], summaries: Sequence[Any], known: Metric) -> Limits:
    """Ends of the axis: all values and intervals, unless an interval goes where no value can be, or farther beyond all
    values than these span: it then ends in an arrowhead.
    """
    low, high = known.scale * (known.unit.low if known.low is None else known.low), known.scale * known.unit.high
    span = high - low if math.isfinite(high - low) else max(values, default=0.0) - min(values, default=0.0)
    bounds = (low - 0.02 * span, high + 0.02 * span)
    return shown_range(values, *bounds, ends=ends_of(summaries), least=known.scale / 100)


def _panel_title(name: str, panels: int) -> str:
    """The metric's name, on two lines where panels are narrow, its unit on a third where they are narrower still."""
    title = metric(name).axis
    if panels < 3:
        return title
    title = title.replace(", ", "\n", 1)
    return title.replace(" (", "\n(") if panels > 3 and not is_narrow() else title


def _layout(rows: Sequence[RowResult]) -> tuple[list[Place], dict[str, float], float]:
    """The names from top to bottom, each row's height, and the lowest."""
    rests = {block: _rest([row.label for row in rows if row.block == block]) for block in {row.block for row in rows}}
    names, ticks, height, block = [], {}, 0.0, None
    for row in rows:
        if row.block != block:
            height += 0.35 if block is not None else 0.0
            block, rest = row.block, rests[row.block]
            heading = _wrapped(f"{block}: {rest}" if rest else block)
            height = _put(names, heading, height, heading=True)
        before = height
        height = _put(names, _wrapped(row.label.removesuffix(f", {rests[row.block]}")), height)
        ticks[row.id] = (before + height - 1) / 2
    return names, ticks, max(0.0, height - 1)


def _put(names: list[Place], text: str, height: float, heading: bool = False) -> float:
    """Add a name at this height; returns that of the next."""
    if not text:
        return height + (0 if heading else 1)
    more = LINE * text.count("\n")
    names.append(Place(height + more / 2, text, heading))
    return height + 1 + more


def _wrapped(text: str) -> str:
    """In lines of `NAME` characters at most, all about as long: no word stands alone in the last."""
    lines = textwrap.wrap(text, NAME)
    width = next((width for width in range(12, NAME) if len(textwrap.wrap(text, width)) == len(lines)), NAME)
    return "\n".join(textwrap.wrap(text, width))


def _draw_row(axis: Any, y: float, row: RowResult, key: str, limits: Limits) -> None:
    values = list(row.values(key).values())
    if not values:
        return
    look = look_of(next(iter(row.records.values())).parameters)
    # Below the mean, which would hide them: few seeds lie close together.
    axis.plot(values, [y + 0.3] * len(values), look.marker, color=look.color, ms=3.6, alpha=0.7, mew=0)
    summary = summarise(values)
    if summary.low is not None:
        draw_interval(axis, y, summary.low, summary.high, limits, along="x", color=look.color, lw=1.4)
    axis.plot(summary.mean, y, look.marker, color=look.color, ms=6.5, mec="white", mew=0.8, zorder=3)


def _label_rows(axis: Any, names: Sequence[Place], bottom: float) -> None:
    """Names of blocks in bold among the rows' own, as labels of the axis: they can never lie over a panel."""
    axis.set_yticks([name.height for name in names], [name.text for name in names], linespacing=1.0)
    for label, name in zip(axis.get_yticklabels(), names, strict=True):
        if name.heading:
            label.set(fontweight="bold", color="#333333")
    axis.set_ylim(bottom + 0.7, -0.7)


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
