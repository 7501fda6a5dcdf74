"""Accuracy against the inverse gain coefficient ψ (first panel of Figure 2(c) of the paper).

The published points belong to Kinetics-Sounds. On that data set they lie over ours; on others only what is gained over
the baseline can be laid over what the paper gains, which the right panel does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mmlib.analysis.iemf.findings import IEMFFindings
from mmlib.analysis.iemf.printed import SWEEP_DATA
from mmlib.figures.captions import set_caption
from mmlib.figures.intervals import Limits, draw_interval, shown_range
from mmlib.figures.looks import METHODS
from mmlib.figures.style import FULL, MARKERS, empty, new_figure, style
from mmlib.metrics.family import metric

if TYPE_CHECKING:
    from matplotlib.figure import Figure

OURS, BASE, THEIRS = METHODS["iemf"].color, METHODS["ogm_ge"].color, "#444444"


def sweep_figure(found: IEMFFindings) -> Figure:
    """Left: Top-1 by ψ with the baseline. Right: gain over the baseline in points, the published points over ours."""
    same = found.own == SWEEP_DATA
    with style():
        figure, ((left, right),) = new_figure(FULL, 3.0, 1, 2)
        _accuracy(left, found, same)
        _gain(right, found)
        for axis in (left, right):
            _scale(axis, sorted({*found.sweep.points, *found.sweep.printed}))
        handles = {label: handle for axis in (left, right) for handle, label in zip(*axis.get_legend_handles_labels(),
                                                                                   strict=True)}  # fmt: skip
        figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=4, columnspacing=1.2)
        set_caption(figure, "OGM-GE with IEMF by inverse gain coefficient ψ", found.caption)
    return figure


def _accuracy(axis: Any, found: IEMFFindings, same: bool) -> None:
    known, swept = metric("top1"), found.sweep
    if not swept.points:
        empty(axis, "no value of ψ ran")
        return
    known_values = [
        *(point.mean for point in swept.points.values()),
        *([swept.baseline.mean] if swept.baseline else []),
    ]
    known_values += [*swept.printed.values(), swept.printed_baseline] if same and swept.printed else []
    limits = shown_range(known_values, 0, 100)
    _points(axis, swept.points, limits)
    if swept.baseline is not None:
        axis.axhline(swept.baseline.mean, color=BASE, lw=1.1, ls="--", label="OGM-GE without IEMF")
        if swept.baseline.low is not None:
            axis.axhspan(swept.baseline.low, swept.baseline.high, color=BASE, alpha=0.12, lw=0)
    if same and swept.printed:
        axis.plot(list(swept.printed), list(swept.printed.values()), MARKERS[3], color=THEIRS, mfc="white", mew=1.2,
                  label=f"published, {SWEEP_DATA}")  # fmt: skip
        axis.axhline(swept.printed_baseline, color=THEIRS, lw=1.0, ls=":", label="published, without IEMF")
    axis.set(xlabel="ψ", ylabel=f"{known.axis}\n{known.arrow}", ylim=limits)
    axis.set_title("Accuracy")


def _gain(axis: Any, found: IEMFFindings) -> None:
    swept = found.sweep
    if not swept.gains and not swept.printed:
        empty(axis, "no value of ψ ran beside OGM-GE")
        return
    base = swept.printed_baseline
    published = {} if base is None else {psi: value - base for psi, value in swept.printed.items()}
    limits = shown_range([0.0, *published.values(), *(gain.mean for gain in swept.gains.values())])
    _points(axis, swept.gains, limits)
    axis.axhline(0, color=BASE, lw=1.1, ls="--", label="OGM-GE without IEMF")
    if published:
        axis.plot(list(published), list(published.values()), MARKERS[3], color=THEIRS, mfc="white", mew=1.2,
                  label=f"published, {SWEEP_DATA}")  # fmt: skip
    axis.set(xlabel="ψ", ylabel="gain over OGM-GE (points)\nbetter →", ylim=limits)
    axis.set_title("Gain over OGM-GE without IEMF")


def _points(axis: Any, points: dict[float, Any], limits: Limits) -> None:
    ordered, label = sorted(points.items()), "ours, mean and 95 % interval"
    axis.plot(
        [psi for psi, _ in ordered],
        [point.mean for _, point in ordered],
        "-" + METHODS["iemf"].marker,
        color=OURS,
        label=label,
    )
    for psi, point in ordered:
        if point.low is not None:
            draw_interval(axis, psi, point.low, point.high, limits, color=OURS, lw=1.1)


def _scale(axis: Any, values: list[float]) -> None:
    """ψ spans a factor of fifty: logarithmic, each value named."""
    if not values or not axis.axison:
        return
    axis.set_xscale("log")
    axis.set_xticks(values, [f"{value:g}" for value in values])
    axis.set_xticks([], minor=True)
    axis.set_xlim(values[0] / 1.25, values[-1] * 1.25)
