"""MIM's gates: how much more often they keep signal steps than noise steps, by row and modality."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmlib.analysis.mim import GAP, PROTOCOLS, MimFindings
from mmlib.figures.captions import set_caption
from mmlib.figures.intervals import Limits, draw_interval, ends_of, shown_range
from mmlib.figures.style import FULL, MARKERS, SERIES, new_figure, style
from mmlib.metrics.family import metric

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def gaps_figure(found: MimFindings) -> Figure:
    """A panel for each modality, a line for each row: mean and 95 % interval at the chosen and at the last epoch, every
    seed below.
    """
    from matplotlib.lines import Line2D

    rows, names = found.gapped, found.noisy
    with style():
        figure, (panels,) = new_figure(FULL, 1.4 + 0.5 * len(rows), 1, len(names), sharey=True, sharex=True)
        limits = _limits(found)
        for axis, name in zip(panels, names, strict=True):
            for place, one in enumerate(rows):
                for number, protocol in enumerate(PROTOCOLS):
                    gap, line = one.summary(GAP + name, protocol), place + 0.36 * number
                    if gap is None:
                        continue
                    if gap.low is not None:
                        draw_interval(axis, line, gap.low, gap.high, limits, along="x", color=SERIES[number], lw=1.3)
                    look = {"color": SERIES[number], "ms": 5, "mec": "black", "mew": 0.5, "zorder": 4}
                    axis.plot(gap.mean, line, MARKERS[number], **look)
                    values = list(one.seeds_of(GAP + name, protocol).values())
                    axis.plot(values, [line + 0.16] * len(values), "o", ms=2.4, mfc="white", mec="black", mew=0.5)
            axis.axvline(0, color="black", lw=0.8)
            known = metric(GAP + name)
            axis.set(xlim=limits, title=name, xlabel=f"signal − noise steps kept\n({known.unit.symbol}) {known.arrow}")
        panels[0].set_yticks([place + 0.18 for place in range(len(rows))], [one.name for one in rows])
        panels[0].set_ylim(len(rows) - 0.3, -0.4)
        handles = [
            Line2D([], [], color=SERIES[number], marker=MARKERS[number], ms=5, mec="black", label=words)
            for number, words in enumerate(PROTOCOLS.values())
        ]
        handles.append(Line2D([], [], ls="", marker="o", ms=2.4, mfc="white", mec="black", mew=0.5, label="seeds"))
        figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
        set_caption(figure, "Do gates close on noise steps?", f"{found.caption}; test samples, mean and 95 % interval")
    return figure


def _limits(found: MimFindings) -> Limits:
    """Of all panels: they share their axis."""
    of = [(one, GAP + name, protocol) for one in found.gapped for name in found.noisy for protocol in PROTOCOLS]
    seeds = [value for one, key, protocol in of for value in one.seeds_of(key, protocol).values()]
    every = [one.summary(key, protocol) for one, key, protocol in of]
    return shown_range([0.0, *seeds], -100.0, 100.0, ends=ends_of(every))
