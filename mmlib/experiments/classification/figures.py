"""Figures of one run, drawn from the files it left (`FinishedRun.history`, `.arrays`), and samples of its data.

Each function returns a matplotlib Figure in the house style: told apart without colour, labelled with symbol and unit.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from mmlib.figures.style import DASHES, FULL, MARKERS, SERIES, empty, new_figure, png, style
from mmlib.metrics.family import metric

if TYPE_CHECKING:
    from IPython.display import Audio
    from matplotlib.figure import Figure

    from mmlib.data.dataset import MultimodalDataset
    from mmlib.experiments.finished import FinishedRun

SHOWS_PEOPLE = {"grid_words", "cremad", "vggsound", "kinetics_sounds", "urbansound8k_av", "folder"}
"""Data sets whose frames and voices are people's: notebooks show their features only."""
SPLITS = ("train", "validation", "test")


def samples_figure(dataset: MultimodalDataset, count: int = 4) -> Figure:
    """First frame and log spectrogram of the first `count` samples; frames of people are left out."""
    batch = dataset[np.arange(min(count, len(dataset)))]
    faces = dataset.prepared.dataset in SHOWS_PEOPLE
    with style():
        figure, axes = new_figure(FULL, 3.4, 2, count)
        for axis in axes.flat:
            axis.grid(False)
        for column in range(len(batch)):
            above, below = axes[:, column]
            above.set_title(dataset.classes[int(batch.targets[column])])
            if faces:
                empty(above, "frames show people:\nnot drawn")
            else:
                frame = batch.inputs["visual"][column, :, 0].permute(1, 2, 0).numpy()  # (H, W, C)
                frame = (frame - frame.min()) / (np.ptp(frame) + 1e-9)
                above.imshow(frame.squeeze(), cmap="gray", interpolation="nearest")
                above.set(xticks=[], yticks=[])
            sound = batch.inputs["audio"][column, 0].numpy()  # (F, T)
            below.imshow(sound, origin="lower", aspect="auto", cmap="cividis", interpolation="nearest")
            below.set_xlabel("time (frames)")
        axes[0, 0].set_ylabel("first frame")
        axes[1, 0].set_ylabel("frequency (bins)")
        figure.suptitle(
            f"{dataset.prepared.dataset}: samples of the test split, as the encoders see them", fontsize=8.5
        )
    return figure


def sounds(dataset: MultimodalDataset, count: int = 3, seconds: float = 3.0) -> list[Audio]:
    """Players of the first samples' sound, at most `seconds` each; none where the voices are people's."""
    from IPython.display import Audio

    if dataset.prepared.dataset in SHOWS_PEOPLE:
        return []
    view = dataset.views["audio"]
    rate = view.sample_rate
    waves = view.waveform(dataset.rows[: min(count, len(dataset))]).numpy()[:, : int(seconds * rate)]
    return [Audio((wave * 32767 / (np.abs(wave).max() + 1e-9)).astype(np.int16), rate=rate) for wave in waves]


def training_figure(run: FinishedRun) -> Figure:
    """Loss and top-1 of every split by epoch; the lines mark the epochs that the protocols chose."""
    epochs = [entry["epoch"] + 1 for entry in run.history]
    with style():
        figure, (row,) = new_figure(FULL, 2.5, 1, 2)
        for axis, shown in zip(row, map(metric, ("loss", "top1")), strict=True):
            for index, split in enumerate(SPLITS):
                values = [entry.get(f"{split}/{shown.name}") for entry in run.history]
                if values[0] is None:
                    continue
                line = {"color": SERIES[index], "ls": DASHES[index], "marker": MARKERS[index]}
                axis.plot(
                    epochs, shown.scale * np.array(values), label=split, markevery=max(1, len(epochs) // 8), **line
                )
            for protocol, height in (("paper", 1.0), ("clean", 0.9)):
                chosen = run.selection[protocol].epoch
                if chosen is not None:
                    axis.axvline(chosen + 1, color="#999999", lw=0.8, zorder=0)
                    where = {"xy": (chosen + 1, height), "xycoords": ("data", "axes fraction")}
                    axis.annotate(
                        protocol, **where, xytext=(-3, -2), textcoords="offset points", ha="right", va="top", size=7
                    )
            axis.set(xlabel="epoch", ylabel=f"{shown.axis}\n{shown.arrow}")
            axis.xaxis.get_major_locator().set_params(integer=True)
        row[0].legend(loc="best")
        say_data(figure, run)
    return figure


def modulation_figure(run: FinishedRun) -> Figure:
    """Both discrepancy ratios and the coefficients, at every step (light) and averaged over each epoch (dark)."""
    arrays = run.arrays
    with style():
        figure, ((left, right),) = new_figure(FULL, 2.6, 1, 2)
        _steps(left, arrays, "rho_decoupled", SERIES[0], DASHES[0], "decoupled (OGM-GE)")
        _steps(left, arrays, "rho_zeta", SERIES[1], DASHES[1], "decoupling-free (from ζ)")
        left.axhline(1, color="black", lw=0.8, ls=":")
        left.set(xlabel="epoch", ylabel="discrepancy ratio ρ (visual / audio)", yscale="log")
        left.yaxis.set_major_formatter("{x:g}")
        left.yaxis.set_minor_formatter("{x:g}")
        left.legend(loc="best", frameon=True, framealpha=0.85, edgecolor="none")
        for index, modality in enumerate(("visual", "audio")):
            _steps(right, arrays, f"k_{modality}", SERIES[index], DASHES[index], modality)
        right.set(xlabel="epoch", ylabel="gradient coefficient k", ylim=(-0.02, 1.05))
        right.legend(loc="best", frameon=True, framealpha=0.85, edgecolor="none")
        say_data(figure, run)
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
        _steps(row[2], arrays, "r", SERIES[0], "-", "r")
        row[2].axhline(math.tanh(1), color="black", lw=0.8, ls=":")
        row[2].annotate("tanh 1: constant ζ", (1, math.tanh(1)), xycoords=("axes fraction", "data"),
                        xytext=(0, 3), textcoords="offset points", ha="right", size=6.5)  # fmt: skip
        row[2].set(xlabel="epoch", ylabel="correlation measure r", ylim=(0, 1.02))
        say_data(figure, run)
    return figure


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


def say_data(figure: Figure, run: FinishedRun) -> None:
    """Title a figure with the data it shows: a figure that is passed on alone must still say so."""
    origin = {"generated": " (generated)", "stand-in": " (generated stand-in)"}.get(run.data_origin or "", "")
    figure.suptitle(f"{run.parameters['dataset']}{origin}, seed {run.seed}", fontsize=8.5)


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


def _steps(axis: Any, arrays: dict[str, np.ndarray], name: str, color: str, dash: Any, label: str) -> bool:
    """A value at every step (light) and its mean over each epoch (dark); False where it is defined nowhere."""
    values, epochs = arrays[name], arrays["epoch"]
    if not np.isfinite(values).any():
        return False
    per_epoch = np.bincount(epochs)
    time = (np.arange(len(values)) + 0.5) / per_epoch[0]  # in epochs
    axis.plot(time, values, color=color, lw=0.6, alpha=0.35)
    means = [np.nanmean(values[epochs == epoch]) for epoch in range(len(per_epoch))]
    axis.plot(np.arange(len(means)) + 0.5, means, color=color, ls=dash, label=label)
    axis.xaxis.get_major_locator().set_params(integer=True)
    return True
