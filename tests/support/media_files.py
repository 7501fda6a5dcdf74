"""Tiny media files for tests: encoded here with PyAV, so that nothing has to be shipped."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
from PIL import Image

RATE = 25
CODECS = {
    ".mp4": ("libx264", "aac"),
    ".avi": ("mpeg4", "mp3"),
    ".flv": ("flv", "mp3"),
    ".mpg": ("mpeg1video", "mp2"),
    ".mkv": ("libx264", "aac"),
}


def picture(number: int, width: int = 64, height: int = 48) -> np.ndarray:
    """A frame that says its number (up to 100): a grey of 2 * number + 20, `(H, W, 3)` uint8."""
    return np.full((height, width, 3), 20 + 2 * (number % 100), np.uint8)


def tone(samples: int, rate: int, hertz: float = 440.0) -> np.ndarray:
    """A sine of amplitude 1/2, `(samples,)` float32."""
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(samples) / rate)).astype(np.float32)


def write_video(
    path: Path,
    *,
    frames: int = 30,
    fps: int = RATE,
    seconds: float | None = None,
    sound: bool = True,
    video: bool = True,
    audio_rate: int = 44_100,
    size: tuple[int, int] = (64, 48),
) -> Path:
    """A clip of `frames` pictures at `fps` and a tone of `seconds` (as long as the pictures unless told)."""
    codecs = CODECS[path.suffix]
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        streams = []
        if video:
            stream = container.add_stream(codecs[0], rate=fps)
            stream.width, stream.height = size
            stream.pix_fmt = "yuv420p"
            stream.thread_type = "NONE"
            streams.append((stream, _pictures(frames, size)))
        if sound:
            samples = round((frames / fps if seconds is None else seconds) * audio_rate)
            stream = container.add_stream(codecs[1], rate=audio_rate)
            stream.layout = "mono"
            streams.append((stream, _sound(samples, audio_rate, stream.codec_context.frame_size or 1152)))
        for stream, items in streams:
            for item in items:
                container.mux(stream.encode(item))
            container.mux(stream.encode(None))
    return path


def _pictures(count: int, size: tuple[int, int]):
    for number in range(count):
        yield av.VideoFrame.from_ndarray(picture(number, *size), format="rgb24")


def _sound(samples: int, rate: int, chunk: int):
    values = tone(samples, rate)
    for start in range(0, samples, chunk):
        frame = av.AudioFrame.from_ndarray(values[None, start : start + chunk], format="fltp", layout="mono")
        frame.sample_rate, frame.pts = rate, start
        yield frame


def write_pieces(
    path: Path,
    pieces: list[tuple[float, np.ndarray]],
    *,
    seconds: float = 4.0,
    rate: int = 48_000,
    fps: int = RATE,
    video: bool = True,
    size: tuple[int, int] = (64, 48),
) -> Path:
    """A clip of grey pictures whose sound is in pieces: (start in s, samples), by time stamps; PCM where it can be."""
    codec = "pcm_s16le" if path.suffix in (".mkv", ".mov") else "aac"
    with av.open(str(path), "w") as container:
        pictures = container.add_stream("mpeg4", rate=fps) if video else None
        if pictures is not None:
            pictures.width, pictures.height = size
            pictures.pix_fmt, pictures.thread_type = "yuv420p", "NONE"
        sound = container.add_stream(codec, rate=rate)
        sound.layout = "mono"
        for number in range(round(seconds * fps)) if video else ():
            container.mux(pictures.encode(av.VideoFrame.from_ndarray(picture(number, *size), format="rgb24")))
        if video:
            container.mux(pictures.encode(None))
        chunk = 1024
        for start, samples in pieces:
            for first in range(0, len(samples), chunk):
                part = samples[None, first : first + chunk]
                form = "s16" if codec == "pcm_s16le" else "fltp"
                part = np.rint(part * 32767).astype(np.int16) if form == "s16" else part
                frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(part), format=form, layout="mono")
                frame.sample_rate, frame.pts = rate, round(start * rate) + first
                container.mux(sound.encode(frame))
        container.mux(sound.encode(None))
    return path


def beep(seconds: float = 0.2, rate: int = 48_000) -> np.ndarray:
    """A tone that begins and ends at once, `(samples,)`."""
    return tone(round(seconds * rate), rate, 1000.0)


def onsets(samples: np.ndarray, rate: int = 16_000, level: float = 0.1, quiet: float = 0.02) -> list[float]:
    """When sound begins after at least `quiet` s of silence, s."""
    loud = np.flatnonzero(np.abs(samples) > level)
    first = np.concatenate([[True], np.diff(loud) > quiet * rate])
    return (loud[first] / rate).tolist()


def write_wav(path: Path, samples: np.ndarray, rate: int) -> Path:
    """Sound `(L,)` or `(L, channels)` in [-1, 1] as 16-bit PCM."""
    import soundfile

    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate, subtype="PCM_16")
    return path


def write_image(path: Path, pixels: np.ndarray) -> Path:
    """`(H, W, 3)` uint8 as an image file of the kind its name says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path
