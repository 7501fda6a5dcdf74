"""Continual learning over methods (figure 3 of IEMF): accuracy by step, bars of accuracy and backward transfer.

The paper draws bars on axes that begin near the lowest, with the population's standard deviation of three seeds. Here
bars begin at zero, whiskers are 95 % intervals of the mean over seeds, and every seed is a dot.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mmlib.analysis.continual import ACCURACY, FORGETTING, VARIANTS, ContinualFindings, MethodRuns
from mmlib.figures import looks
from mmlib.figures.captions import set_caption
from mmlib.figures.intervals import Limits, draw_interval, ends_of, shown_range
from mmlib.figures.looks import METHODS
from mmlib.figures.style import FULL, name_ticks, new_figure, style
from mmlib.metrics.family import metric

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LOOKS = {suffix: METHODS[looks.VARIANTS[suffix]] for suffix in VARIANTS}
PARTS = {suffix: label for suffix, label in VARIANTS.items() if suffix not in ("", "-relu")}
"""IEMF, and parts and forms of it."""
PANELS = 4
"""Methods side by side."""
ROOM = 10.0
"""Points beyond every seed on the axis of backward transfer; a longer interval ends in an arrowhead."""


def steps_figure(found: ContinualFindings) -> Figure:
    """One panel per method: accuracy on all classes seen against the number of tasks, mean and range over seeds."""
    methods = found.traced
    rows = -(-len(methods) // PANELS)
    lowest = min(values.min() for one in methods for runs in one.steps.values() for values in runs.values())
    with style():
        figure, axes = new_figure(FULL, 0.9 + 1.65 * rows, rows, PANELS, sharex=True, sharey=True)
        for axis in axes.flat[len(methods) :]:
            axis.set_axis_off()
        for axis, one in zip(axes.flat, methods, strict=False):
            _draw_steps(axis, one)
            axis.set_title(one.name)
            axis.set_ylim(max(0.0, 10 * np.floor(lowest / 10) - 2), 102)
        for row in axes:
            row[0].set_ylabel("accuracy (%)")
        for column in range(PANELS):
            below = [axis for axis in axes[:, column] if axis.axison]
            if below:
                below[-1].set_xlabel("tasks learnt")
                below[-1].tick_params(labelbottom=True)
        figure.legend(handles=_legend(found, lines=True), loc="outside lower center", ncols=3)
        set_caption(figure, "Accuracy on all classes seen, after each step", f"{found.caption}; band: range over seeds")
    return figure


def _draw_steps(axis: Any, one: MethodRuns) -> None:
    for suffix, look in LOOKS.items():
        runs = one.steps.get(suffix)
        if not runs:
            continue
        values = np.stack(list(runs.values()))  # (seeds, S)
        tasks = np.arange(1, values.shape[1] + 1)
        axis.fill_between(tasks, values.min(axis=0), values.max(axis=0), color=look.color, alpha=0.2, lw=0)
        axis.plot(tasks, values.mean(axis=0), **look.line(ms=3.5))
        axis.set_xticks(tasks)


def bars_figure(found: ContinualFindings) -> Figure:
    """Mean task accuracy, and backward transfer as the paper draws it (the negative of forgetting), by method."""
    with style():
        figure, axes = new_figure(FULL, 5.4, 2, 1, sharex=True)
        _draw_bars(axes[0][0], found, ACCURACY, 1.0, (0.0, 100.0))
        axes[0][0].set(ylabel="mean task\naccuracy (%)", ylim=(0, 102))
        values = [-value for one in found.methods for of in one.values.values() for value in of[FORGETTING].values()]
        limits = (min(0.0, *values) - ROOM, max(0.0, *values) + ROOM)
        _draw_bars(axes[1][0], found, FORGETTING, -1.0, limits)
        axes[1][0].axhline(0, color="black", lw=0.8)
        axes[1][0].set(ylabel="backward transfer\n(− forgetting, points)", ylim=limits)
        names = [one.name.replace(" ", "\n", 1) for one in found.methods]
        name_ticks(axes[1][0], names)
        for axis in axes[:, 0]:
            axis.grid(axis="x", visible=False)
        figure.legend(handles=_legend(found, lines=False), loc="outside lower center", ncols=3)
        set_caption(figure, "Continual learning without and with IEMF (figure 3)", found.caption)
    return figure


def _draw_bars(axis: Any, found: ContinualFindings, name: str, sign: float, limits: Limits) -> None:
    width = 0.84 / len(_variants(found))
    for place, one in enumerate(found.methods):
        ran = {suffix: one.summary(suffix, name) for suffix in LOOKS}
        ran = {suffix: summary for suffix, summary in ran.items() if summary is not None}
        for index, (suffix, summary) in enumerate(ran.items()):
            middle = place + (index - (len(ran) - 1) / 2) * width
            axis.bar(middle, sign * summary.mean, width, **LOOKS[suffix].bar())
            if summary.low is not None:
                ends = sorted((sign * summary.low, sign * summary.high))
                draw_interval(axis, middle, *ends, limits, color="black", lw=1.0)
            seeds = [sign * value for value in one.values[suffix][name].values()]
            axis.plot([middle] * len(seeds), seeds, "o", ms=2.6, mfc="white", mec="black", mew=0.6, zorder=5)


def gains_figure(found: ContinualFindings) -> Figure:
    """What IEMF and its parts give against the same method without: accuracy and forgetting, paired over seeds."""
    methods = found.with_parts
    with style():
        figure, (row,) = new_figure(FULL, 1.3 + 0.42 * len(methods), 1, 2, sharey=True)
        for axis, name in zip(row, (ACCURACY, FORGETTING), strict=True):
            known = metric(name)
            gains = [{suffix: one.gain(suffix, name) for suffix in PARTS} for one in methods]
            every = [gain for of in gains for gain in of.values() if gain is not None]
            limits = shown_range([0.0, *(gain.mean for gain in every)], ends=ends_of(every))
            for place, of in enumerate(gains):
                _draw_gains(axis, place, of, limits)
            axis.axvline(0, color="black", lw=0.8)
            axis.set(xlim=limits, xlabel=f"{known.title}, difference (points)\n{known.arrow}")
        row[0].set_yticks(range(len(methods)), [one.name for one in methods])
        row[0].set_ylim(len(methods) - 0.5, -0.5)
        handles = [handle for handle in _legend(found, lines=True) if handle.get_label() in PARTS.values()]
        figure.legend(handles=handles, loc="outside lower center", ncols=3)
        set_caption(figure, "Against the same method without IEMF", f"{found.caption}; mean and 95 % interval, paired")
    return figure


def _draw_gains(axis: Any, place: int, gains: dict[str, Any], limits: Limits) -> None:
    for index, (suffix, gain) in enumerate(gains.items()):
        if gain is None:
            continue
        at = place + (index - (len(gains) - 1) / 2) * 0.2
        if gain.low is not None:
            draw_interval(axis, at, gain.low, gain.high, limits, along="x", color=LOOKS[suffix].color, lw=1.3)
        axis.plot(
            gain.mean,
            at,
            LOOKS[suffix].marker,
            color=LOOKS[suffix].color,
            ms=5,
            mec="black",
            mew=0.5,
            zorder=4,
        )


def _variants(found: ContinualFindings) -> list[str]:
    """Those that ran for some method, in order."""
    return [suffix for suffix in VARIANTS if any(suffix in one.values for one in found.methods)]


def _legend(found: ContinualFindings, lines: bool) -> list[Any]:
    """A handle for each variant that ran: a line with its mark, or a bar, and then the dots of the seeds."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    shown = _variants(found)
    if lines:
        return [Line2D([], [], **LOOKS[suffix].line(ms=4, label=VARIANTS[suffix])) for suffix in shown]
    bars = [Patch(**LOOKS[suffix].bar(label=VARIANTS[suffix])) for suffix in shown]
    return [*bars, Line2D([], [], ls="", marker="o", ms=3.5, mfc="white", mec="black", label="seeds; line: 95 %")]
