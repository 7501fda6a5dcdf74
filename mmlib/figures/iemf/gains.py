"""What IEMF gains, ours beside the published (Figure 2(a), 2(b) and the second panel of 2(c) of the paper).

The paper draws bars of accuracies on axes that begin near the lowest; here bars are gains over the same method without
IEMF, in points, so that they begin at zero and data sets of any difficulty stand on one axis.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from mmlib.analysis.iemf.findings import IEMFFindings
from mmlib.analysis.iemf.printed import SWEEP_DATA, gains
from mmlib.analysis.iemf.rows import METHODS as METHOD_NAMES
from mmlib.analysis.iemf.rows import SPIKING
from mmlib.analysis.iemf.share import Share
from mmlib.figures.captions import set_caption
from mmlib.figures.intervals import Limits, draw_interval, shown_range
from mmlib.figures.looks import METHODS, Look
from mmlib.figures.style import FULL, new_figure, style
from mmlib.statistics import PairedDifference

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHORT = {"none": "Concat", "mslr": "MSLR", "ogm_ge": "OGM-GE", "lfm": "LFM"}
PUBLISHED = {
    "CREMA-D": Look("#777777", "o", hatch="///"),
    SWEEP_DATA: Look("#444444", "s", hatch="\\\\\\"),
    "UrbanSound8K-AV": Look("#AAAAAA", "^", hatch="..."),
}
"""Published gains by data set, in grey: colours are ours, and methods'."""
OURS, LOSSES = METHODS["iemf"], METHODS["losses"]
THEIR_LOSSES = replace(PUBLISHED[SWEEP_DATA], hatch=LOSSES.hatch, color=LOSSES.color)


def gains_figure(found: IEMFFindings) -> Figure:
    """Three panels: IEMF, ANN; IEMF, SNN; unimodal losses alone beside all of IEMF."""
    sets = [found.own] if found.own else list(found.printed)
    limits = _limits(found, sets)
    with style():
        figure, axes = new_figure(FULL, 5.2, 2, 2, sharey=True)
        _by_data(axes[0][0], found, METHOD_NAMES, sets, limits, "IEMF, ANN (Figure 2(a))")
        _by_data(axes[0][1], found, SPIKING, sets, limits, "IEMF, SNN (Figure 2(b): its code never spikes)")
        _by_part(axes[1][0], found, limits)
        axes[0][0].set_ylim(limits)
        axes[1][1].set_axis_off()
        axes[1][1].legend(handles=_legend(found, sets), loc="center left", handlelength=2)
        for axis in axes.flat[:3]:
            axis.grid(axis="x", visible=False)
            axis.axhline(0, color="black", lw=0.8)
        set_caption(figure, "Gain over the same method without IEMF", found.caption)
    return figure


def _limits(found: IEMFFindings, sets: Sequence[str]) -> Limits:
    """Ends of the axis of gains: all bars, published and ours, and room for the intervals."""
    published = [
        value
        for name in sets
        for suffix in ("-joint", "-iemf")
        for value in gains(found.printed.get(name, {}), suffix, METHOD_NAMES | SPIKING).values()
    ]
    ours = [part.mean for one in found.shares for part in (one.joint, one.gain) if part is not None]
    return shown_range([0.0, *published, *ours])


def _by_data(
    axis: Any, found: IEMFFindings, methods: Mapping[str, str], sets: Sequence[str], limits: Limits, title: str
) -> None:
    """Published bars, one per data set, then ours."""
    ours = {one.method: one.gain for one in found.shares if one.method in methods}
    published = [gains(found.printed.get(name, {}), "-iemf", methods) for name in sets]
    places, count = np.arange(len(methods)), len(sets) + 1
    for index, values in enumerate(published):
        _bars(axis, places, index, count, [values.get(method) for method in methods], PUBLISHED[sets[index]])
    _ours(axis, places, count - 1, count, [ours.get(method) for method in methods], OURS, limits)
    _finish(axis, list(methods), title, not ours)


def _by_part(axis: Any, found: IEMFFindings, limits: Limits) -> None:
    """Per method: unimodal losses alone and all of IEMF, published and ours."""
    printed = found.printed.get(SWEEP_DATA, {}) if found.own in (None, SWEEP_DATA) else {}
    ours = {one.method: one for one in found.shares if one.method in METHOD_NAMES}
    places = np.arange(len(METHOD_NAMES))
    for index, suffix in enumerate(("-joint", "-iemf")):
        values = gains(printed, suffix, METHOD_NAMES)
        look = (THEIR_LOSSES, PUBLISHED[SWEEP_DATA])[index]
        _bars(axis, places, index, 4, [values.get(method) for method in METHOD_NAMES], look)
    for index, part in enumerate((lambda one: one.joint, lambda one: one.gain)):
        _ours(axis, places, index + 2, 4, _parts(ours, part), (LOSSES, OURS)[index], limits)
    _finish(axis, list(METHOD_NAMES), "Unimodal losses alone, and IEMF (Figure 2(c))", not ours)


def _parts(ours: Mapping[str, Share], part: Callable[[Share], Any]) -> list[PairedDifference | None]:
    return [part(ours[method]) if method in ours else None for method in METHOD_NAMES]


def _middles(places: np.ndarray, index: int, count: int) -> np.ndarray:
    """Where the bar `index` of `count` stands in each group."""
    return places - 0.42 + (index + 0.5) * 0.84 / count


def _bars(
    axis: Any, places: np.ndarray, index: int, count: int, values: Sequence[float | None], look: Look, **more: Any
) -> None:
    for middle, value in zip(_middles(places, index, count), values, strict=True):
        if value is not None:
            axis.bar(middle, value, 0.84 / count, **look.bar(**more))


def _ours(
    axis: Any,
    places: np.ndarray,
    index: int,
    count: int,
    values: Sequence[PairedDifference | None],
    look: Look,
    limits: Limits,
) -> None:
    """Bars with the 95 % interval over seeds."""
    means = [None if value is None else value.mean for value in values]
    _bars(axis, places, index, count, means, look, hatch="")
    for middle, value in zip(_middles(places, index, count), values, strict=True):
        if value is not None and value.low is not None:
            draw_interval(axis, middle, value.low, value.high, limits, color="black", lw=1.0)


def _finish(axis: Any, methods: Sequence[str], title: str, alone: bool) -> None:
    axis.set_xticks(range(len(methods)), [SHORT[method.removeprefix("snn-")] for method in methods])
    axis.set_ylabel("gain in Top-1 (points)")
    axis.set_title(title + (",\nours: not run" if alone else ""))


def _legend(found: IEMFFindings, sets: Sequence[str]) -> list[Any]:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles = [Patch(**PUBLISHED[name].bar(label=f"published, {name}")) for name in sets]
    if found.own in (None, SWEEP_DATA):
        handles.append(Patch(**THEIR_LOSSES.bar(label=f"published, {SWEEP_DATA}, unimodal losses")))
    return [
        *handles,
        Patch(**OURS.bar(hatch="", label="ours, IEMF")),
        Patch(**LOSSES.bar(hatch="", label="ours, unimodal losses alone")),
        Line2D(
            [],
            [],
            color="black",
            lw=1.0,
            label="95 % interval over our seeds (published: one\nrun, none); arrow: it goes on",
        ),
    ]
