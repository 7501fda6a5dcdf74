"""The published files of one GRID speaker: clips (pictures and sound) and word alignments, wherever they lie."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmlib.data.grid_words import SAMPLE_RATE, SILENCE, UNITS_PER_FRAME
from mmlib.data.media.opening import opened
from mmlib.data.media.reasons import SkippedClip
from mmlib.data.media.sound import decode_sound
from mmlib.data.media.source import SoundRequest
from mmlib.errors import DataError

PLACES = ("grid", "grid_raw", ".")  # below the folder a person names; the first that has clips
SECONDS = 4  # more than any clip lasts


@dataclass(frozen=True)
class ClipFiles:
    """One clip: its name, its video with sound, and its alignment."""

    name: str
    video: Path
    align: Path


def find_clips(source: Path) -> list[ClipFiles]:
    """All clips below `source` in the order of their names.

    Raises `DataError`: no clips, or one without alignment.
    """
    for place in (source / name for name in PLACES):
        videos = {path.stem: path for path in sorted(place.rglob("*.mpg"))}
        if videos:
            aligns = {path.stem: path for path in sorted(place.rglob("*.align"))}
            absent = sorted(set(videos) - set(aligns))
            if absent:
                raise DataError(
                    f"{place} has no {absent[0]}.align, the word timing of {videos[absent[0]]} ({len(absent)} of "
                    f"{len(videos)} clips have none). Fetch it: mmlib data get grid --data-root {source}."
                )
            return [ClipFiles(name, videos[name], aligns[name]) for name in sorted(videos)]
    raise DataError(
        f"{source} has no clips of GRID (*.mpg), nor has its folder grid/. Fetch them: mmlib data get grid --data-root "
        f"{source}."
    )


def read_pictures(path: Path) -> np.ndarray:
    """All frames of a clip, RGB `(T, H, W, 3)` uint8. Raises `DataError`."""
    try:
        with opened(path) as container:
            frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    except SkippedClip as error:
        raise DataError(f"{path} cannot be used ({error}). Fetch it again.") from error
    if not frames:
        raise DataError(f"{path} has no frames. Fetch it again.")
    return np.stack(frames)


def read_clip_sound(path: Path) -> np.ndarray:
    """The sound of a clip, mono at 16 kHz, float32 `(samples,)` in [-1, 1]. Raises `DataError`."""
    request = SoundRequest(rate=SAMPLE_RATE, samples=SECONDS * SAMPLE_RATE, fit="zeros", resampling="ffmpeg")
    try:
        return decode_sound(path, request).samples
    except SkippedClip as error:
        raise DataError(f"{path} cannot be used ({error}). Fetch it again.") from error


def read_align(path: Path) -> list[tuple[int, int, str]]:
    """Start, end (25,000 units a second) and word of each part of a clip. Raises `DataError`."""
    try:
        lines = [line.split() for line in path.read_text(encoding="ascii").splitlines() if line.strip()]
        parts = [(int(start), int(end), word) for start, end, word in lines]
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is no alignment ({error}): expected start, end and word in each line.") from error
    if not parts:
        raise DataError(f"{path} is empty. Fetch it again.")
    return parts


def frame_words(align: np.ndarray, clips: int, frames: int, silence: int) -> np.ndarray:
    """The word of every frame `(clips, frames)` int16: a part's are those between its rounded ends, else `silence`.

    Args:
        align: clip, start, end, word of each part, `(N, 4)`.
    """
    found = np.full((clips, frames), silence, np.int16)
    edges = np.rint(align[:, 1:3] / UNITS_PER_FRAME).astype(np.int64)  # halves to the even frame
    for (clip, _, _, word), (first, last) in zip(align.tolist(), edges.tolist(), strict=True):
        found[clip, first:last] = word
    return found


def numbered(words: list[str]) -> list[str]:
    """All words in alphabetical order, silences included, each once."""
    return sorted({*words, *SILENCE})
