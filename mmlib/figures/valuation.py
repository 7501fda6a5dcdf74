"""Re-sampling by contributions: what it gains beside the printed differences, and contributions by epoch.

The paper's figure draws differences to joint training, of one run each, without an interval. Here every difference is
paired over seeds with its 95 % interval; what the paper prints stands beside it as a mark, for its own data only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mmlib.analysis.valuation import ALONE, MethodRuns, ValuationFindings
from mmlib.figures.captions import set_caption
from mmlib.figures.intervals import draw_interval, ends_of, shown_range
from mmlib.figures.looks import METHODS, modality_look
from mmlib.figures.style import FULL, new_figure, style
from mmlib.metrics.family import metric

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LOOKS = {
    "joint": METHODS["plain"],
    "joint_longer": METHODS["longer"],
    "ogm_ge": METHODS["ogm_ge"],
    "modality": METHODS["modality_level"],
    "sample": METHODS["sample_level"],
}
PRINTED = {"Kinetics-Sounds": ("D", "#555555"), "MM-Debiased": ("X", "#999999")}
"""Mark and colour of the printed differences, by data set."""


def gains_figure(found: ValuationFindings) -> Figure:
    """Difference to joint training: of the accuracy, with the printed ones, and of each modality with the others at
    zero.
    """
    from matplotlib.lines import Line2D

    panels = ["top1", *(ALONE + name for name in found.alone)]
    methods = found.compared
    with style():
        figure, (row,) = new_figure(FULL, 1.5 + 0.42 * len(methods), 1, len(panels), sharey=True)
        for place, (axis, name) in enumerate(zip(row, panels, strict=True)):
            gains = [found.gain(one, name) for one in methods]
            marks = [one for one in found.published if one.method in {m.method for m in methods}] if not place else []
            values = [0.0, *(gain.mean for gain in gains if gain), *(one.value for one in marks)]
            limits = shown_range(values, ends=ends_of(gains))
            for line, gain in enumerate(gains):
                if gain is None:
                    continue
                look = LOOKS[methods[line].method]
                if gain.low is not None:
                    draw_interval(axis, line, gain.low, gain.high, limits, along="x", color=look.color, lw=1.3)
                axis.plot(gain.mean, line, look.marker, color=look.color, ms=5, mec="black", mew=0.5, zorder=4)
            for one in marks:
                line = next(line for line, method in enumerate(methods) if method.method == one.method)
                mark, color = PRINTED.get(one.data, ("P", "#777777"))
                axis.plot(one.value, line + 0.25, mark, color=color, ms=4.5, mec="black", mew=0.4, zorder=3)
            axis.axvline(0, color="black", lw=0.8)
            known = metric(name)
            axis.set(xlim=limits, xlabel=f"{known.title} (points)\n{known.arrow}")
        row[0].set_yticks(range(len(methods)), [one.name for one in methods])
        row[0].set_ylim(len(methods) - 0.4, -0.6)
        handles = [Line2D([], [], color="#333333", marker="o", ms=5, mec="black", label="ours, 95 % interval")]
        for data in dict.fromkeys(one.data for one in found.published):
            mark, color = PRINTED.get(data, ("P", "#777777"))
            handles.append(
                Line2D([], [], ls="", marker=mark, color=color, mec="black", mew=0.4, label=f"printed, {data}")
            )
        figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
        said = f"{found.caption}; epochs chosen on validation, paired over seeds"
        set_caption(figure, "Gain over joint training", said)
    return figure


def contributions_figure(found: ValuationFindings) -> Figure:
    """Mean contribution of each modality to the training samples, by epoch, and below the size of the list; a column
    for each method.
    """
    methods = found.traced
    with style():
        figure, axes = new_figure(
            FULL, 3.6, 2, len(methods), sharex=True, sharey="row", gridspec_kw={"height_ratios": [2, 1]}
        )
        for column, one in enumerate(methods):
            _draw_means(axes[0, column], one)
            _draw_sizes(axes[1, column], one)
            axes[0, column].set_title(one.name)
            axes[1, column].set_xlabel("epoch")
        axes[0, 0].set_ylabel("mean contribution φ")
        axes[1, 0].set_ylabel("list / samples")
        axes[1, 0].set_ylim(0, max(1.2, axes[1, 0].get_ylim()[1]))  # all methods' axis: they share it
        handles, labels = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=len(handles))
        set_caption(
            figure,
            "Contributions to training samples, by epoch",
            f"{found.caption}; mean and range over seeds; 1 is a modality that cooperates as it should",
        )
    return figure


def _draw_means(axis: Any, one: MethodRuns) -> None:
    """Epochs that every seed valued."""
    epochs = sorted(set.intersection(*(set(epochs.tolist()) for epochs, _, _ in one.means.values())))
    for place, name in enumerate(one.names):
        values = np.array(
            [
                [means[epochs_of.tolist().index(epoch), place] for epoch in epochs]
                for epochs_of, means, _ in one.means.values()
            ]
        )  # (seeds, epochs)
        look = modality_look(name, place)
        shown = np.array(epochs) + 1
        axis.fill_between(shown, values.min(axis=0), values.max(axis=0), color=look.color, alpha=0.2, lw=0)
        axis.plot(shown, values.mean(axis=0), **look.line(ms=3, label=name))
    axis.axhline(1, color="black", lw=0.8, ls=":")


def _draw_sizes(axis: Any, one: MethodRuns) -> None:
    sizes = np.array([trained / trained[0] for _, _, trained in one.means.values()])  # (seeds, epochs)
    epochs = np.arange(1, sizes.shape[1] + 1)
    axis.fill_between(epochs, sizes.min(axis=0), sizes.max(axis=0), step="mid", color="#777777", alpha=0.3, lw=0)
    axis.plot(epochs, sizes.mean(axis=0), color="black", drawstyle="steps-mid")


def auc_figure(found: ValuationFindings) -> Figure:
    """How well contributions to test samples of the last epoch find the modality that says nothing, seed by seed."""
    methods = found.judged
    with style():
        figure, ((axis,),) = new_figure(FULL, 1.0 + 0.35 * len(methods))
        for line, one in enumerate(methods):
            summary, look = one.auc, LOOKS[one.method]
            if summary.low is not None:
                draw_interval(axis, line, summary.low, summary.high, (40.0, 102.0), along="x", color=look.color, lw=1.3)
            axis.plot(summary.mean, line, look.marker, color=look.color, ms=5, mec="black", mew=0.5, zorder=4)
            values = list(one.last_auc.values())
            axis.plot(values, [line + 0.2] * len(values), "o", ms=2.6, mfc="white", mec="black", mew=0.6)
        axis.axvline(50, color="black", lw=0.8, ls=":")
        axis.set_yticks(range(len(methods)), [one.name for one in methods])
        axis.set(xlim=(40, 102), ylim=(len(methods) - 0.4, -0.6), xlabel=metric("contribution_auc").axis)
        set_caption(
            figure,
            "The modality that says nothing, found by contributions",
            f"{found.caption}; test samples, last epoch; dots: seeds; dotted: chance",
        )
    return figure
