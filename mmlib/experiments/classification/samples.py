"""Samples of a data set to be seen and heard, with their labels; where noise was added, without it beside."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

import numpy as np

from mmlib.data.without_noise import clean_inputs, clean_views
from mmlib.figures.captions import set_caption
from mmlib.figures.style import FULL, NORMAL, SERIES, empty, new_figure, style
from mmlib.fusion.modalities import in_order

if TYPE_CHECKING:
    from IPython.display import HTML
    from matplotlib.figure import Figure

    from mmlib.data.dataset import MultimodalDataset

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
HEARD = "as the encoder hears it"
CLEAN = "without noise"


def samples_figure(dataset: MultimodalDataset, count: int = 4) -> Figure:
    """The first `count` samples, rows for each modality, as the encoders see them; frames of people are left out."""
    positions = np.arange(min(count, len(dataset)))
    titles = [_named(dataset, at) for at in positions]
    return draw_samples(dataset, positions, titles, "samples of the test split")


def draw_samples(dataset: MultimodalDataset, positions: np.ndarray, titles: list[str], what: str) -> Figure:
    """The samples at these positions, a column with a title for each, a row for each modality and, where it has noise
    that is known, one below without it; `what` they are.
    """
    batch, clean, count = dataset[positions], clean_inputs(dataset, positions), len(positions)
    faces = dataset.prepared.dataset in SHOWS_PEOPLE
    modalities = in_order(batch.inputs)
    lines = [(name, kind) for name in modalities for kind in ("", *([CLEAN] if name in clean else []))]
    with style():
        figure, axes = new_figure(FULL, 0.5 + 1.25 * len(lines), len(lines), count)
        for axis in axes.flat:
            axis.grid(False)
        for column in range(len(batch)):
            for axis, (modality, kind) in zip(axes[:, column], lines, strict=True):
                values = (clean if kind else batch.inputs)[modality][column].numpy()
                name, unit = _draw_input(axis, values, faces)
                if column == 0:
                    axis.set_ylabel(f"{modality}{f', {kind}' if kind else ''}\n{name}", fontsize=NORMAL)
                elif values.ndim > 1:
                    axis.set_yticks([])  # those of the first column
                if kind or modality not in clean:
                    axis.set_xlabel(unit, fontsize=NORMAL)
                else:
                    axis.set_xticks([])  # those of the same without noise, below
            axes[0, column].set_title(titles[column])
        more = f"; below each, the same {CLEAN}" if clean else ""
        title = f"{what[:1].upper()}{what[1:]}, as the encoders see them"
        set_caption(figure, title, f"{dataset.prepared.dataset}{more}")
    return figure


def _named(dataset: MultimodalDataset, position: int) -> str:
    """The label of a sample, and which modality says nothing of it where the data know."""
    label = dataset.classes[int(dataset.targets[position])]
    silent = [
        name.removesuffix("_informative")
        for name, values in dataset.prepared.index.items()
        if name.endswith("_informative") and not values[dataset.rows[position]]
    ]
    return label + "".join(f"\n({name} says nothing)" for name in silent)


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


def sounds(dataset: MultimodalDataset, count: int = 3, seconds: float = 3.0) -> list[HTML]:
    """Players of the first samples' sound, at most `seconds` each; none where the voices are people's or there is no
    sound.
    """
    return play(dataset, np.arange(min(count, len(dataset))), seconds)


def play(dataset: MultimodalDataset, positions: np.ndarray, seconds: float = 3.0) -> list[HTML]:
    """A labelled player of each sample at these positions, and beside it one of the sound without its noise, where that
    is known; as `sounds`.
    """
    from IPython.display import HTML

    view = dataset.views.get("audio")
    if dataset.prepared.dataset in SHOWS_PEOPLE or not hasattr(view, "waveform"):
        return []
    kinds = {HEARD: view.waveform(dataset.rows[positions])}
    if (clean := clean_views(dataset, positions).get("audio")) is not None:
        kinds[CLEAN] = clean.view.waveform(clean.rows)
    waves = {kind: waveform.numpy()[:, : int(seconds * view.sample_rate)] for kind, waveform in kinds.items()}
    return [
        HTML(_players(_named(dataset, at), {kind: of[place] for kind, of in waves.items()}, view.sample_rate))
        for place, at in enumerate(positions)
    ]


def _players(label: str, waves: dict[str, np.ndarray], rate: int) -> str:
    """One sample's players in a row, its label first."""
    cell = '<span style="display:inline-block;margin-right:1.5em">{}</span>'
    found = [cell.format(f"<b>{html.escape(label)}</b>")]
    found += [cell.format(f"{html.escape(kind)}<br>{_player(wave, rate)}") for kind, wave in waves.items()]
    return f'<div style="margin:0.3em 0">{"".join(found)}</div>'


def _player(wave: np.ndarray, rate: int) -> str:
    """The audio element of a sound, scaled to full range."""
    from IPython.display import Audio

    return Audio((wave * 32767 / (np.abs(wave).max() + 1e-9)).astype(np.int16), rate=rate)._repr_html_()
