"""A picture and its optical flow, from 25 real videos: which region is seen, and which way does it move (8 classes).

A small stand-in for UCF-101's two streams, whose answer is known by construction: a single frame cannot tell a
direction, flow hardly tells a region, and the two together tell all.

Source: 25 clips of GRID's speaker 1 as published (360 x 288, Cooke et al. 2006).
We do: an item is a grey crop of 64 x 64 pixels around the eyes or the mouth, its centre jittered by up to `JITTER`
pixels, that moves by `SPEED` pixels a frame for `FRAMES` frames of the video. Its classes are named by where the
picture's content goes, which is against the crop. The visual modality is the middle frame; `flow` is the displacement
between neighbouring frames in windows of `WINDOW` pixels (`mmlib.data.phase_correlation`), in pixels a frame. Videos,
never items, are divided 15 / 3 / 7 into train, validation and test. A horizontal flip would exchange two classes, so
none is made.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mmlib.data.media.opening import opened
from mmlib.data.media.reasons import SkippedClip
from mmlib.data.phase_correlation import flow_field
from mmlib.data.prepared import write_prepared
from mmlib.data.ranges import narrowed
from mmlib.errors import DataError

LAYOUT = 1  # raise when the same options would write other content
FOLDER = "grid_raw/video"
VIDEOS = {"train": 15, "validation": 3, "test": 7}
REGIONS = {"eyes": 110, "mouth": 190}  # row of the centre
DIRECTIONS = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}  # of the content: right, down
SIDE, JITTER, SPEED, FRAMES = 64, 8, 2, 7  # pixels, pixels, pixels a frame, frames
WINDOW, STRIDE = 32, 8
ITEMS = 800  # each class four times in each video
CLASSES = [f"{region} {direction}" for region in REGIONS for direction in DIRECTIONS]
ITEMS_AT_ONCE = 64


def missing(root: Path) -> str | None:
    """The first missing thing under a data root, or None."""
    found, needed = len(_videos(root)), sum(VIDEOS.values())
    return None if found >= needed else f"{root / FOLDER}: {needed - found} of {needed} videos (.mpg) are missing."


def inputs(root: Path) -> dict[str, Path]:
    """Every file the preparation reads, by its path below the root."""
    return {path.relative_to(root).as_posix(): path for path in _videos(root)}


def _videos(root: Path) -> list[Path]:
    return sorted((root / FOLDER).glob("*.mpg"))[: sum(VIDEOS.values())]


def prepare_folder(folder: Path, root: Path, options: dict[str, Any], inputs_hash: str) -> Path:
    """Cut all items and write the prepared folder. Raises `DataError`, `ParameterError`."""
    videos = _videos(root)
    rng = np.random.default_rng(options["seed"])
    split_of = rng.permutation(np.repeat(list(VIDEOS), list(VIDEOS.values())))
    video = np.arange(ITEMS) % len(videos)
    label = np.arange(ITEMS) // len(videos) % len(CLASSES)
    grey = [read_grey(path) for path in videos]
    items = np.stack([cut(grey[v], k, rng) for v, k in zip(video, label, strict=True)])  # (N, FRAMES, SIDE, SIDE)
    pieces = [items[start : start + ITEMS_AT_ONCE].astype(np.float32) for start in range(0, ITEMS, ITEMS_AT_ONCE)]
    flow = np.concatenate([flow_field(piece, WINDOW, STRIDE) for piece in pieces])  # (N, 2, FRAMES - 1, 5, 5)
    names = np.array([path.stem for path in videos])[video]
    return write_prepared(
        folder,
        dataset="rgb_flow",
        classes=CLASSES,
        index={
            "id": [f"{name}_{row:05d}" for row, name in enumerate(names)],
            "label": label,
            "split": split_of[video],
            "group": names,
        },
        arrays={
            "visual": items[:, None, FRAMES // 2 : FRAMES // 2 + 1],
            "flow": narrowed(flow, np.float16, "the flow"),
        },
        source={
            "layout": LAYOUT,
            "inputs_sha256": inputs_hash,
            "modalities": {"visual": "pictures", "flow": "features"},
            **options,
        },
        replace=True,
    )


def read_grey(path: Path) -> np.ndarray:
    """All frames of a video, `(T, H, W)` uint8. Raises `DataError`."""
    try:
        with opened(path) as container:
            frames = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
    except SkippedClip as error:
        raise DataError(f"{path} cannot be used ({error}). Copy the file again from its source.") from error
    reach = max(REGIONS.values()) + SIDE // 2 + JITTER + SPEED * (FRAMES // 2)
    if len(frames) < FRAMES or frames[0].shape[0] < reach:
        raise DataError(f"{path} has {len(frames)} frames, too few or too small. Copy the file again from its source.")
    return np.stack(frames)


def cut(video: np.ndarray, label: int, rng: np.random.Generator) -> np.ndarray:
    """One item of a class, `(FRAMES, SIDE, SIDE)` uint8, at a random time and place of a grey video `(T, H, W)`."""
    region, direction = divmod(label, len(DIRECTIONS))
    start = rng.integers(len(video) - FRAMES + 1)
    across, down = rng.integers(-JITTER, JITTER + 1, size=2)
    centre = np.array([video.shape[2] // 2 + across, list(REGIONS.values())[region] + down])
    step = -SPEED * np.array(list(DIRECTIONS.values())[direction])  # the crop goes against its content
    left, top = (centre - SIDE // 2 + step * (np.arange(FRAMES) - FRAMES // 2)[:, None]).T
    return np.stack([video[start + t, top[t] : top[t] + SIDE, left[t] : left[t] + SIDE] for t in range(FRAMES)])
