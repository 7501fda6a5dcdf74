"""The published folder layout, written beside the prepared folder so that other people's code can read it.

    <folder>/<split>/audio/<class>/<id>.wav          16 kHz, mono, 16-bit PCM
    <folder>/<split>/video/<class>/<id>/frame_0.jpg  ... frame_9.jpg: the chosen frames, in their own size

That is what the published Kinetics-Sounds scripts write and the loaders of OGM-GE and IEMF read. A clip appears whole
or not at all.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mmlib.data.media.opening import MAX_SAMPLES
from mmlib.data.media.sound import WAV_RATE
from mmlib.data.media.source import SoundRequest

if TYPE_CHECKING:
    from PIL.Image import Image

JPEG_QUALITY = 95
WHOLE_SOUND = SoundRequest(WAV_RATE, MAX_SAMPLES, "zeros", "ffmpeg")  # all of a clip, as `ffmpeg` makes it a wav file


class PublishedFiles:
    """Writes clips below `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def paths(self, place: Mapping[str, str], clip: str) -> tuple[Path, Path]:
        """Where the folder of a clip's pictures and the file of its sound lie."""
        split, label = place["split"], safe(place["class"])
        return (
            self.folder / split / "video" / label / safe(clip),
            self.folder / split / "audio" / label / f"{safe(clip)}.wav",
        )

    def holds(self, place: Mapping[str, str], clip: str, sound: bool, frames: bool) -> bool:
        """Whether what is wanted of a clip was written."""
        pictures, wav = self.paths(place, clip)
        return (wav.is_file() or not sound) and (pictures.is_dir() or not frames)

    @contextlib.contextmanager
    def writing(self, place: Mapping[str, str], clip: str) -> Iterator[OneClip]:
        """Files of one clip, moved into place when the block ends well. `place`: its `split` and `class`."""
        frames, sound = self.paths(place, clip)
        output = OneClip(frames.with_name(f".{frames.name}.tmp"), sound.with_name(f".{sound.name}.tmp"))
        try:
            yield output
            output.move(frames, sound)
        finally:
            output.discard()


class OneClip:
    """The files of one clip under temporary names."""

    def __init__(self, frames: Path, sound: Path) -> None:
        self._frames, self._sound = frames, sound
        self.discard()  # of an earlier, killed run

    def image(self, place: int, image: Image) -> None:
        """Write a chosen frame as `frame_<place>.jpg`."""
        if place == 0:  # also when a second pass over the video chooses anew
            shutil.rmtree(self._frames, ignore_errors=True)
            self._frames.mkdir(parents=True)
        image.convert("RGB").save(self._frames / f"frame_{place}.jpg", "JPEG", quality=JPEG_QUALITY)

    def sound(self, samples: np.ndarray) -> None:
        """Write sound `(L,)` in [-1, 1] at 16 kHz as mono 16-bit PCM."""
        import wave

        self._sound.parent.mkdir(parents=True, exist_ok=True)
        with wave.open(str(self._sound), "wb") as stream:
            stream.setnchannels(1)
            stream.setsampwidth(2)
            stream.setframerate(WAV_RATE)
            stream.writeframes(np.rint(samples * 32768).clip(-32768, 32767).astype("<i2").tobytes())

    def move(self, frames: Path, sound: Path) -> None:
        if self._frames.exists():
            shutil.rmtree(frames, ignore_errors=True)
            os.replace(self._frames, frames)
        if self._sound.exists():
            os.replace(self._sound, sound)

    def discard(self) -> None:
        shutil.rmtree(self._frames, ignore_errors=True)
        self._sound.unlink(missing_ok=True)


def safe(name: str) -> str:
    """A name as one folder: no separators, nothing hidden."""
    return name.replace("/", "_").replace("\\", "_").lstrip(".") or "_"
