"""What the explorer draws of a run: ζ per channel and per sample, one sample's energies and gate, its frames."""

from __future__ import annotations

import io
import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np

from mmlib.experiments.classification.figures import SHOWS_PEOPLE
from mmlib.experiments.explorer.inspection import SAME
from mmlib.figures.captions import set_caption
from mmlib.figures.style import DASHES, FULL, MARKERS, SERIES, empty, new_figure, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mmlib.experiments.explorer.inspection import Inspection

NO_ZETA = "this run has no SimAM², hence no ζ, energies or gate:\nchoose another run"


def picture(figure: Figure, dpi: int = 130) -> bytes:
    """The figure as PNG, for an image widget."""
    stream = io.BytesIO()
    with style():
        figure.savefig(stream, format="png", dpi=dpi)
    return stream.getvalue()


def message_figure(text: str) -> Figure:
    """A figure that only says why there is none."""
    with style():
        figure, ((axis,),) = new_figure(FULL, 0.8)
        empty(axis, text)
    return figure


def zeta_figure(inspection: Inspection, by: str = "class", channel: int | None = None) -> Figure:
    """ζ of the test split: samples x channels as an image, by channel (mean, 5 to 95 %), and by sample.

    Args:
        by: order of the samples, `class`, `mean ζ` or `test order`.
        channel: a channel marked in the first two panels, and shown by class in the third.
    """
    if not inspection.values:
        return message_figure(NO_ZETA)
    if inspection.constant and np.ptp(inspection.values["zeta"]) < SAME:
        return message_figure(textwrap.fill(inspection.constant, 90))
    zeta = inspection.values["zeta"]  # (N, C)
    keys = {"class": inspection.targets, "mean ζ": zeta.mean(axis=1), "test order": inspection.positions}
    order, columns = np.argsort(keys[by], kind="stable"), np.argsort(zeta.mean(axis=0))
    with style():
        figure, (row,) = new_figure(FULL, 2.9, 1, 3, width_ratios=[1.15, 1, 1])
        _heat(figure, row[0], zeta[order][:, columns], by)
        low, high = np.quantile(zeta[:, columns], [0.05, 0.95], axis=0)
        places = np.arange(zeta.shape[1])
        row[1].fill_between(places, low, high, step="mid", color=SERIES[4], alpha=0.45, lw=0, label="5 to 95 %")
        row[1].plot(places, zeta[:, columns].mean(axis=0), color=SERIES[0], label="mean")
        row[1].axhline(0.5, color="black", lw=0.8, ls=":")
        row[1].set(xlabel="channel, sorted by mean ζ", ylabel="ζ over samples", ylim=(0, 1), title="by channel")
        row[1].legend(loc="upper left")
        chosen = zeta.mean(axis=1) if channel is None else zeta[:, channel]
        _by_class(row[2], inspection, chosen)
        label = "mean ζ of a sample" if channel is None else f"ζ of channel {channel}"
        row[2].set(xlabel=label, title="by sample")
        if channel is not None:
            place = int(np.flatnonzero(columns == channel)[0])
            for axis in row[:2]:
                axis.axvline(place, color=SERIES[5], lw=1.1, ls=DASHES[1])
        said = f"{inspection.choice.title}; {len(zeta)} test samples"
        set_caption(figure, "ζ of the test split", f"{said}. {inspection.constant}" if inspection.constant else said)
    return figure


def _heat(figure: Figure, axis: Any, zeta: np.ndarray, by: str) -> None:
    axis.grid(False)
    image = axis.imshow(zeta, aspect="auto", cmap="cividis", vmin=0, vmax=1, interpolation="nearest")
    axis.set(xlabel="channel, sorted by mean ζ", ylabel=f"test sample, by {by}", title="ζ")
    figure.colorbar(image, ax=axis, shrink=0.9).outline.set_visible(False)


def _by_class(axis: Any, inspection: Inspection, values: np.ndarray) -> None:
    """One line of points per class (the first twelve), a tick at its mean."""
    for index in range(min(12, len(inspection.classes))):
        mine = values[inspection.targets == index]
        color, marker = SERIES[index % len(SERIES)], MARKERS[index % len(MARKERS)]
        jitter = index + 0.5 * (np.arange(len(mine)) % 7 / 6 - 0.5)
        axis.plot(mine, jitter, marker, color=color, ms=2.4, alpha=0.5, mew=0)
        if len(mine):
            axis.plot([mine.mean()] * 2, [index - 0.4, index + 0.4], color="black", lw=1.5)
    names = [name if len(name) < 14 else name[:12] + "…" for name in inspection.classes[:12]]
    axis.set_yticks(range(len(names)), names)
    axis.set_ylim(len(names) - 0.4, -0.6)
    axis.axvline(0.5, color="black", lw=0.8, ls=":")


