"""What IEMF gains, ours beside the published (Figure 2(a), 2(b) and the second panel of 2(c) of the paper).

The paper draws bars of accuracies on axes that begin near the lowest; here bars are gains over the same method without
IEMF, in points, so that they begin at zero and data sets of any difficulty stand on one axis.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mmlib.analysis.iemf.findings import IEMFFindings
from mmlib.analysis.iemf.printed import SWEEP_DATA, gains
from mmlib.analysis.iemf.rows import METHODS, SPIKING
from mmlib.analysis.iemf.share import Share
from mmlib.figures.style import FULL, HATCHES, PALETTE, new_figure, set_title, style
from mmlib.statistics import PairedDifference

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHORT = {"none": "Concat", "mslr": "MSLR", "ogm_ge": "OGM-GE", "lfm": "LFM"}
PUBLISHED = {"CREMA-D": PALETTE["sky"], SWEEP_DATA: PALETTE["yellow"], "UrbanSound8K-AV": "#C8C8C8"}
OURS, LOSSES = PALETTE["blue"], PALETTE["orange"]


def gains_figure(found: IEMFFindings) -> Figure:
    """Three panels: IEMF, ANN; IEMF, SNN; unimodal losses alone beside all of IEMF."""
    sets = [found.own] if found.own else list(found.printed)
    with style():
        figure, axes = new_figure(FULL, 5.2, 2, 2, sharey=True)
        _by_data(axes[0][0], found, METHODS, sets, "IEMF, ANN (Figure 2(a))")
        _by_data(axes[0][1], found, SPIKING, sets, "IEMF, SNN (Figure 2(b): its code never spikes)")
        _by_part(axes[1][0], found)
        axes[1][1].set_axis_off()
        axes[1][1].legend(handles=_legend(found, sets), loc="center left", fontsize=7.5, handlelength=2)
        for axis in axes.flat[:3]:
            axis.grid(axis="x", visible=False)
            axis.axhline(0, color="black", lw=0.8)
        set_title(figure, "Gain over the same method without IEMF", found.caption)
    return figure


def _by_data(axis: Any, found: IEMFFindings, methods: Mapping[str, str], sets: Sequence[str], title: str) -> None:
    """Published bars, one per data set, then ours."""
    ours = {one.method: one.gain for one in found.shares if one.method in methods}
    published = [gains(found.printed.get(name, {}), "-iemf", methods) for name in sets]
    places, count = np.arange(len(methods)), len(sets) + 1
    for index, values in enumerate(published):
        _bars(
            axis, places, index, count, [values.get(method) for method in methods], PUBLISHED[sets[index]], HATCHES[1]
        )
    _ours(axis, places, count - 1, count, [ours.get(method) for method in methods], OURS, "")
    _finish(axis, list(methods), title, not ours)


def _by_part(axis: Any, found: IEMFFindings) -> None:
    """Per method: unimodal losses alone and all of IEMF, published and ours."""
    printed = found.printed.get(SWEEP_DATA, {}) if found.own in (None, SWEEP_DATA) else {}
    ours = {one.method: one for one in found.shares if one.method in METHODS}
    places = np.arange(len(METHODS))
    for index, suffix in enumerate(("-joint", "-iemf")):
        values = gains(printed, suffix, METHODS)
        color = (LOSSES, PUBLISHED[SWEEP_DATA])[index]
        _bars(axis, places, index, 4, [values.get(method) for method in METHODS], color, HATCHES[1])
    for index, part in enumerate((lambda one: one.joint, lambda one: one.gain)):
        values = _parts(ours, part)
        _ours(axis, places, index + 2, 4, values, (LOSSES, OURS)[index], "")
    _finish(axis, list(METHODS), "Unimodal losses alone, and IEMF (Figure 2(c))", not ours)


def _parts(ours: Mapping[str, Share], part: Callable[[Share], Any]) -> list[PairedDifference | None]:
    return [part(ours[method]) if method in ours else None for method in METHODS]


def _bars(
    axis: Any, places: Any, index: int, count: int, values: Sequence[float | None], color: str, hatch: str
) -> None:
    width = 0.84 / count
    for place, value in zip(places, values, strict=True):
        if value is not None:
            axis.bar(place - 0.42 + (index + 0.5) * width, value, width, color=color, hatch=hatch, edgecolor="#444444",
                     linewidth=0.5)  # fmt: skip


def _ours(axis: Any, places: Any, index: int, count: int, values: Sequence[PairedDifference | None], color: str,
          hatch: str) -> None:  # fmt: skip
    """Bars with the 95 % interval over seeds."""
    _bars(axis, places, index, count, [None if value is None else value.mean for value in values], color, hatch)
    width = 0.84 / count
    for place, value in zip(places, values, strict=True):
        if value is not None and value.low is not None:
            middle = place - 0.42 + (index + 0.5) * width
            axis.plot([middle, middle], [value.low, value.high], color="black", lw=1.0, solid_capstyle="butt")


def _finish(axis: Any, methods: Sequence[str], title: str, alone: bool) -> None:
    axis.set_xticks(range(len(methods)), [SHORT[method.removeprefix("snn-")] for method in methods])
    axis.set_ylabel("gain in Top-1 (points)")
    axis.set_title(title + (", ours: not run" if alone else ""), fontsize=7.5)


def _legend(found: IEMFFindings, sets: Sequence[str]) -> list[Any]:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    edge = {"edgecolor": "#444444", "linewidth": 0.5}
    handles = [Patch(facecolor=PUBLISHED[name], hatch=HATCHES[1], label=f"published, {name}", **edge) for name in sets]
    if found.own in (None, SWEEP_DATA):
        handles.append(Patch(facecolor=LOSSES, hatch=HATCHES[1],
                             label=f"published, {SWEEP_DATA}, unimodal losses", **edge))  # fmt: skip
    return [
        *handles,
        Patch(facecolor=OURS, label="ours, IEMF", **edge),
        Patch(facecolor=LOSSES, label="ours, unimodal losses alone", **edge),
        Line2D([], [], color="black", lw=1.0, label="95 % interval over our seeds\n(published: one run, none)"),
    ]
