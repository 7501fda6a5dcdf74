"""Figures of data preparation: a clip under every preset, what was kept and skipped, classes by split."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from mmlib.figures.captions import set_caption
from mmlib.figures.style import FULL, HATCHES, SERIES, empty, new_figure, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mmlib.data.prepared import Prepared
    from mmlib.experiments.media.experiment import MediaView, Shown

FRAMES = 3  # pictures in a row


def presets_figure(view: MediaView) -> Figure:
    """A row per preset: the frames a network sees at test time, and the spectrogram."""
    with style():
        ratios = {"width_ratios": [1] * FRAMES + [4]}
        figure, axes = new_figure(FULL, 1.05 * len(view.shown), len(view.shown), FRAMES + 1, gridspec_kw=ratios)
        for row, one in zip(axes, view.shown, strict=True):
            _preset_row(row, one)
        axes[-1, -1].set_xlabel("time (frames of the spectrogram)")
        set_caption(figure, "What a network sees of a clip at test time, by preset", view.title)
    return figure


def _preset_row(row: np.ndarray, one: Shown) -> None:
    for place, axis in enumerate(row[:-1]):
        axis.grid(False)
        if one.frames is not None and place < len(one.frames):
            axis.imshow(one.frames[place], interpolation="nearest")
            axis.set(xticks=[], yticks=[])
        else:
            axis.set_axis_off()
    if one.frames is None:
        empty(row[-1], f"{one.preset.name}: {one.problem}")
        return
    # Kaldi's filter bank goes to the network with time first
    values = one.spectrogram.T if one.preset.spectrogram == "ks_fbank" else one.spectrogram  # (bins, frames)
    row[-1].grid(False)
    row[-1].imshow(values, origin="lower", aspect="auto", cmap="cividis", interpolation="nearest")
    row[-1].set_ylabel("bins", fontsize=7)
    row[-1].set_title(
        f"{one.preset.name}: {one.spectrogram.shape[0]} x {one.spectrogram.shape[1]}",
        loc="right",
        fontsize=7,
        fontweight="normal",
        pad=2,
    )


def skipped_figure(prepared: Prepared) -> Figure:
    """How many listed clips were kept, and how many were skipped for each reason."""
    reasons = Counter(entry["reason"] for entry in prepared.manifest["skipped"]).most_common()
    names = ["kept", *(name for name, _ in reasons)][::-1]
    counts = [len(prepared), *(count for _, count in reasons)][::-1]
    with style():
        figure, ((axis,),) = new_figure(FULL, 0.6 + 0.24 * len(names))
        bars = axis.barh(names, counts, color=[SERIES[0] if name == "kept" else SERIES[1] for name in names])
        axis.bar_label(bars, padding=2, fontsize=7)
        axis.grid(False, axis="y")
        listed = prepared.manifest["counts"].get("listed", sum(counts))
        axis.set(xlabel="listed clips (count)", xlim=(0, 1.1 * max(counts)))
        axis.set_title(f"{_name(prepared)}: what became of {listed:,} listed clips")
    return figure


def splits_figure(prepared: Prepared) -> Figure:
    """Clips of each class in each split."""
    present = [label for label in range(len(prepared.classes)) if np.any(prepared.labels == label)]
    splits = [split for split in ("train", "validation", "test") if len(prepared.rows(split))]
    width = 0.8 / len(splits)
    with style():
        figure, ((axis,),) = new_figure(FULL, 2.2)
        for place, split in enumerate(splits):
            counts = np.bincount(prepared.labels[prepared.rows(split)], minlength=len(prepared.classes))[present]
            at = np.arange(len(present)) + (place - (len(splits) - 1) / 2) * width
            axis.bar(at, counts, width, label=split, color=SERIES[place], hatch=HATCHES[place], edgecolor="white")
        turned = {"rotation": 60, "ha": "right"} if len(present) > 8 else {}
        axis.set_xticks(range(len(present)), [prepared.classes[label] for label in present], **turned)
        axis.grid(False, axis="x")
        axis.set(ylabel="clips (count)")
        axis.set_title(f"{_name(prepared)}: clips of each class, by split")
        axis.legend(ncols=len(splits))
    return figure


def _name(prepared: Prepared) -> str:
    made = {"stand-in": " (generated stand-in)", "generated": " (generated)"}.get(prepared.origin, "")
    return f"{prepared.dataset}{made}"