def sample_figure(inspection: Inspection, sample: int) -> Figure:
    """ζ and gate, energies and E*, by channel, of one sample; channels sorted by ζ, the classes' probabilities."""
    if not inspection.values:
        return message_figure(NO_ZETA)
    values = {name: array[sample] for name, array in inspection.values.items()}
    order = np.argsort(values["zeta"])
    places = np.arange(len(order))
    with style():
        figure, (row,) = new_figure(FULL, 2.6, 1, 3, width_ratios=[1.2, 1.2, 0.7])
        marks = {"ms": 2.5, "lw": 1} if len(order) <= 64 else {"ms": 0, "lw": 0.8}
        panels = (("zeta", "gate"), ("e1", "e2", "eU", "E*"))
        names = {"zeta": "ζ", "gate": "gate", "e1": "e₁ (visual)", "e2": "e₂ (audio)", "eU": "e_U", "E*": "E*"}
        for axis, shown in zip(row[:2], panels, strict=True):
            for index, name in enumerate(shown):
                look = {"color": SERIES[index], "marker": MARKERS[index], "ls": DASHES[index]}
                axis.plot(places, values[name][order], label=names[name], **look, **marks)
            axis.set_xlabel("channel, sorted by this sample's ζ")
            axis.legend(loc="best", ncols=2, frameon=True, framealpha=0.85, edgecolor="none")
        row[0].set(ylim=(-0.02, 1.02), title="weights")
        row[0].axhline(0.5, color="black", lw=0.8, ls=":")
        row[1].set(ylim=(-2.1, 4.1), title=f"energies (r = {inspection.r:.3f})")
        _probabilities(row[2], inspection, sample)
        set_caption(figure, "Weights, energies and probabilities of one sample", inspection.title(sample))
    return figure


def _probabilities(axis: Any, inspection: Inspection, sample: int) -> None:
    """The five likeliest classes."""
    probabilities = inspection.probabilities[sample]
    best = np.argsort(-probabilities)[:5]
    truth = int(inspection.targets[sample])
    colors = [SERIES[0] if index == truth else "#BBBBBB" for index in best]
    axis.barh(range(len(best)), 100 * probabilities[best], color=colors)
    axis.set_yticks(range(len(best)), [inspection.classes[index][:14] for index in best])
    axis.invert_yaxis()
    axis.set(xlim=(0, 100), xlabel="probability (%)", title="blue: true class")


def frames_figure(inspection: Inspection, sample: int, people: bool = False, most: int = 6) -> Figure:
    """The frames of one sample, at most `most` of them, and its spectrogram, as the encoders see them."""
    dataset = inspection.dataset
    batch = dataset[int(inspection.positions[sample])]
    clip = batch.inputs["visual"][0].numpy()  # (C, T, H, W)
    times = np.unique(np.linspace(0, clip.shape[1] - 1, min(most, clip.shape[1])).astype(int))
    with style():
        figure, (row,) = new_figure(FULL, 1.7, 1, len(times) + 1, width_ratios=[1] * len(times) + [2])
        for axis, time in zip(row, times, strict=False):
            frame = clip[:, time].transpose(1, 2, 0)
            if dataset.prepared.dataset in SHOWS_PEOPLE and not people:
                empty(axis, "a person:\nnot shown" if time == times[0] else "")
                continue
            low, high = clip.min(), clip.max()
            axis.imshow(((frame - low) / (high - low + 1e-9)).squeeze(), cmap="gray", interpolation="nearest")
            axis.set(xticks=[], yticks=[])
            axis.grid(False)
            axis.set_title(f"frame {time + 1}", fontsize=7, fontweight="normal")
        row[-1].imshow(batch.inputs["audio"][0, 0].numpy(), origin="lower", aspect="auto", cmap="cividis")
        row[-1].grid(False)
        row[-1].set(xlabel="time (frames)", ylabel="frequency (bins)")
    return figure


def sound(inspection: Inspection, sample: int, people: bool = False) -> bytes:
    """The sample's sound as WAV (16 bit), at its own rate, scaled to full range; empty where it is not to be heard."""
    import wave

    dataset = inspection.dataset
    view = dataset.views["audio"]
    if (dataset.prepared.dataset in SHOWS_PEOPLE and not people) or not hasattr(view, "waveform"):
        return b""
    samples = view.waveform(dataset.rows[[int(inspection.positions[sample])]]).numpy()[0]
    stream = io.BytesIO()
    with wave.open(stream, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(int(view.sample_rate))
        file.writeframes((samples * 32767 / (np.abs(samples).max() + 1e-9)).astype("<i2").tobytes())
    return stream.getvalue()
