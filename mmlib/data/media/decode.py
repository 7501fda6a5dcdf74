"""One listed clip to the arrays that are stored of it, or the reason why not."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mmlib.data.media.pictures import IMAGES, KeepImage, decode_pictures, natural
from mmlib.data.media.reasons import Reason, SkippedClip
from mmlib.data.media.sound import decode_sound, fit
from mmlib.data.media.source import Clip, ClipRequest

TOLERATED = 0.05  # share of damaged packets up to which a clip is kept (and counted as damaged)
# Index columns that every prepared folder of media has, with what stands where a clip has no such part.
COLUMNS: dict[str, int | float] = {
    "samples": 0,  # stored samples that are sound, not padding
    "sound_rate": 0,  # Hz, of the file
    "sound_samples": 0,  # samples a channel that were decoded
    "frames": 0,  # stored pictures that are real, not repeats
    "frames_decoded": 0,
    "frame_rate": 0.0,  # frames per second, by time stamps
    "height": 0,  # of the pictures before they were resized
    "width": 0,
    "damaged": 0,  # packets that could not be decoded, frames marked as corrupt
}


@dataclass(frozen=True)
class Decoded:
    """`sound` (samples,), `frames` (count, H, W, 3) uint8 (the last repeated), index columns, a hash of its files.

    Columns that are not in `COLUMNS` say where silence was put (`mmlib.data.media.clock`); ordinary clips have none.
    """

    sound: np.ndarray | None
    frames: np.ndarray | None
    columns: dict[str, int | float]
    sha256: str


def decode_clip(clip: Clip, request: ClipRequest, keep: KeepImage | None = None) -> Decoded:
    """Decode what `request` wants of `clip`; `keep(place, image)` sees each chosen picture in its own size.

    Raises `SkippedClip` with the reason; nothing else comes out of a bad file.
    """
    if clip.problem is not None:
        raise SkippedClip(clip.problem, clip.detail)
    columns, sound, frames, heard, seen = dict(COLUMNS), None, None, None, None
    try:
        if request.sound is not None:
            heard = decode_sound(_named(clip.sound, "sound"), request.sound, clip.start_s, clip.end_s)
            _tolerable(clip.sound, heard.damaged, heard.decoded // 1024 + 1)
            sound, columns["samples"] = fit(heard.samples, request.sound)
            columns |= {"sound_rate": heard.own_rate, "sound_samples": heard.decoded} | heard.placement.columns()
        if request.frames is not None:
            seen = decode_pictures(_named(clip.pictures, "pictures"), request.frames, clip.start_s, clip.end_s, keep)
            _tolerable(clip.pictures, seen.damaged, seen.decoded)
            frames, columns["frames"] = _repeated(seen.frames, request.frames.count), len(seen.frames)
            columns |= {"frames_decoded": seen.decoded, "frame_rate": seen.rate}
            columns |= {"height": seen.height, "width": seen.width}
    except MemoryError as error:
        raise SkippedClip(Reason.TOO_LARGE, "it needs more memory than a decoder process may have") from error
    columns["damaged"] = sum(part.damaged for part in (heard, seen) if part is not None)
    return Decoded(sound, frames, columns, _hash(clip))


def array_shapes(request: ClipRequest) -> dict[str, tuple[tuple[int, ...], str]]:
    """Shape and dtype of a row of each stored array, by name."""
    shapes: dict[str, tuple[tuple[int, ...], str]] = {}
    if request.sound is not None:
        shapes["waveform"] = ((request.sound.samples,), request.sound.dtype)
    if request.frames is not None:
        shapes["frames"] = ((request.frames.count, *request.frames.size, 3), "uint8")
    return shapes


def _named(path: Path | None, what: str) -> Path:
    if path is None:
        raise SkippedClip(Reason.MISSING, f"no file with its {what} was found")
    return path


def _tolerable(path: Path, damaged: int, sound_parts: int) -> None:
    if damaged > TOLERATED * (damaged + sound_parts):
        raise SkippedClip(Reason.UNDECODABLE, f"{path.name}: {damaged} of about {damaged + sound_parts} parts damaged")


def _repeated(frames: np.ndarray, count: int) -> np.ndarray:
    """`(S, H, W, 3)` to `(count, H, W, 3)`: the last one repeated."""
    return frames[np.minimum(np.arange(count), len(frames) - 1)]


def _hash(clip: Clip) -> str:
    """SHA-256 over the content of the clip's files."""
    digest = hashlib.sha256()
    for path in dict.fromkeys(p for p in (clip.sound, clip.pictures) if p is not None):
        files = sorted((p for p in path.iterdir() if p.suffix.lower() in IMAGES), key=natural) if path.is_dir() else []
        for file in files or [path]:
            with open(file, "rb") as stream:
                digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()


def clip_to_json(clip: Clip) -> dict[str, Any]:
    """What a decoder process needs to know of a clip."""
    return {
        "id": clip.id,
        "sound": None if clip.sound is None else str(clip.sound),
        "pictures": None if clip.pictures is None else str(clip.pictures),
        "start_s": clip.start_s,
        "end_s": clip.end_s,
    }


def clip_from_json(entry: dict[str, Any]) -> Clip:
    """The clip of `clip_to_json`, without label and split."""
    paths = {name: None if entry[name] is None else Path(entry[name]) for name in ("sound", "pictures")}
    return Clip(entry["id"], 0, "train", "", **paths, start_s=entry["start_s"], end_s=entry["end_s"])
