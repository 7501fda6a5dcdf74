"""Statements as a forest plot: the paired difference of each with its 95 % interval, and its verdict in words."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from mmlib.figures.captions import set_caption
from mmlib.figures.style import FULL, PALETTE, empty, is_narrow, new_figure, source_text, style
from mmlib.metrics.family import metric

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mmlib.workbook.results import Results
    from mmlib.workbook.verdicts import StatementFamily, StatementVerdict

# (colour, marker): shape and the verdict's word tell them apart without colour.
LOOKS = {
    "holds": (PALETTE["blue"], "o"),
    "contradicted": (PALETTE["red"], "X"),
    "within seed noise": ("#666666", "s"),
    "one seed: undecided": ("#666666", "D"),
}
DASHED = (0, (3, 1))
LEVEL = 0.05
WRAP, NARROW_WRAP = 60, 26  # characters of a label's line
LINE = 0.128  # inches per line of a label


def statement_figure(family: StatementFamily, results: Results) -> Figure:
    """One line per statement; right of zero is better, as the statement says. One panel for every unit that occurs."""
    if not family.verdicts:
        return _no_statement(family)
    groups: dict[str, list[StatementVerdict]] = {}
    for verdict in family.verdicts:
        groups.setdefault(metric(verdict.metric).unit.difference, []).append(verdict)
    lines = [_heights([_label(verdict) for verdict in group])[-1] + 1 for group in groups.values()] or [1]
    with style():
        height = 0.75 + 0.75 * len(lines) + LINE * sum(lines)
        figure, axes = new_figure(FULL, height, len(lines), height_ratios=[count + 1.4 for count in lines])
        for (axis,), (unit, group) in zip(axes, groups.items(), strict=False):
            _draw_panel(axis, unit, group)
        drawn = [verdict for verdict in family.verdicts if verdict.difference is not None]
        if drawn:
            handles = _legend(any(v.rival for v in drawn), any(map(is_hollow, drawn)))
            figure.legend(handles=handles, loc="outside lower center", ncols=4)
        protocol = {"clean": "clean protocol", "paper": "selected on test"}.get(family.protocol, family.protocol)
        title = f"Statements of {results.title.split(':')[0]}: differences paired over seeds"
        set_caption(figure, title, f"{source_text(results)}; {protocol}")
    return figure


def _no_statement(family: StatementFamily) -> Figure:
    with style():
        figure, axes = new_figure(FULL, 0.6)
        empty(axes[0, 0], family.left_out_text or "No statement is made about this setting.")
    return figure


def _draw_panel(axis: Any, unit: str, verdicts: list[StatementVerdict]) -> None:
    labels = [_label(verdict) for verdict in verdicts]
    heights = _heights(labels)
    axis.axvline(0, color="black", lw=0.9)
    for y, verdict in zip(heights, verdicts, strict=True):
        _draw(axis, y, verdict)
    axis.set_yticks(heights, labels, fontsize=7, linespacing=1.1)
    axis.set_ylim(heights[-1] + 1.2, -1.2)
    axis.grid(axis="y", visible=False)
    axis.tick_params(axis="y", length=0)
    axis.xaxis.set_major_formatter(lambda value, _: f"{abs(value):g}")  # the words below say which side is which
    titles = dict.fromkeys(metric(verdict.metric).title for verdict in verdicts)
    words = [" or ".join(dict.fromkeys(pair)) for pair in zip(*(metric(v.metric).words for v in verdicts), strict=True)]
    sides = [f"← {words[0]}, against the statement", f"{words[1]}, as stated →"]
    sides = "\n".join(sides) if is_narrow() else "     ".join(sides)
    axis.set_xlabel(f"difference in {unit or ', '.join(titles)}\n{sides}")
    if all(verdict.difference is None for verdict in verdicts):
        axis.text(0.5, 0.5, "not run", ha="center", va="center", transform=axis.transAxes, color="#555555")
        axis.set_xticks([])


def _label(verdict: StatementVerdict) -> str:
    # The metric keeps to the last word: never alone on a line.
    text = f"{verdict.statement.text}\N{NO-BREAK SPACE}[{metric(verdict.metric).title}]"
    return "\n".join(textwrap.wrap(text, NARROW_WRAP if is_narrow() else WRAP)).replace("\N{NO-BREAK SPACE}", " ")


def _heights(labels: list[str]) -> list[float]:
    """The middle of every label, when each takes as many lines as it has and some air."""
    heights, top = [], 0.0
    for label in labels:
        lines = label.count("\n") + 1
        heights.append(top + (lines - 1) / 2)
        top += lines + 0.55
    return heights


def is_hollow(verdict: StatementVerdict) -> bool:
    """Whether it holds, or is contradicted, only without allowing for the number of tests (Holm, over one figure's)."""
    return verdict.verdict in ("holds", "contradicted") and verdict.p_holm is not None and verdict.p_holm >= LEVEL


def _legend(rivals: bool, hollow: bool) -> list[Any]:
    from matplotlib.lines import Line2D

    grey = "#333333"
    handles = [
        Line2D([], [], marker="o", ls="", color=grey, ms=5.5, label="mean"),
        Line2D([], [], marker="|", ls="", color=grey, ms=5, label="one seed"),
        Line2D([], [], color=grey, lw=1.5, label="95 % interval"),
    ]
    closest = Line2D([], [], color=grey, lw=1.5, ls=DASHED, label="95 % interval to the rival that decides")
    alone = Line2D(
        [], [], marker="o", ls="", color=grey, mfc="white", ms=5.5, label="hollow: unadjusted for so many tests"
    )
    return handles + ([closest] if rivals else []) + ([alone] if hollow else [])


def _draw(axis: Any, y: float, verdict: StatementVerdict) -> None:
    color, marker = LOOKS.get(verdict.verdict, ("#666666", "s"))
    difference = verdict.difference
    transform = axis.get_yaxis_transform()
    hollow = is_hollow(verdict)
    said = verdict.verdict + (",\nunadjusted" if hollow else "")
    said = said.replace("within ", "within\n") if is_narrow() else said
    axis.text(1.015, y, said, transform=transform, va="center", fontsize=7, color=color, clip_on=False, linespacing=1.0)
    if difference is None:
        return
    axis.plot(difference.differences, [y] * difference.n, "|", color=color, ms=5, alpha=0.8)
    if difference.low is not None and verdict.rival is None:
        axis.plot([difference.low, difference.high], [y, y], "-", color=color, lw=1.5)
    elif difference.low is not None:  # to one of several rivals: dashed, the statement rests on all
        axis.plot([difference.low, difference.high], [y, y], ls=DASHED, color=color, lw=1.5)
    face, edge = ("white", color) if hollow else (color, "white")
    axis.plot(difference.mean, y, marker, color=color, ms=5.5, mfc=face, mec=edge, mew=0.9 if hollow else 0.6, zorder=3)
