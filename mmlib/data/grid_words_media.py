"""Tokens of `grid_words_incremental` as a person sees them, cut from the recordings again: prepared are features alone.

We do: the same cuts as for the features, so that what is shown is what the frozen encoder was given: the log mel bands
of the token's own sound, before they are averaged over 8 parts, and the 6 frames at the centres of equal parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmlib.data.grid_words import (
    ARCHIVE,
    AUDIO,
    FOLDER,
    SAMPLE_RATE,
    UNITS_PER_SECOND,
    WINDOW,
    cut_sound,
    read_archive,
    read_sound,
)
from mmlib.data.grid_words_incremental import HOP, cut_frames, log_mel
from mmlib.data.prepared import Prepared
from mmlib.errors import DataError


@dataclass(frozen=True)
class TokenMedia:
    """One token. `bands` (40, frames) ln(mel + floor), a frame each 10 ms; `pictures` (6, 24, 36) uint8; `seconds`."""

    bands: np.ndarray
    pictures: np.ndarray
    seconds: float


def read_tokens(root: Path, prepared: Prepared, rows: Sequence[int] | np.ndarray) -> list[TokenMedia]:
    """What rows of a prepared folder were made of, in their order.

    Args:
        root: the data root; see `mmlib.data.grid_words.missing` for what must be in it.
        prepared: of `grid_words_incremental`.

    Raises `DataError` for a file that cannot be read, and for a clip that the recordings do not have.
    """
    archive = root / FOLDER / ARCHIVE
    places = {name: number for number, name in enumerate(read_archive(archive, "names").tolist())}
    index = {name: np.asarray(prepared.index[name])[rows] for name in ("group", "start_s", "end_s")}
    absent = [name for name in index["group"].tolist() if name not in places]
    if absent:
        raise DataError(f"{archive} has no clip {absent[0]!r}. Copy the file again from its source.")
    edges = np.rint(np.stack([index["start_s"], index["end_s"]], axis=1) * UNITS_PER_SECOND).astype(np.int64)  # (n, 2)
    clips = np.array([places[name] for name in index["group"].tolist()], np.int64)
    pictures = cut_frames(read_archive(archive, "mouth"), np.column_stack([clips, edges]))  # (n, 6, 24, 36)
    windows, samples = np.zeros((len(clips), WINDOW), np.int16), np.zeros(len(clips), np.int64)
    cuts = np.rint(edges * (SAMPLE_RATE / UNITS_PER_SECOND)).astype(np.int64)  # in samples
    for place, (name, cut) in enumerate(zip(index["group"].tolist(), cuts, strict=True)):
        windows[place], samples[place], _ = cut_sound(read_sound(root / FOLDER / AUDIO / f"{name}.ogg"), *cut)
    bands = log_mel(windows)  # (n, frames, 40), frame i centred at i hops
    first, last = (WINDOW - samples) // 2 // HOP, -(-((WINDOW + samples) // 2) // HOP)
    return [
        TokenMedia(bands[place, first[place] : last[place] + 1].T, pictures[place], samples[place] / SAMPLE_RATE)
        for place in range(len(clips))
    ]
