"""Figures of valued samples: contributions by epoch, how often each possible value occurs, the extremes themselves."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from mmlib.experiments.classification.figures import draw_samples, play
from mmlib.experiments.training_figures import say_data, show_in_notebooks
from mmlib.figures.looks import modality_look
from mmlib.figures.style import DASHES, FULL, MARKERS, SERIES, new_figure, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mmlib.experiments.valuation.valued import ValuedRun

__all__ = ["contributions_figure", "histogram_figure", "samples_figures", "show_in_notebooks", "sounds"]


def contributions_figure(found: ValuedRun) -> Figure:
    """Left: mean contribution of each modality by epoch. Right: share of right predictions from each subset."""
    epochs = found.epochs + 1
    means = np.array([[float(value) for value in one.means().values()] for one in found.valued])  # (E, n)
    with style():
        figure, (row,) = new_figure(FULL, 2.6, 1, 2)
        for place, name in enumerate(found.modalities):
            row[0].plot(epochs, means[:, place], **modality_look(name, place).line(ms=3, label=name))
        row[0].axhline(1, color="black", lw=0.8, ls=":")
        row[0].set(xlabel="epoch", ylabel="mean contribution φ", title="contributions")
        row[0].legend()
        subsets = found.shown.subsets
        shown = subsets if len(subsets) <= len(SERIES) else [s for s in subsets if len(s) in (1, len(found.modalities))]
        for place, subset in enumerate(shown):
            right = [100 * one.accuracies()[subset] for one in found.valued]
            row[1].plot(epochs, right, label=" + ".join(subset), **_look(place))
        row[1].set(xlabel="epoch", ylabel="right (%)", ylim=(0, 102), title="predictions from a subset")
        row[1].legend()
        for axis in row:
            _mark_warmup(axis, found)
            axis.xaxis.get_major_locator().set_params(integer=True)
        say_data(figure, found.run, "Mean contribution by epoch, and what a subset predicts right")
    return figure


def histogram_figure(found: ValuedRun) -> Figure:
    """Share of training samples at every possible value of a contribution, by modality, after the epoch looked at."""
    values, counts = found.shown.histogram()
    shares = 100 * counts / max(len(found.shown), 1)
    width = 0.84 / len(found.modalities)
    with style():
        figure, ((axis,),) = new_figure(FULL, 2.5)
        for place, name in enumerate(found.modalities):
            at = np.arange(len(values)) + (place - (len(found.modalities) - 1) / 2) * width
            axis.bar(at, shares[:, place], width, **modality_look(name, place).bar(label=name))
        axis.set_xticks(range(len(values)), [_fraction(value, found.shown.unit) for value in values])
        axis.set(xlabel="contribution φ", ylabel="training samples (%)", title=f"after epoch {found.epoch}")
        axis.grid(axis="x", visible=False)
        axis.legend()
        say_data(figure, found.run, f"How often each contribution occurs, after epoch {found.epoch}")
    return figure


def samples_figures(found: ValuedRun) -> list[Figure]:
    """The samples with the lowest and with the highest contribution of the modality looked at, as encoders see them."""
    figures = []
    for kind in ("lowest", "highest"):
        positions = getattr(found.extremes(), kind)
        titles = [f"{found.train.classes[found.train.targets[at]]}\n{_phi(found, at)}" for at in positions]
        figures.append(
            draw_samples(found.train, positions, titles, f"{kind} contribution of {found.modality}, {found.title}")
        )
    return figures


def sounds(found: ValuedRun) -> list[Any]:
    """Players of the same samples, lowest first; none where the voices are people's or there is no sound."""
    extremes = found.extremes()
    return play(found.train, np.concatenate([extremes.lowest, extremes.highest]))


def _phi(found: ValuedRun, position: int) -> str:
    """ "audio −1/2" and "visual 1/2", a line each."""
    units = found.shown.units[position].tolist()
    told = zip(found.modalities, units, strict=True)
    return "\n".join(f"{name} {_fraction(unit / found.shown.unit, found.shown.unit)}" for name, unit in told)


def _fraction(value: float, unit: int) -> str:
    return str(Fraction(value).limit_denominator(unit)).replace("-", "−")


def _look(place: int) -> dict[str, Any]:
    index = place % len(SERIES)
    return {"color": SERIES[index], "ls": DASHES[index], "marker": MARKERS[index], "ms": 3}


def _mark_warmup(axis: Any, found: ValuedRun) -> None:
    """A line where re-sampling begins."""
    given = found.parameters
    if given.resampling == "none":
        return
    axis.axvline(given.resampling_warmup + 0.5, color="#999999", lw=0.8, zorder=0)
    axis.annotate(
        "re-sampled", (given.resampling_warmup + 0.5, 0.02), xycoords=("data", "axes fraction"), xytext=(3, 0),
        textcoords="offset points", size=7,
    )  # fmt: skip
