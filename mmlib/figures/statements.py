"""Statements as a forest plot: the paired difference of each with its 95 % interval, and its verdict in words."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from mmlib.figures.style import FULL, PALETTE, new_figure, source_text, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mmlib.workbook.reporting.results import Results
    from mmlib.workbook.reporting.verdicts import StatementFamily, StatementVerdict

# (colour, marker): shape and the verdict's word tell them apart without colour.
LOOKS = {
    "holds": (PALETTE["blue"], "o"),
    "contradicted": (PALETTE["red"], "X"),
    "within seed noise": ("#777777", "s"),
    "one seed: undecided": ("#777777", "D"),
}
METRICS = {"top1": "Top-1", "map": "mAP"}
WRAP = 54


def statement_figure(family: StatementFamily, results: Results) -> Figure:
    """One line per statement; right of zero goes the way the statement says. Points of the metric."""
    labels = [_label(verdict) for verdict in family.verdicts]
    heights = _heights(labels)
    drawn = [verdict for verdict in family.verdicts if verdict.difference is not None]
    with style():
        figure, axes = new_figure(FULL, 1.3 + 0.165 * (heights[-1] + 1 if heights else 1))
        axis = axes[0][0]
        axis.axvline(0, color="black", lw=0.9)
        for y, verdict in zip(heights, family.verdicts, strict=True):
            _draw(axis, y, verdict)
        axis.set_yticks(heights, labels)
        axis.set_ylim((heights[-1] if heights else 0) + 1.2, -1.2)
        axis.grid(axis="y", visible=False)
        axis.tick_params(axis="y", length=0)
        if not drawn:
            axis.text(0.5, 0.5, "not run", ha="center", va="center", transform=axis.transAxes, color="#555555")
            axis.set_xticks([])
        axis.set_xlabel(
            "difference, points (right of zero: as stated). Ticks are seeds; dashed: the closest of several rivals"
        )
        protocol = {"clean": "clean protocol", "paper": "selected on test"}.get(family.protocol, family.protocol)
        title = f"Statements of {results.title.split(':')[0]}: paired difference, {family.confidence:.0%} interval"
        figure.suptitle(f"{title}\n{source_text(results)}; {protocol}", fontsize=8.5)
    return figure


def _label(verdict: StatementVerdict) -> str:
    text = f"{verdict.statement.text} [{METRICS.get(verdict.metric, verdict.metric)}]"
    return "\n".join(textwrap.wrap(text, WRAP))


def _heights(labels: list[str]) -> list[float]:
    """The middle of every label, when each takes as many lines as it has and half a line of air."""
    heights, top = [], 0.0
    for label in labels:
        lines = label.count("\n") + 1
        heights.append(top + (lines - 1) / 2)
        top += lines + 0.35
    return heights


def _draw(axis: Any, y: float, verdict: StatementVerdict) -> None:
    color, marker = LOOKS.get(verdict.verdict, ("#777777", "s"))
    difference = verdict.difference
    transform = axis.get_yaxis_transform()
    axis.text(1.015, y, verdict.verdict, transform=transform, va="center", fontsize=7, color=color, clip_on=False)
    if difference is None:
        return
    axis.plot(difference.differences, [y] * difference.n, "|", color=color, ms=4, alpha=0.6)
    if difference.low is not None and verdict.rival is None:
        axis.plot([difference.low, difference.high], [y, y], "-", color=color, lw=1.5)
    elif difference.low is not None:  # the closest of several rivals: dashed, the statement rests on all of them
        axis.plot([difference.low, difference.high], [y, y], ls=(0, (3, 1)), color=color, lw=1.5)
    axis.plot(difference.mean, y, marker, color=color, ms=5.5, mec="white", mew=0.6, zorder=3)
