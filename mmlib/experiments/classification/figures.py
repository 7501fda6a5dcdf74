"""Figures of one classification run, drawn from the files it left; samples of its data are drawn in `samples`.

Each function returns a matplotlib Figure in the house style: told apart without colour, labelled with symbol and unit.
Traces of ratios, coefficients and ζ are the same for every task (`mmlib.experiments.training_figures`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mmlib.experiments import training_figures
from mmlib.experiments.classification.samples import SHOWS_PEOPLE, draw_samples, play, samples_figure, sounds
from mmlib.experiments.training_figures import modulation_figure, say_data, show_in_notebooks, zeta_figure
from mmlib.figures import spiking
from mmlib.figures.style import new_figure, style
from mmlib.fusion.modalities import in_order

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mmlib.experiments.finished import FinishedRun

__all__ = [
    "SHOWS_PEOPLE",
    "confusion_figure",
    "draw_samples",
    "modulation_figure",
    "play",
    "samples_figure",
    "show_in_notebooks",
    "sounds",
    "spiking_figures",
    "training_figure",
    "zeta_figure",
]


def training_figure(run: FinishedRun) -> Figure:
    """Loss and top-1 of every split by epoch; the lines mark the epochs that the protocols chose."""
    return training_figures.training_figure(run, "loss", "top1")


def spiking_figures(run: FinishedRun, protocol: str = "clean") -> list[Figure]:
    """Firing rates and operations of our SNN on the test split, at the epoch a protocol chose; none of an ANN."""
    modalities = in_order(name.removeprefix("neurons_") for name in run.arrays if name.startswith("neurons_"))
    if not modalities:
        return []
    protocol = protocol if f"{protocol}_firing_rate_{modalities[0]}" in run.arrays else "paper"
    figure = spiking.spiking_figure(run.arrays, modalities, protocol)
    say_data(figure, run, "Our SNN: firing rates and operations")
    return [figure]


def confusion_figure(run: FinishedRun, classes: list[str], protocol: str = "clean") -> Figure:
    """Confusion matrix of the test split at the epoch a protocol chose; rows are labels, in percent of each row."""
    protocol = protocol if f"{protocol}_confusion" in run.arrays else "paper"
    counts = run.arrays[f"{protocol}_confusion"]
    shares = 100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    few = len(classes) <= 12
    size = 3.6 if few else 5.6
    with style():
        figure, ((axis,),) = new_figure(size + 0.5, size, 1, 1)
        axis.grid(False)
        image = axis.imshow(shares, cmap="Blues", vmin=0, vmax=100)
        if few:
            for (label, prediction), share in np.ndenumerate(shares):
                color = "white" if share > 55 else "black"
                look = {"ha": "center", "va": "center", "color": color, "size": 7}
                axis.text(prediction, label, f"{share:.0f}", in_layout=False, **look)  # it lies in its field
            axis.set_xticks(range(len(classes)), classes, rotation=45, ha="right")
            axis.set_yticks(range(len(classes)), classes)
        axis.set(xlabel="predicted", ylabel="label")
        figure.colorbar(image, ax=axis, label="share of the label's samples (%)", shrink=0.85)
        say_data(figure, run, f"Confusion of the test split, epoch chosen by '{protocol}'")
    return figure
