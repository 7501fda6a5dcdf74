"""Figures of one classification run, drawn from the files it left, and samples of its data.

Each function returns a matplotlib Figure in the house style: told apart without colour, labelled with symbol and unit.
Traces of ratios, coefficients and ζ are the same for every task (`mmlib.experiments.training_figures`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mmlib.experiments import training_figures
from mmlib.experiments.training_figures import modulation_figure, say_data, show_in_notebooks, zeta_figure
from mmlib.figures import spiking
from mmlib.figures.style import FULL, SERIES, empty, new_figure, style
from mmlib.fusion.modalities import in_order

if TYPE_CHECKING:
    from IPython.display import Audio
    from matplotlib.figure import Figure

    from mmlib.data.dataset import MultimodalDataset
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
SHOWS_PEOPLE = {
    "grid_words",
    "rgb_flow",
    "cremad",
    "vggsound",
    "kinetics_sounds",
    "mm_debiased",
    "urbansound8k_av",
    "ucf101",
    "folder",
}
"""Data sets whose frames and voices are people's: notebooks show their features only."""


def samples_figure(dataset: MultimodalDataset, count: int = 4) -> Figure:
    """The first `count` samples, a row for each modality, as the encoders see them; frames of people are left out."""
    positions = np.arange(min(count, len(dataset)))
    titles = [dataset.classes[int(label)] for label in dataset.targets[positions]]
    return draw_samples(dataset, positions, titles, "samples of the test split")


def draw_samples(dataset: MultimodalDataset, positions: np.ndarray, titles: list[str], what: str) -> Figure:
    """The samples at these positions, a column with a title for each, a row for each modality; `what` they are."""
    batch, count = dataset[positions], len(positions)
    faces = dataset.prepared.dataset in SHOWS_PEOPLE
    modalities = in_order(batch.inputs)
    with style():
        figure, axes = new_figure(FULL, 1.7 * len(modalities), len(modalities), count)
        for axis in axes.flat:
            axis.grid(False)
        for column in range(len(batch)):
            for axis, modality in zip(axes[:, column], modalities, strict=True):
                name, unit = _draw_input(axis, batch.inputs[modality][column].numpy(), faces)
                if column == 0:
                    axis.set_ylabel(name if {*modalities} == {"visual", "audio"} else f"{modality}\n{name}")
                axis.set_xlabel(unit)
            axes[0, column].set_title(titles[column])
        figure.suptitle(f"{dataset.prepared.dataset}: {what}, as the encoders see them", fontsize=8.5)
    return figure


def _draw_input(axis: Any, values: np.ndarray, faces: bool) -> tuple[str, str]:
    """One modality of one sample; returns what goes up and what goes across, by the shape that an encoder takes.

    Frames (C, T, H, W), a spectrogram (1, F, T), a sequence (T, F), a vector (F,) or token ids (L,).
    """
    shown = {"aspect": "auto", "cmap": "cividis", "interpolation": "nearest"}
    if values.ndim == 4:
        if faces:
            empty(axis, "frames show people:\nnot drawn")
        else:
            frame = values[:, 0].transpose(1, 2, 0)  # (H, W, C)
            frame = np.linalg.norm(frame, axis=2) if frame.shape[2] == 2 else frame  # flow: how far, not where to
            frame = (frame - frame.min()) / (np.ptp(frame) + 1e-9)
            axis.imshow(frame.squeeze(), cmap="gray", interpolation="nearest")
            axis.set(xticks=[], yticks=[])
        return "first frame", ""
    if values.ndim == 3:
        axis.imshow(values[0], origin="lower", **shown)
        return "frequency (bins)", "time (frames)"
    if values.ndim == 2:
        axis.imshow(values.T, origin="lower", **shown)
        return "channel", "time (steps)"
    axis.bar(np.arange(len(values)), values, color=SERIES[0])
    axis.xaxis.get_major_locator().set_params(integer=True)
    return ("token id (0: padding)", "place") if values.dtype.kind in "iu" else ("value", "feature")


def sounds(dataset: MultimodalDataset, count: int = 3, seconds: float = 3.0) -> list[Audio]:
    """Players of the first samples' sound, at most `seconds` each; none where the voices are people's or there is no
    sound.
    """
    return play(dataset, np.arange(min(count, len(dataset))), seconds)


def play(dataset: MultimodalDataset, positions: np.ndarray, seconds: float = 3.0) -> list[Audio]:
    """Players of the samples at these positions, as `sounds`."""
    from IPython.display import Audio

    view = dataset.views.get("audio")
    if dataset.prepared.dataset in SHOWS_PEOPLE or not hasattr(view, "waveform"):
        return []
    rate = view.sample_rate
    waves = view.waveform(dataset.rows[positions]).numpy()[:, : int(seconds * rate)]
    return [Audio((wave * 32767 / (np.abs(wave).max() + 1e-9)).astype(np.int16), rate=rate) for wave in waves]


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
    say_data(figure, run)
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
                axis.text(prediction, label, f"{share:.0f}", ha="center", va="center", color=color, size=7)
            axis.set_xticks(range(len(classes)), classes, rotation=45, ha="right")
            axis.set_yticks(range(len(classes)), classes)
        axis.set(xlabel="predicted", ylabel="label", title=f"test split, epoch chosen by '{protocol}'")
        figure.colorbar(image, ax=axis, label="share of the label's samples (%)", shrink=0.85)
        say_data(figure, run)
    return figure
