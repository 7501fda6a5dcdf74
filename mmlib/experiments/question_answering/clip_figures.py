"""The clip of a question: seen and heard where its recordings are at hand, else as the features that a network sees."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mmlib.data import grid_questions
from mmlib.data.grid_questions.media import ClipMedia, read_clip
from mmlib.data.prepared_check import ITEM
from mmlib.experiments.question_answering.answered import question_text
from mmlib.figures.captions import set_caption
from mmlib.figures.style import FULL, SERIES, empty, new_figure, style

if TYPE_CHECKING:
    from IPython.display import HTML
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from mmlib.data.dataset import MultimodalDataset

HEAT: dict[str, Any] = {"cmap": "cividis", "interpolation": "nearest"}


def recorded_clip(dataset: MultimodalDataset, place: int, data_root: str | Path) -> ClipMedia | None:
    """Sound and pictures of the clip of question `place`; None where there are none, or they are not at hand."""
    if dataset.prepared.dataset != "grid_questions" or not str(data_root):
        return None
    if grid_questions.missing(Path(data_root)) is not None:
        return None
    return read_clip(Path(data_root), dataset.prepared, int(dataset.prepared.index[ITEM][dataset.rows[place]]))


def clip_sounds(dataset: MultimodalDataset, place: int, data_root: str | Path = "") -> list[HTML]:
    """A player of the clip's sound with the digits that are said in it, where it is recorded and at hand; else none."""
    from IPython.display import HTML, Audio

    media = recorded_clip(dataset, place, data_root)
    if media is None:
        return []
    said = " ".join(map(_said, media.heard))
    player = Audio(media.sound, rate=media.rate)._repr_html_()
    return [HTML(f"<div><b>the clip’s sound</b>, digits said in it (–: silence): {said}<br>{player}</div>")]


def clip_figure(dataset: MultimodalDataset, place: int, data_root: str | Path = "") -> Figure:
    """The clip of question `place` of a split: waveform and a frame of each tenth of it, with what is said and mouthed;
    or features, the sound's channels by second, and of each second's map the length of the vector at each position.

    Raises `UsageError` for a position that the split does not have.
    """
    text = question_text(dataset, place)
    media = recorded_clip(dataset, place, data_root)
    with style():
        figure = _features(dataset, place) if media is None else _recorded(media)
        set_caption(figure, f"The clip of: {text}", dataset.prepared.dataset)
    return figure


def _recorded(media: ClipMedia) -> Figure:
    slots = len(media.heard)
    seconds = len(media.sound) / media.rate
    edges = np.linspace(0, seconds, slots + 1)
    figure, ((above,), (below,)) = new_figure(FULL, 2.6, 2, 1, height_ratios=[1.3, 1])
    above.plot(np.arange(len(media.sound)) / media.rate, media.sound / 32768, color=SERIES[0], lw=0.4)
    middles = (edges[1:] + edges[:-1]) / 2
    for edge in edges[1:-1]:
        above.axvline(edge, color="#BBBBBB", lw=0.6)
    top = above.get_ylim()[1]
    for middle, digit in zip(middles, media.heard, strict=True):
        above.text(middle, top, _said(digit), ha="center", va="bottom", fontsize=7)
    above.set(xlim=(0, seconds), xlabel="time (s)", ylabel="sound\n(full scale 1)")
    above.grid(False)
    each = len(media.pictures) // slots
    frames = media.pictures[each // 2 :: each][:slots]  # (slots, h, w), one of the middle of each
    draw_strip(below, frames.astype(float), None, cmap="gray")
    width = frames.shape[2] + 1
    below.set_xticks([width * slot + width / 2 for slot in range(slots)], [_said(digit) for digit in media.mouthed])
    below.set(xlabel="digit that the lips say", yticks=[])
    return figure


def _said(digit: int) -> str:
    return "–" if digit < 0 else str(digit)


def _features(dataset: MultimodalDataset, place: int) -> Figure:
    inputs = dataset.glance(place).inputs
    heights = {name: height for name, height in (("audio", 1.5), ("visual", 1.0)) if name in inputs}
    if not heights:
        figure, ((axis,),) = new_figure(FULL, 0.5, 1, 1)
        empty(axis, "the network is shown the question alone")
        return figure
    figure, axes = new_figure(FULL, 0.5 + sum(heights.values()), len(heights), 1, height_ratios=list(heights.values()))
    for axis, name in zip(axes[:, 0], heights, strict=True):
        values = inputs[name][0].float().numpy()
        if name == "audio":
            _sound(axis, values)
        else:
            draw_strip(axis, np.linalg.norm(values, axis=1), "length of\nthe vector")
    return figure


def _sound(axis: Axes, values: np.ndarray) -> None:
    """(T, C) by second and channel."""
    extent = (0.5, len(values) + 0.5, 0, values.shape[1])
    image = axis.imshow(values.T, aspect="auto", origin="lower", extent=extent, **HEAT)
    axis.set(xlabel="second", ylabel="channel of the sound", xticks=range(1, len(values) + 1))
    axis.grid(False)
    axis.figure.colorbar(image, ax=axis, label="feature")


def draw_strip(axis: Axes, maps: np.ndarray, label: str | None, **look: Any) -> None:
    """Pictures (T, H, W) side by side on one scale, counted from 1; a colour bar where it has a label."""
    seconds, height, width = maps.shape
    gap = np.full((height, 1), np.nan)
    joined = np.concatenate([part for picture in maps for part in (picture, gap)], axis=1)[:, :-1]
    image = axis.imshow(np.ma.masked_invalid(joined), aspect="equal", **{**HEAT, **look})
    middles = np.arange(seconds) * (width + 1) + (width - 1) / 2
    axis.set_xticks(middles, [str(second + 1) for second in range(seconds)])
    axis.set(xlabel="part of the clip", yticks=[])
    axis.grid(False)
    if label is not None:
        axis.figure.colorbar(image, ax=axis, label=label, shrink=0.8)
