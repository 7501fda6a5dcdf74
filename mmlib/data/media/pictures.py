"""The pictures of a clip: frames chosen by rule from a video, an image, or a folder of images.

Published code does: trust the container's frame count and rate (OpenCV), read to a chosen number, write JPEG files.
We do: count frames by decoding. The packets are counted first to foresee the choice; where decoding gives another
number the file is decoded again with that one. The rate is that of the frames' own time stamps; the container's is used
only where it agrees with them (it is the more exact one then).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mmlib.data.media.opening import MAX_PIXELS, in_words, opened
from mmlib.data.media.reasons import Reason, SkippedClip
from mmlib.data.media.source import FrameRequest
from mmlib.files import LFS_ADVICE, is_lfs_pointer

if TYPE_CHECKING:
    from av import VideoFrame
    from av.video.reformatter import VideoReformatter
    from av.video.stream import VideoStream
    from PIL.Image import Image

FALLBACK_RATE = 25.0  # frames per second where a file has no time stamps at all
IMAGES = {".jpg", ".jpeg", ".png", ".bmp", ".webp"}
KeepImage = Callable[[int, "Image"], None]


@dataclass(frozen=True)
class Pictures:
    """`frames` (S, H, W, 3) uint8 RGB, S at most the request's count; `decoded`: how many frames there were in all.

    `height`, `width`: of the pictures before resizing. `rate`: frames per second; 0 for images. `damaged`: packets
    that could not be decoded, and frames the decoder marked as corrupt.
    """

    frames: np.ndarray
    decoded: int
    height: int
    width: int
    rate: float = 0.0
    damaged: int = 0


def choose(request: FrameRequest, decoded: int, rate: float) -> list[int]:
    """Numbers of the chosen frames out of `decoded`, at most `count`, in order; `FrameRequest.rule` says how."""
    if decoded <= 0:
        return []
    if request.rule == "every_second":
        # 29.97 counts as 29, as published code truncates; time stamps in milliseconds may make 25 into 24.99
        numbers = list(range(0, decoded, max(int(rate + 0.02), 1)))
    elif request.rule == "ten":
        step = decoded // 10
        numbers = [0, *(max(k * step - 1, 0) for k in range(1, 10))]
    elif request.rule == "uniform":
        numbers = [int((place + 0.5) * decoded / request.count) for place in range(request.count)]
    else:
        numbers = {"first": [0], "middle": [decoded // 2], "all": list(range(decoded))}[request.rule]
    return numbers


def decode_pictures(
    path: Path,
    request: FrameRequest,
    start_s: float | None = None,
    end_s: float | None = None,
    keep: KeepImage | None = None,
) -> Pictures:
    """The chosen pictures of `path`. `keep(place, image)` sees each in its own size. Raises `SkippedClip`."""
    if path.is_dir():
        images = sorted((p for p in path.iterdir() if p.suffix.lower() in IMAGES), key=natural)
        if not images:
            raise SkippedClip(Reason.ZERO_LENGTH, f"the folder {path.name} holds no image")
        return _from_images(path, images, request, keep)
    if path.suffix.lower() in IMAGES:
        if not path.exists():
            raise SkippedClip(Reason.MISSING, f"{path.name} is not there")
        return _from_images(path, [path], request, keep)
    return _from_video(path, request, (start_s or 0.0, end_s), keep)


def natural(path: Path) -> tuple[int, int | str, str]:
    """Sort key of an image: by the number its name ends with (frame_10 after frame_9), then by name."""
    digits = path.stem[len(path.stem.rstrip("0123456789")) :]
    return (0, int(digits), path.name) if digits else (1, path.stem, path.name)


def _from_images(path: Path, images: list[Path], request: FrameRequest, keep: KeepImage | None) -> Pictures:
    """Images are the frames that were already taken: rules that take them from a video mean all of them here."""
    extracted = request.rule in ("every_second", "ten", "all")
    numbers = list(range(len(images))) if extracted else choose(request, len(images), 0.0)
    _enough(path, len(numbers), request)
    frames, height, width = [], 0, 0
    for place, number in enumerate(numbers[: request.count]):
        image = read_image(images[number])
        if place == 0:
            height, width = image.height, image.width
        if keep is not None:
            keep(place, image)
        frames.append(shrunk(image, request.size))
    return Pictures(np.stack(frames), len(images), height, width)


def read_image(path: Path) -> Image:
    """An image file as RGB. Raises `SkippedClip`."""
    import warnings

    from PIL import Image, UnidentifiedImageError

    try:
        if path.stat().st_size == 0:
            raise SkippedClip(Reason.ZERO_LENGTH, f"{path.name} is empty")
        if is_lfs_pointer(path):
            raise SkippedClip(Reason.LFS_POINTER, f"{path.name} {LFS_ADVICE}")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path, formats=("JPEG", "PNG", "BMP", "WEBP")) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise SkippedClip(Reason.TOO_LARGE, f"{path.name} is {image.width} x {image.height} pixels")
                return image.convert("RGB")
    except (Image.DecompressionBombError, MemoryError) as error:
        raise SkippedClip(Reason.TOO_LARGE, f"{path.name}: {in_words(error)}") from error
    except UnidentifiedImageError as error:
        raise SkippedClip(Reason.UNDECODABLE, f"{path.name} is not an image") from error
    except (OSError, ValueError, SyntaxError, EOFError, ArithmeticError) as error:
        reason = Reason.TRUNCATED if "truncated" in str(error) else Reason.UNDECODABLE
        raise SkippedClip(reason, f"{path.name}: {in_words(error)}") from error


@dataclass
class _Pass:
    """What one pass over a video saw: frames, their first and last time (s), damage, pictures kept by number."""

    declared: list[float]  # frames per second, as the container says
    seen: int = 0
    first: float | None = None
    last: float | None = None
    size: tuple[int, int] = (0, 0)
    damaged: int = 0
    kept: dict[int, np.ndarray] = field(default_factory=dict)

    @cached_property
    def to_rgb(self) -> VideoReformatter:
        """One converter for all frames: setting one up costs as much as converting some frames."""
        from av.video.reformatter import VideoReformatter

        return VideoReformatter()

    def timed(self, time: float | None) -> None:
        self.seen += 1
        if time is not None:
            self.first = time if self.first is None else min(self.first, time)
            self.last = time if self.last is None else max(self.last, time)


def _from_video(
    path: Path, request: FrameRequest, window: tuple[float, float | None], keep: KeepImage | None
) -> Pictures:
    foreseen = _count_packets(path, window)
    numbers = choose(request, foreseen.seen, frame_rate(foreseen))
    for _ in range(2):
        done = _decode(path, window, numbers[: request.count], request.size, keep)
        chosen = choose(request, done.seen, frame_rate(done))
        if chosen[: request.count] == numbers[: request.count] and set(chosen[: request.count]) <= set(done.kept):
            break
        numbers = chosen
    if not done.seen:
        detail = f"{path.name}: no frame can be decoded" if done.damaged else f"{path.name}: its video has no frame"
        raise SkippedClip(Reason.UNDECODABLE if done.damaged else Reason.ZERO_LENGTH, detail)
    _enough(path, done.seen if request.rule == "ten" else len(numbers), request)
    frames = np.stack([done.kept[number] for number in numbers[: request.count]])
    return Pictures(frames, done.seen, *done.size, round(frame_rate(done), 3), done.damaged)


def _enough(path: Path, found: int, request: FrameRequest) -> None:
    if found < request.minimum:
        raise SkippedClip(Reason.TOO_SHORT, f"{path.name}: {found} frames, the preset needs {request.minimum}")


def frame_rate(seen: _Pass) -> float:
    """Frames per second from time stamps; a declared rate only where it agrees with them, or there are none."""
    if seen.seen > 1 and seen.first is not None and seen.last > seen.first:
        measured = (seen.seen - 1) / (seen.last - seen.first)
        return next((rate for rate in seen.declared if abs(rate - measured) < 0.02 * measured), measured)
    return next((rate for rate in seen.declared if 1 <= rate <= 240), FALLBACK_RATE)


def _pass(stream: VideoStream) -> _Pass:
    return _Pass([float(rate) for rate in (stream.average_rate, stream.guessed_rate) if rate])


def _video_stream(path: Path, streams: tuple[VideoStream, ...]) -> VideoStream:
    """The first stream of moving pictures: the cover of a sound file is none."""
    from av.stream import Disposition

    for stream in streams:
        if not stream.disposition & Disposition.attached_pic:
            if stream.codec_context.width * stream.codec_context.height > MAX_PIXELS:
                size = f"{stream.codec_context.width} x {stream.codec_context.height}"
                raise SkippedClip(Reason.TOO_LARGE, f"{path.name} says its pictures are {size} pixels")
            return stream
    raise SkippedClip(Reason.NO_VIDEO_STREAM, f"{path.name} has no video")


def _count_packets(path: Path, window: tuple[float, float | None]) -> _Pass:
    with opened(path) as container:
        stream = _video_stream(path, container.streams.video)
        counted = _pass(stream)
        origin = (container.start_time or 0) / 1e6
        for packet in container.demux(stream):
            if packet.size:
                time = None if packet.pts is None else float(packet.pts * packet.time_base) - origin
                if _inside(time, window):
                    counted.timed(time)
    return counted


def _inside(time: float | None, window: tuple[float, float | None]) -> bool:
    return time is None or (time >= window[0] - 1e-6 and (window[1] is None or time < window[1] - 1e-6))


def _decode(
    path: Path,
    window: tuple[float, float | None],
    numbers: list[int],
    size: tuple[int, int],
    keep: KeepImage | None,
) -> _Pass:
    import av

    places: dict[int, list[int]] = {}
    for place, number in enumerate(numbers):
        places.setdefault(number, []).append(place)
    with opened(path) as container:
        stream = _video_stream(path, container.streams.video)
        done = _pass(stream)
        stream.thread_type = "NONE"
        stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
        origin = (container.start_time or 0) / 1e6
        for packet in container.demux(stream):
            try:
                frames = packet.decode()
            except av.FFmpegError:
                done.damaged += 1
                continue
            for frame in frames:
                time = None if frame.time is None else frame.time - origin
                if not _inside(time, window):
                    continue
                done.damaged += bool(frame.is_corrupt)
                if done.seen in places:
                    _take(path, frame, done, places[done.seen], size, keep)
                done.timed(time)
    return done


def _take(
    path: Path, frame: VideoFrame, done: _Pass, places: list[int], size: tuple[int, int], keep: KeepImage | None
) -> None:
    from PIL import Image

    if frame.width * frame.height > MAX_PIXELS:
        raise SkippedClip(Reason.TOO_LARGE, f"{path.name}: a frame is {frame.width} x {frame.height} pixels")
    image = Image.fromarray(done.to_rgb.reformat(frame, format="rgb24").to_ndarray())
    if frame.rotation % 360:  # a phone held upright: players and ffmpeg turn the picture, so do we
        image = image.rotate(frame.rotation, expand=True)
    if not done.kept:
        done.size = (image.height, image.width)
    for place in places if keep is not None else ():
        keep(place, image)
    done.kept[done.seen] = shrunk(image, size)


def shrunk(image: Image, size: tuple[int, int]) -> np.ndarray:
    """An image as `(H, W, 3)` uint8 of exactly this size, antialiased bilinear."""
    from PIL import Image

    if (image.height, image.width) != size:
        image = image.resize((size[1], size[0]), Image.Resampling.BILINEAR)
    return np.asarray(image)
