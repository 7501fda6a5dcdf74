"""Pictures and flow of one clip of UCF-101: which files, which six of them, at what size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmlib.data.listed import VIDEOS, Found
from mmlib.data.media.opening import in_words, opened
from mmlib.data.media.pictures import shrunk
from mmlib.data.media.reasons import Reason, SkippedClip
from mmlib.data.ucf101.flow import flow_bytes
from mmlib.data.ucf101.lists import ListedClip

STORED = 6
_PICTURES = ("jpegs_256", "jpegs", "rgb")
_FLOW = ("tvl1_flow", "flow")


@dataclass(frozen=True)
class ClipFiles:
    """What there is of a clip, in order of time: `pictures`, `u` and `v` JPEG files, `video`."""

    pictures: Sequence[Path]
    u: Sequence[Path]
    v: Sequence[Path]
    video: Path | None


@dataclass(frozen=True)
class ClipContent:
    """Six pictures `(6, S, S, 3)` and flows `(6, 2, S, S)`, uint8; whether flow was computed here."""

    frames: np.ndarray
    flow: np.ndarray
    computed: bool


class Finder:
    """Finds the files of clips below a folder."""

    def __init__(self, source: Path) -> None:
        self.source = source
        self.videos = Found(source, VIDEOS)

    def files(self, clip: ListedClip) -> ClipFiles:
        """Of the first layout that has pictures of the clip; empty where there are none."""
        pictures = next((found for name in _PICTURES if (found := _jpegs(self.source / name / clip.id, ""))), [])
        flows = [self.source / name for name in _FLOW]
        u, v = ([f for place in flows for f in _jpegs(place / axis / clip.id, "")] for axis in ("u", "v"))
        for place in (f"rawframes/{clip.action}", "rawframes", clip.action, "."):
            folder = self.source / place / clip.id
            pictures = pictures or _jpegs(folder, "img_")
            u = u or _jpegs(folder, "flow_x_") or _jpegs(folder, "x_")
            v = v or _jpegs(folder, "flow_y_") or _jpegs(folder, "y_")
        return ClipFiles(pictures, u, v, next(iter(self.videos.files.get(clip.id, [])), None))


def read_clip(files: ClipFiles, size: int) -> ClipContent:
    """Six pictures and six flows at the centres of equal parts. Raises `SkippedClip`, `DataError` (no OpenCV)."""
    if len(files.u) != len(files.v):
        raise SkippedClip(Reason.MISSING, f"{len(files.u)} files of u and {len(files.v)} of v")
    if not files.pictures and files.video is None:
        raise SkippedClip(Reason.MISSING, "neither pictures nor a video")
    shown = _Pictures(files)
    frames = np.stack([shrunk(shown.image(place), (size, size)) for place in centres(len(shown))])
    if files.u:
        chosen = centres(len(files.u))
        axes = [np.stack([_grey(paths[place], size) for place in chosen]) for paths in (files.u, files.v)]
        return ClipContent(frames, np.stack(axes, axis=1), False)
    if len(shown) < 2:
        raise SkippedClip(Reason.TOO_SHORT, "one picture has no motion")
    pairs = [(shown.image(place), shown.image(place + 1)) for place in centres(len(shown) - 1)]
    return ClipContent(frames, np.stack([flow_bytes(*pair, size) for pair in pairs]), True)


def centres(count: int) -> list[int]:
    """Places at the centres of six equal parts of `count` frames."""
    return ((np.arange(STORED) + 0.5) * count / STORED).astype(int).tolist()


class _Pictures:
    """The pictures of a clip by place, from their files or from its video (read once)."""

    def __init__(self, files: ClipFiles) -> None:
        self._paths = files.pictures
        self._frames = [] if files.pictures else _decoded(files.video)

    def __len__(self) -> int:
        return len(self._paths) or len(self._frames)

    def image(self, place: int):
        from PIL import Image

        return _opened(self._paths[place]).convert("RGB") if self._paths else Image.fromarray(self._frames[place])


def _decoded(path: Path) -> list[np.ndarray]:
    with opened(path) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    if not frames:
        raise SkippedClip(Reason.ZERO_LENGTH, f"{path.name} has no frame")
    return frames


def _jpegs(folder: Path, prefix: str) -> list[Path]:
    """Files of a folder in order of time; numbers may be written with zeros in front or without."""
    if not folder.is_dir():
        return []
    names = [path for path in folder.iterdir() if path.suffix.lower() in (".jpg", ".jpeg")]
    return sorted((path for path in names if path.name.startswith(prefix)), key=lambda p: (len(p.name), p.name))


def _grey(path: Path, size: int) -> np.ndarray:
    return shrunk(_opened(path).convert("L"), (size, size))


def _opened(path: Path):
    from PIL import Image

    try:
        image = Image.open(path)
        image.load()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise SkippedClip(Reason.UNDECODABLE, f"{path.parent.name}/{path.name}: {in_words(error)}") from error
    return image
