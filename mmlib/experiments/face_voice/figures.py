"""Figures of one run of face-voice association, drawn from the files it left.

Each function returns a matplotlib Figure in the house style: told apart without colour, labelled with symbol and unit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mmlib.figures.captions import set_caption
from mmlib.figures.steps import draw_steps
from mmlib.figures.style import DASHES, FULL, MARKERS, SERIES, empty, new_figure, style
from mmlib.metrics.family import metric

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mmlib.experiments.finished import FinishedRun

LISTS = {"validation": "validation", "seen_heard": "seen-heard", "unseen_unheard": "unseen-unheard"}
SHAPES = {"face": "o", "voice": "^"}
FARTHEST = 2.0  # squared distance of two vectors of length 1 without a negative component
TICKS = (0.01, 0.05, 0.2, 0.4, 0.6, 0.8, 0.95)


def _say(figure: Figure, run: FinishedRun, text: str) -> None:
    """Caption a figure: what it shows, method, data and seed."""
    name = run.parameters["dataset"]
    method = f"FOP + SimAM² (gate {run.parameters['simam2_gate']})" if run.parameters["simam2"] else "FOP"
    method += ", linear fusion" if run.parameters["fusion"] == "linear" else ""
    set_caption(figure, text, f"{method}, {name}, seed {run.seed}")


def curves_figure(run: FinishedRun) -> Figure:
    """ROC, and the detection error trade-off on normal-deviate axes; the dot is the equal error rate."""
    from scipy.special import ndtri  # the normal deviate of a probability

    with style():
        figure, ((left, right),) = new_figure(FULL, 3.1, 1, 2)
        for index, (name, label) in enumerate(LISTS.items()):
            if f"{name}_fpr" not in run.arrays:
                continue
            fpr, tpr = run.arrays[f"{name}_fpr"], run.arrays[f"{name}_tpr"]
            line = {"color": SERIES[index], "ls": DASHES[index]}
            left.plot(100 * fpr, 100 * tpr, label=label, **line)
            inside = (fpr > 0) & (fpr < 1) & (tpr > 0) & (tpr < 1)
            right.plot(ndtri(fpr[inside]), ndtri(1 - tpr[inside]), **line)
            place = int(np.argmin(np.abs(1 - tpr - fpr)))
            left.plot(100 * fpr[place], 100 * tpr[place], "o", color=SERIES[index], ms=5)
            right.plot(ndtri(fpr[place]), ndtri(1 - tpr[place]), "o", color=SERIES[index], ms=5)
        left.plot([0, 50], [100, 50], color="#888888", lw=0.7, ls=":")  # clear of the legend
        left.set(xlabel="false positive rate (%)", ylabel="true positive rate (%)", aspect="equal")
        left.legend(loc="lower right")
        ticks, labels = ndtri(TICKS), [f"{100 * tick:g}" for tick in TICKS]
        right.set(xlabel="false positive rate (%)", ylabel="false negative rate (%)", aspect="equal")
        right.set_xticks(ticks, labels)
        right.set_yticks(ticks, labels)
        margin = 0.15  # of a standard deviation
        right.set(xlim=(ticks[0] - margin, ticks[-1] + margin), ylim=(ticks[0] - margin, ticks[-1] + margin))
        right.plot(ticks[[0, -1]], ticks[[0, -1]], color="#888888", lw=0.7, ls=":")
        _say(figure, run, "ROC and DET curve of the random lists")
    return figure


def scores_figure(run: FinishedRun) -> Figure:
    """Distances of pairs of one identity and of two, by list."""
    names = [name for name in LISTS if f"{name}_distance" in run.arrays]
    with style():
        figure, axes = new_figure(FULL, 2.4, 1, max(1, len(names)), sharey=True)
        for axis, name in zip(axes[0], names, strict=False):
            distance, same = run.arrays[f"{name}_distance"], run.arrays[f"{name}_same"]
            distance = distance.clip(max=FARTHEST)  # rounding may go beyond
            bins = np.linspace(0, FARTHEST, 41)
            shown = [(same, "same person", True), (~same, "other person", False)]
            for index, (chosen, label, filled) in enumerate(shown):
                kind = {"histtype": "stepfilled", "alpha": 0.45} if filled else {"histtype": "step", "lw": 1.4}
                axis.hist(distance[chosen], bins, density=True, color=SERIES[index], label=label, **kind)
            axis.set_title(f"{LISTS[name]}, {len(same):,} pairs")
            axis.set(xlabel="squared distance of face and voice", xlim=(0, FARTHEST))
        axes[0][0].set_ylabel("density")
        if names:
            figure.legend(*axes[0][0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
        _say(figure, run, "Verification scores")
    return figure


def training_figure(run: FinishedRun) -> Figure:
    """EER of every list by epoch, and the loss; lines mark the epochs that the protocols chose."""
    epochs = [entry["epoch"] + 1 for entry in run.history]
    eer, loss = metric("eer"), metric("loss")
    with style():
        figure, ((left, right),) = new_figure(FULL, 2.6, 1, 2)
        for index, (name, label) in enumerate(LISTS.items()):
            values = [entry.get(f"{name}/eer") for entry in run.history]
            if values and values[0] is not None:
                line = {"color": SERIES[index], "ls": DASHES[index], "marker": MARKERS[index]}
                left.plot(epochs, eer.scale * np.array(values), label=label, markevery=max(1, len(epochs) // 8), **line)
        left.set(xlabel="epoch", ylabel=f"{eer.axis}\n{eer.arrow}")
        right.plot(epochs, [entry["train/loss"] for entry in run.history], color=SERIES[0])
        right.set(xlabel="epoch", ylabel=f"training {loss.axis}\n{loss.arrow}")
        for axis in (left, right):
            axis.xaxis.get_major_locator().set_params(integer=True)
        for index, (protocol, chosen) in enumerate(run.selection.items()):
            if chosen.epoch is not None and protocol != "last":
                label = {"clean": "chosen on validation", "paper": "chosen on test"}[protocol]
                left.axvline(chosen.epoch + 1, color="#555555", lw=0.9, ls=("-", ":")[index % 2], label=label)
        left.legend()
        _say(figure, run, "Training")
    return figure


def gate_figure(run: FinishedRun) -> Figure:
    """Mean and spread of ζ over the batch, and r, at every step: does the gate still tell samples apart?"""
    arrays = run.arrays
    with style():
        figure, axes = new_figure(FULL, 2.3, 1, 3)
        shown = [("zeta_mean", "mean ζ"), ("zeta_sd", "spread of ζ over the batch"), ("r", "r (Eq. 6)")]
        for index, (axis, (name, label)) in enumerate(zip(axes[0], shown, strict=True)):
            values = arrays.get(name)
            axis.set_title(label)
            axis.set_xlabel("epoch")
            if values is None or not np.isfinite(values).any():
                empty(axis, "no SimAM² here" if name == "r" else "no gate here")
                continue
            draw_steps(axis, arrays["epoch"], values, SERIES[index], marker="o", ms=3)
        _say(figure, run, "The gate ζ while training")
    return figure


def matching_figure(run: FinishedRun) -> Figure:
    """Accuracy of 1:N matching (a voice among N faces of unseen people) against chance."""
    protocol = "clean" if run.selection["clean"].epoch is not None else "paper"
    found = {n: run.metrics.get(f"{protocol}/matching_{n}") for n in range(2, 11)}
    shown = metric("matching_10")
    found = {n: shown.scale * value for n, value in found.items() if value is not None}
    with style():
        figure, ((axis,),) = new_figure(FULL * 0.6, 2.6, 1, 1)
        if not found:
            empty(axis, "these data have no matching trials")
            return figure
        axis.plot(list(found), list(found.values()), color=SERIES[0], marker="o", label="this run")
        axis.plot(list(found), [100 / n for n in found], color="#777777", ls=":", label="chance")
        axis.set(
            xlabel="faces to choose from, N",
            ylabel=f"right face found ({shown.unit.symbol})\n{shown.arrow}",
            ylim=(0, 100),
        )
        axis.legend()
        _say(figure, run, "1:N matching")
    return figure


def projection_figure(run: FinishedRun) -> Figure:
    """Embeddings of some unseen people on their two first principal components; a line joins a person's two middles."""
    arrays = run.arrays
    with style():
        figure, ((axis,),) = new_figure(FULL * 0.7, 3.7, 1, 1)
        if "embedding_face" not in arrays:
            empty(axis, "no unseen people here")
            return figure
        who = arrays["embedding_identity"]
        people = np.unique(who)[: len(SERIES)]  # no colour twice
        parts = {name: arrays[f"embedding_{name}"] for name in ("face", "voice")}
        together = np.concatenate(list(parts.values()))
        _, spread, axes = np.linalg.svd(together - together.mean(0), full_matrices=False)
        share = 100 * spread[:2] ** 2 / (spread**2).sum()
        places = {name: (values - together.mean(0)) @ axes[:2].T for name, values in parts.items()}
        for number, color in zip(people, SERIES, strict=False):
            _person(axis, number, color, {name: values[who == number] for name, values in places.items()})
        for name, marker in SHAPES.items():
            axis.scatter([], [], c="#444444", marker=marker, s=13, label=name)
        axis.set(xlabel=f"component 1 ({share[0]:.0f} % of variance)", ylabel=f"component 2 ({share[1]:.0f} %)")
        figure.legend(loc="outside lower center", ncols=2)
        _say(figure, run, f"Embeddings of {len(people)} unseen people")
    return figure


def _person(axis: Any, number: int, color: str, places: dict[str, np.ndarray]) -> None:
    """Faces and voices small and light, their middles large, joined, and numbered at the face."""
    middles = np.array([values.mean(0) for values in places.values()])
    axis.plot(*middles.T, color=color, lw=1.4, zorder=3)
    for (name, values), middle in zip(places.items(), middles, strict=True):
        axis.scatter(*values.T, c=color, marker=SHAPES[name], s=9, alpha=0.3, lw=0)
        axis.scatter(*middle, c=color, marker=SHAPES[name], s=75, ec="white", lw=0.8, zorder=4)
    axis.annotate(
        str(number + 1), middles[0], fontsize=7, color="white", ha="center", va="center", fontweight="bold", zorder=5
    )
