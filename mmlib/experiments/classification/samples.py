"""Samples of a data set to be seen and heard, with their labels; where noise was added, without it beside."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

import numpy as np

from mmlib.data.without_noise import clean_inputs, clean_views
from mmlib.figures.captions import set_caption
from mmlib.figures.side_by_side import SideBySide
from mmlib.figures.style import FULL, NORMAL, SERIES, new_figure, style
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
FRAME = 0.9
"""Height of a frame, inches."""
HEARD = "as the encoder hears it"
CLEAN = "without noise"


def samples_figure(dataset: MultimodalDataset, count: int = 4) -> Figure:
    """The first `count` samples, rows for each modality, as the encoders see them; frames of people are left out."""
    positions = np.arange(min(count, len(dataset)))
    titles = [_named(dataset, at) for at in positions]
    return draw_samples(dataset, positions, titles, "samples of the test split")


def draw_samples(dataset: MultimodalDataset, positions: np.ndarray, titles: list[str], what: str) -> Figure:
    """The samples at these positions side by side, each with its title, a line for each modality and, where it has
    noise that is known, one below without it; `what` they are.
    """
    batch, clean = dataset.glance(positions), clean_inputs(dataset, positions)
    faces = dataset.prepared.dataset in SHOWS_PEOPLE
    modalities = in_order(batch.inputs)
    lines = [(name, kind) for name in modalities for kind in ("", *([CLEAN] if name in clean else []))]
    with style():
        figure, axes = new_figure(FULL, 0.5 + 1.25 * len(lines), len(lines))
        for axis, (modality, kind) in zip(axes[:, 0], lines, strict=True):
            values = (clean if kind else batch.inputs)[modality].numpy()
            panels, name, unit = _draw_line(axis, values, faces)
            axis.set_ylabel(f"{modality}{f', {kind}' if kind else ''}\n{name}", fontsize=NORMAL)
            if unit and (kind or modality not in clean):
                panels.round_ticks()
                panels.label(unit)
            else:
                axis.set_xticks([])  # those of the same without noise, below
            if axis is axes[0, 0]:
                for place, title in enumerate(titles):
                    panels.title(place, title)
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


def _draw_line(axis: Any, values: np.ndarray, faces: bool) -> tuple[SideBySide, str, str]:
    """One modality of all samples, side by side; returns what goes up and what goes across, by the shape of a sample.

    Frames (C, T, H, W), a spectrogram (1, F, T), a sequence (T, F), a vector (F,) or token ids (L,).
    """
    count = len(values)
    if values.ndim == 5:
        panels = SideBySide(axis, count, 1)
        panels.without_frame()
        if faces:
            axis.text(0.5, 0.5, "frames show people: not drawn", transform=axis.transAxes, ha="center", va="center")
        else:
            for place, sample in enumerate(values):
                panels.photograph(place, _first_frame(sample), (0.8 * FULL / count, FRAME))
        return panels, "first frame", ""
    if values.ndim == 4 or values.ndim == 3:
        pictures = values[:, 0] if values.ndim == 4 else values.transpose(0, 2, 1)  # (n, F, T)
        rows, columns = pictures.shape[1:]
        panels = SideBySide(axis, count, columns, 0, rows)
        for place, picture in enumerate(pictures):
            panels.image(place, picture)
        return panels, *(("frequency (bins)", "time (frames)") if values.ndim == 4 else ("channel", "time (steps)"))
    known = values[np.isfinite(values)]
    low, high = known.min(initial=0), known.max(initial=0)
    panels = SideBySide(axis, count, values.shape[1], low, high if high > low else 1)
    for place, sample in enumerate(values):
        axis.bar(panels.left(place) + np.arange(len(sample)) + 0.5, sample, color=SERIES[0])
    return panels, *(("token id (0: padding)", "place") if values.dtype.kind in "iu" else ("value", "feature"))


def _first_frame(sample: np.ndarray) -> np.ndarray:
    """The first of frames (C, T, H, W) as a picture (H, W) or (H, W, 3) from 0 to 1; of flow how far, not where to."""
    frame = sample[:, 0].transpose(1, 2, 0)
    frame = np.linalg.norm(frame, axis=2) if frame.shape[2] == 2 else frame
    return ((frame - frame.min()) / (np.ptp(frame) + 1e-9)).squeeze()


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
