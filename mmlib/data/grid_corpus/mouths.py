"""Where the mouth is in a clip of GRID, and its frames at the size the data sets use.

The face is found by OpenCV's cascade for frontal faces (its model lies inside the package) on `LOOKS` frames of a clip;
the clip's box is their median, so it does not tremble. Without OpenCV, and where no face is found, the box is
`USUAL_BOX`: speaker 1 sits still, and over his 1000 clips the boxes differ from it by 7 pixels at most in half of all
clips, and by 27 at worst. The mouth is a fixed part of the face box (`PART`), grey, reduced to 24 x 36 by the mean over
areas.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np

HEIGHT, WIDTH = 24, 36
FRAMES = 75  # of a clip; one with fewer repeats its last
LOOKS = (0, 15, 30, 45, 60)  # frames in which a face is looked for
USUAL_BOX = (88.0, 99.0, 138.0, 138.0)  # left, top, width, height: the median over speaker 1's clips
PART = (0.23, 0.62, 0.77, 0.98)  # left, top, right, bottom of the mouth, in the face box
GREY = np.array([0.299, 0.587, 0.114], np.float32)  # of red, green, blue (ITU-R BT.601)


def opencv() -> Any | None:
    """OpenCV with its cascade classifier, or None where there is none."""
    try:
        import cv2
    except ImportError:
        return None
    return cv2 if hasattr(cv2, "CascadeClassifier") and hasattr(cv2, "data") else None


_OWN = threading.local()  # a classifier must not serve two threads at once


def _cascade() -> Any:
    if not hasattr(_OWN, "cascade"):
        cv2 = opencv()
        cv2.setNumThreads(1)  # several clips are read at once already
        model = Path(cv2.data.haarcascades) / "haarcascade_frontalface_default.xml"
        _OWN.cascade = cv2.CascadeClassifier(str(model))
    return _OWN.cascade


def face_box(frames: np.ndarray) -> np.ndarray | None:
    """Left, top, width and height `(4,)` of the face in RGB frames `(T, H, W, 3)` uint8, in pixels; None: none found.

    The largest face of each frame looked at; the median over those frames.
    """
    if opencv() is None:
        return None
    boxes = []
    for number in LOOKS:
        if number < len(frames):
            found = _cascade().detectMultiScale(grey(frames[number]), 1.1, 5)
            if len(found):
                boxes.append(max(found, key=lambda box: box[2] * box[3]))
    return np.median(boxes, axis=0) if boxes else None


def grey(frames: np.ndarray) -> np.ndarray:
    """RGB `(..., 3)` uint8 to grey `(...)` uint8."""
    return np.rint(frames.astype(np.float32) @ GREY).astype(np.uint8)


def mouth_frames(frames: np.ndarray, box: np.ndarray) -> np.ndarray:
    """The mouth in RGB frames `(T, H, W, 3)` uint8 whose face box is `box`: `(75, 24, 36)` uint8."""
    x, y, width, height = box
    left, top, right, bottom = (
        round(float(start + part * size))
        for start, part, size in zip((x, y, x, y), PART, (width, height, width, height), strict=True)
    )
    cut = grey(frames[:FRAMES, max(0, top) : bottom, max(0, left) : right])
    small = reduced(cut, HEIGHT, WIDTH)
    return np.concatenate([small, np.repeat(small[-1:], FRAMES - len(small), axis=0)])


def reduced(frames: np.ndarray, height: int, width: int) -> np.ndarray:
    """Frames `(T, H, W)` uint8 to `(T, height, width)` uint8, each pixel the mean over its area."""
    rows, columns = _areas(frames.shape[1], height), _areas(frames.shape[2], width)
    return np.rint(rows @ frames.astype(np.float32) @ columns.T).astype(np.uint8)


def _areas(pixels: int, parts: int) -> np.ndarray:
    """Weights `(parts, pixels)` of means over equal parts of a row of pixels, shares of pixels included."""
    edges = np.arange(parts + 1) * (pixels / parts)
    start, end = edges[:-1, None], edges[1:, None]
    place = np.arange(pixels)
    covered = np.clip(np.minimum(end, place + 1) - np.maximum(start, place), 0, None)
    return (covered / covered.sum(axis=1, keepdims=True)).astype(np.float32)
