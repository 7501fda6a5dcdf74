"""Clips of `grid_questions` as a person hears and sees them, put together from the recordings again.

We do: every slot lasts 0.4 s, 6400 samples and 10 pictures; a digit's sound and pictures stand in its middle, silence
and black around them and where the slot holds nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmlib.data.grid_questions.features import digit_tokens
from mmlib.data.grid_questions.slots import SLOTS
from mmlib.data.grid_words import (
    ARCHIVE,
    AUDIO,
    FOLDER,
    SAMPLE_RATE,
    UNITS_PER_FRAME,
    UNITS_PER_SECOND,
    read_archive,
    read_sound,
)
from mmlib.data.prepared import Prepared
from mmlib.errors import DataError

SAMPLES, PICTURES = 6400, 10  # of a slot


@dataclass(frozen=True)
class ClipMedia:
    """One clip. `sound` (64000,) int16 at `rate` Hz; `pictures` (100, 24, 36) uint8, 25 per second; `heard` and
    `mouthed` (10,), the digit of each slot or -1.
    """

    sound: np.ndarray
    pictures: np.ndarray
    heard: np.ndarray
    mouthed: np.ndarray
    rate: int = SAMPLE_RATE


def read_clip(root: Path, prepared: Prepared, item: int) -> ClipMedia:
    """What an item of a prepared folder is put together from (`prepared.index["item"]` has that of every question).

    Args:
        root: the data root; see `mmlib.data.grid_words.missing` for what must be in it.
        prepared: of `grid_questions`.

    Raises `DataError` for a file that cannot be read, for a recording that is not there, and for another data set.
    """
    if prepared.dataset != "grid_questions":
        raise DataError(f"{prepared.folder} holds {prepared.dataset}, no clips that GRID's recordings could show.")
    archive = root / FOLDER / ARCHIVE
    tokens, names = digit_tokens(archive), read_archive(archive, "names")
    truth = {
        name: np.asarray(prepared.arrays[name][item]) for name in ("heard", "mouthed", "heard_clip", "mouthed_clip")
    }
    absent = max(truth["heard_clip"].max(), truth["mouthed_clip"].max())
    if absent >= len(names):
        raise DataError(f"{archive} has no clip number {absent}. Copy the file again from its source.")
    sound = np.zeros((SLOTS, SAMPLES), np.int16)
    edges = np.rint(tokens[:, 1:3] * (SAMPLE_RATE / UNITS_PER_SECOND)).astype(np.int64)
    for slot in np.flatnonzero(truth["heard_clip"] >= 0):
        clip = truth["heard_clip"][slot]
        whole = read_sound(root / FOLDER / AUDIO / f"{names[clip]}.ogg")
        _centre(sound[slot], whole[slice(*edges[clip])])
    mouth = read_archive(archive, "mouth")
    pictures = np.zeros((SLOTS, PICTURES, *mouth.shape[2:]), np.uint8)
    frames = np.stack([tokens[:, 1] // UNITS_PER_FRAME, -(-tokens[:, 2] // UNITS_PER_FRAME)], axis=1)
    for slot in np.flatnonzero(truth["mouthed_clip"] >= 0):
        clip = truth["mouthed_clip"][slot]
        _centre(pictures[slot], mouth[clip, slice(*frames[clip])])
    return ClipMedia(sound.reshape(-1), pictures.reshape(-1, *mouth.shape[2:]), truth["heard"], truth["mouthed"])


def _centre(slot: np.ndarray, piece: np.ndarray) -> None:
    """Put a piece into the middle of a slot; of a longer one, its middle."""
    spare = (len(piece) - len(slot)) // 2
    if spare > 0:
        piece = piece[spare:]
    piece = piece[: len(slot)]
    left = (len(slot) - len(piece)) // 2
    slot[left : left + len(piece)] = piece
