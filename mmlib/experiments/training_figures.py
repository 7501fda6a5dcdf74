"""Figures of a training run that all tasks share, drawn from the files it left (`FinishedRun.history`, `.arrays`).

Each function returns a matplotlib Figure in the house style: told apart without colour, labelled with symbol and unit.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from mmlib.figures.captions import set_caption
from mmlib.figures.looks import modality_look
from mmlib.figures.steps import draw_steps
from mmlib.figures.style import DASHES, FULL, MARKERS, SERIES, empty, new_figure, png, style
from mmlib.fusion.modalities import in_order
from mmlib.metrics.family import metric

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mmlib.experiments.finished import FinishedRun

SPLITS = ("train", "validation", "test")


def training_figure(run: FinishedRun, *metrics: str) -> Figure:
    """These metrics of every split by epoch, a panel each; the lines mark the epochs that the protocols chose.

    Where a run has several stages, a dotted line stands between two.
    """
    epochs = [entry["epoch"] + 1 for entry in run.history]
    borders = [now["epoch"] + 0.5 for before, now in pairwise(run.history) if before.get("stage") != now.get("stage")]
    with style():
        figure, (row,) = new_figure(FULL, 2.5, 1, len(metrics))
        for axis, shown in zip(row, map(metric, metrics), strict=True):
            for index, split in enumerate(SPLITS):
                values = np.array([entry.get(f"{split}/{shown.name}") for entry in run.history], dtype=float)
                if not np.isfinite(values).any():
                    continue
                line = {"color": SERIES[index], "ls": DASHES[index], "marker": MARKERS[index]}
                axis.plot(epochs, shown.scale * values, label=split, markevery=max(1, len(epochs) // 8), **line)
            for protocol, height in (("paper", 1.0), ("clean", 0.9)):
                chosen = run.selection[protocol].epoch if protocol in run.selection else None
                if chosen is not None:
                    axis.axvline(chosen + 1, color="#999999", lw=0.8, zorder=0)
                    where = {"xy": (chosen + 1, height), "xycoords": ("data", "axes fraction")}
                    axis.annotate(
                        protocol, **where, xytext=(-3, -2), textcoords="offset points", ha="right", va="top", size=7
                    )
            for border in borders:
                axis.axvline(border, color="black", lw=0.8, ls=":", zorder=0)
            axis.set(xlabel="epoch", ylabel=f"{shown.axis}\n{shown.arrow}")
            axis.xaxis.get_major_locator().set_params(integer=True)
        row[0].legend(loc="best")
        say_data(figure, run, "Training: grey lines mark the epochs that the protocols chose")
    return figure


def modulation_figure(run: FinishedRun) -> Figure:
    """Discrepancy ratios and coefficients, at every step (light) and averaged over each epoch (dark).

    Of two modalities both ratios, decoupled and from ζ; of more, each modality's score over the mean of the others'.
    """
    arrays, epochs = run.arrays, run.arrays["epoch"]
    box = {"loc": "best", "frameon": True, "framealpha": 0.85, "edgecolor": "none"}
    if "rho_decoupled" in arrays:
        ratios = {"rho_decoupled": "decoupled (OGM-GE)", "rho_zeta": "decoupling-free (from ζ)"}
        meaning = " (visual / audio)"
    else:
        ratios = {name: name.removeprefix("rho_") for name in arrays if name.startswith("rho_")}
        meaning = "\n(modality / mean of the others)"
    groups = in_order(name.removeprefix("k_") for name in arrays if name.startswith("k_"))
    looks = [modality_look(group, place) for place, group in enumerate(groups)]
    with style():
        figure, ((left, right),) = new_figure(FULL, 2.6, 1, 2)
        for index, (name, label) in enumerate(ratios.items()):
            draw_steps(left, epochs, arrays[name], SERIES[index], label, ls=DASHES[index])
        if ratios:
            left.axhline(1, color="black", lw=0.8, ls=":")
            left.set(xlabel="epoch", ylabel=f"discrepancy ratio ρ{meaning}", yscale="log")
            left.yaxis.set_major_formatter("{x:g}")
            left.yaxis.set_minor_formatter("{x:g}")
            left.legend(**box)
        else:
            empty(left, "one modality alone: there is no ratio")
        for index, group in enumerate(groups):
            draw_steps(right, epochs, arrays[f"k_{group}"], looks[index].color, group, ls=looks[index].dash)
        highest = max([1.0, *(float(np.nanmax(arrays[f"k_{group}"])) for group in groups)])  # MSLR and IEMF pass 1
        right.set(xlabel="epoch", ylabel="gradient coefficient k", ylim=(-0.02, 1.05 * highest))
        right.legend(**box)
        say_data(figure, run, "Ratios and coefficients: each step light, means of epochs dark")
    return figure


def zeta_figure(run: FinishedRun, protocol: str = "last") -> Figure:
    """ζ on the test split (all samples and channels; by channel), and r of Eq. 6 at every training step."""
    arrays = run.arrays
    counts = arrays.get(f"{protocol}_zeta_histogram")
    with style():
        if counts is None:
            figure, ((axis,),) = new_figure(FULL, 0.5, 1, 1)
            empty(axis, "this fusion has no ζ: set simam2 = True (and zeta = 'learned'), or fusion = 'weighted_sum'")
            return figure
        figure, (row,) = new_figure(FULL, 2.4, 1, 3)
        edges = np.linspace(0, 1, len(counts) + 1)
        row[0].stairs(counts / counts.sum() * len(counts), edges, fill=True, color=SERIES[1], ec=SERIES[0])
        row[0].axvline(0.5, color="black", lw=0.8, ls=":")
        row[0].set(xlabel="ζ (test split)", ylabel="density", xlim=(0, 1))
        means, spreads = arrays[f"{protocol}_zeta_mean"], np.sqrt(arrays[f"{protocol}_zeta_variance"])
        order = np.argsort(means)
        row[1].errorbar(np.arange(len(means)), means[order], spreads[order], fmt="o", ms=3, lw=0.8, color=SERIES[0])
        row[1].axhline(0.5, color="black", lw=0.8, ls=":")
        row[1].set(xlabel="channel, sorted", ylabel="ζ: mean ± s.d. over samples", ylim=(0, 1))
        draw_steps(row[2], arrays["epoch"], arrays["r"], SERIES[0], "r", ls="-")
        row[2].axhline(math.tanh(1), color="black", lw=0.8, ls=":")
        row[2].annotate("tanh 1: constant ζ", (1, math.tanh(1)), xycoords=("axes fraction", "data"),
                        xytext=(0, 3), textcoords="offset points", ha="right", size=7)  # fmt: skip
        row[2].set(xlabel="epoch", ylabel="correlation measure r", ylim=(0, 1.02))
        say_data(figure, run, "ζ on the test split, and r of Eq. 6 at every step")
    return figure


def say_data(figure: Figure, run: FinishedRun, what: str, more: str = "") -> None:
    """Caption a figure: what it shows, the data and the seed. A figure that is passed on alone must still say so."""
    origin = {"generated": " (generated)", "stand-in": " (generated stand-in)"}.get(run.data_origin or "", "")
    set_caption(figure, what, "; ".join(filter(None, (f"{run.parameters['dataset']}{origin}, seed {run.seed}", more))))


def show_in_notebooks() -> None:
    """Let the notebook draw Figures made without pyplot, as PNG, and tables without cutting texts.

    Outside a notebook nothing happens.
    """
    import pandas as pd
    from IPython.core.getipython import get_ipython
    from matplotlib.figure import Figure

    if (shell := get_ipython()) is not None:
        shell.display_formatter.formatters["image/png"].for_type(Figure, png)
        pd.set_option("display.max_colwidth", None)
