"""Write small media files with PyAV, soundfile and Pillow: the same bytes for the same content on one machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

CODECS = {".mp4": ("mpeg4", "aac"), ".avi": ("mpeg4", "pcm_s16le"), ".flv": ("flv", "aac")}
RATE = 22_050  # Hz, of all sound
_EXACT = {"fflags": "+bitexact"}


def write_video(path: Path, frames: np.ndarray | None, fps: int, sound: np.ndarray | None) -> Path:
    """Frames `(T, H, W, 3)` uint8 and sound `(L,)` in [-1, 1] at `RATE` in the container that the name says."""
    import av

    path.parent.mkdir(parents=True, exist_ok=True)
    kind = next(suffix for suffix in (path.suffix, ".avi") if suffix in CODECS)
    options = {"format": kind[1:], "container_options": _EXACT}
    with av.open(str(path), "w", **options) as container:
        streams: list[tuple[Any, Iterator[Any]]] = []
        if frames is not None:
            stream = container.add_stream(CODECS[kind][0], rate=fps)
            stream.height, stream.width = frames.shape[1:3]
            stream.pix_fmt, stream.thread_type, stream.bit_rate = "yuv420p", "NONE", 400_000
            streams.append((stream, _pictures(frames)))
        if sound is not None:
            stream = container.add_stream(CODECS[kind][1], rate=RATE)
            stream.layout = "mono"
            streams.append((stream, _sound(stream, sound)))
        for stream, items in streams:
            stream.codec_context.flags |= av.codec.context.Flags.bitexact
            for item in items:
                container.mux(stream.encode(item))
            container.mux(stream.encode(None))
    return path


def _pictures(frames: np.ndarray) -> Iterator[Any]:
    import av

    for frame in frames:
        yield av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")


def _sound(stream: Any, sound: np.ndarray) -> Iterator[Any]:
    import av

    size = stream.codec_context.frame_size or 1024
    form = stream.codec_context.format.name
    for start in range(0, len(sound), size):
        piece = sound[None, start : start + size].astype(np.float32)
        if form == "s16":
            piece = np.rint(piece * 32767).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(piece, format=form, layout="mono")
        frame.sample_rate, frame.pts = RATE, start
        yield frame


def write_wav(path: Path, sound: np.ndarray) -> Path:
    """Sound `(L,)` in [-1, 1] at `RATE` as 16-bit PCM."""
    import soundfile

    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, sound, RATE, subtype="PCM_16", format="WAV")
    return path


def write_jpeg(path: Path, picture: np.ndarray) -> Path:
    """A picture `(H, W, 3)` uint8 as a JPEG file."""
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path, "JPEG", quality=90)
    return path


def lie(path: Path) -> None:
    """Make a container's header say nonsense: no duration, no frames, a thousand frames a second. The media stay.

    Not in MP4 the frame rate: its time stamps are the header.
    """
    content = bytearray(path.read_bytes())
    if path.suffix == ".avi":
        avih = content.index(b"avih") + 8
        content[avih : avih + 4] = b"\x01\0\0\0"  # microseconds of a frame
        content[avih + 16 : avih + 20] = bytes(4)  # frames in all
        strh = content.index(b"strh") + 8
        content[strh + 32 : strh + 36] = bytes(4)  # length of the stream
    elif path.suffix == ".flv":
        for name, value in ((b"framerate", b"\x40\x8f\x40\0\0\0\0\0"), (b"duration", bytes(8))):  # 1000.0 and 0.0
            place = content.index(name) + len(name) + 1
            content[place : place + 8] = value
    else:
        place = content.index(b"mvhd") + 4 + 16
        content[place : place + 4] = bytes(4)
        first = content.index(b"mdhd") + 4 + 16
        content[first : first + 4] = bytes(4)
    path.write_bytes(content)
