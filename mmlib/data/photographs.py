"""Photographs as a network sees them: pick frames, crop, resize, mirror, normalise.

Published code does (OGM-GE): Pillow crops whole pixels and resizes them bilinearly, rounding to bytes after each axis.
We do: one of three, `PictureResize`. `exact`: the same filter without rounding, boxes in fractions of a pixel where the
pictures are stored in another size (`resize_boxes`). `fast`: bytes, rounded after each axis, and whole pixels, many
times faster. Where the boxes are equal it differs from `exact` by a grey level at most, and from Pillow by two (of pure
noise; 95 % of values are equal); a box is rounded by half a pixel at most.
`device`: as `exact`, but computed on the device that trains, to which the stored bytes travel.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import Tensor

from mmlib.data.deferred import StoredPictures
from mmlib.data.randomness import Draws, FrozenDraws, mix
from mmlib.data.transforms import (
    DRAWS_PER_FRAME,
    central_boxes,
    random_boxes,
    resize_bytes,
    scale_boxes,
    whole_boxes,
    whole_pixels,
)

FramePick = Literal["first", "middle", "random", "uniform", "segments"]
PictureResize = Literal["exact", "fast", "device"]


class PhotoView:
    """Photographs `(N, S, H, W, 3)` uint8 to `(n, 3, frames, size, size)`: pick frames, crop or resize, normalise.

    `valid` (N,) counts the frames each row really has. `pick`: the `first` ones (what upstream's code reads), the one
    in the `middle`, `random` distinct ones in order of time, `uniform` over the clip, `segments` (see `segment_picks`),
    or a tuple of places. A row with too few repeats its last. `sizes` (N, 2): height and width before the pictures were
    brought to H x W; boxes are drawn on those, so that crops have the shapes they would have on the originals.
    `test_share`: a test image is the centred square with that share of the shorter side; without it the whole picture.
    `frozen_copies`: so many fixed augmentations of each row, one of which is drawn at every step; 0 for a new one every
    time. `resize`: see above; `device` is what the loader makes of `exact`.
    """

    def __init__(
        self,
        photographs: np.ndarray,
        *,
        training: bool,
        frames: int,
        pick: FramePick | tuple[int, ...],
        mean: tuple[float, ...],
        deviation: tuple[float, ...],
        size: int = 224,
        valid: np.ndarray | None = None,
        sizes: np.ndarray | None = None,
        test_share: float | None = None,
        frozen_copies: int = 0,
        resize: PictureResize = "exact",
    ) -> None:
        self.photographs, self.training, self.frames, self.pick, self.size = photographs, training, frames, pick, size
        self.mean, self.deviation, self.test_share = mean, deviation, test_share
        self.frozen_copies, self.resize = frozen_copies, resize
        self.valid = np.full(len(photographs), photographs.shape[1]) if valid is None else valid
        self.sizes = np.broadcast_to(photographs.shape[2:4], (len(photographs), 2)) if sizes is None else sizes
        self.random = training

    def __call__(self, rows: np.ndarray, draws: Draws | None) -> Tensor:
        if self.resize != "fast":
            return self.deferred(rows, draws).shown()  # (n, C, T, size, size)
        picked, boxes, flip = self._drawn(rows, draws)
        boxes = whole_pixels(boxes, self.photographs.shape[2:4])
        return resize_bytes(self.photographs, rows, picked, boxes, self.size, flip, self.mean, self.deviation)

    def deferred(self, rows: np.ndarray, draws: Draws | None) -> StoredPictures:
        """The pictures as they are stored, and what is to be cut from them."""
        picked, boxes, flip = self._drawn(rows, draws)
        photographs = self.photographs[rows[:, None], picked]  # (n, T, H, W, C)
        flat = torch.from_numpy(photographs.reshape(-1, *photographs.shape[2:]))  # (n * T, H, W, C)
        return StoredPictures(flat, boxes, flip, picked.shape[1], self.size, self.mean, self.deviation)

    def _drawn(self, rows: np.ndarray, draws: Draws | None) -> tuple[np.ndarray, Tensor, Tensor | None]:
        """Frames shown (n, T), boxes (n * T, 4) and which are mirrored (n * T,)."""
        draws = draws if self.training else None
        if draws is not None and self.frozen_copies:
            draws = draws.frozen(rows, self.frozen_copies)
        picked = self.picks(rows, draws)
        return picked, *self.boxes(rows, picked.shape[1], draws)

    def boxes(self, rows: np.ndarray, t: int, draws: Draws | FrozenDraws | None) -> tuple[Tensor, Tensor | None]:
        """What is cut from each of `t` stored pictures of a row, `(n * T, 4)`, and which are mirrored."""
        sizes = torch.from_numpy(np.repeat(self.sizes[rows].astype(np.int64), t, axis=0))  # (n * T, 2)
        height, width = sizes.unbind(1)
        flip = None
        if draws is not None:
            uniform = draws.uniform("frame crop", t, DRAWS_PER_FRAME).view(len(sizes), DRAWS_PER_FRAME)
            boxes, flip = random_boxes(uniform[:, :-1].contiguous(), height, width), uniform[:, -1] < 0.5
        elif self.test_share is not None:
            boxes = central_boxes(height, width, self.test_share)
        else:
            boxes = whole_boxes(len(sizes), height, width)
        stored = self.photographs.shape[2:4]
        if not bool((sizes == torch.tensor(stored)).all()):
            boxes = scale_boxes(boxes, height, width, stored)
        return boxes, flip

    def picks(self, rows: np.ndarray, draws: Draws | FrozenDraws | None) -> np.ndarray:
        """Which stored frames are shown, `(n, T)`. Random picks at evaluation are fixed for each row."""
        valid = self.valid[rows][:, None]  # (n, 1)
        if isinstance(self.pick, tuple):
            return np.minimum(np.array(self.pick)[None, :], valid - 1)
        if self.pick == "middle":
            return valid // 2
        if self.pick == "segments":
            return segment_picks(
                valid, self.frames, None if draws is None else draws.uniform("frame pick", self.frames)
            )
        order = np.arange(self.frames)[None, :]
        if self.pick == "uniform":
            return ((order + 0.5) * valid / self.frames).astype(np.int64)
        if self.pick == "first":
            return np.minimum(order, valid - 1)
        stored = self.photographs.shape[1]
        if draws is not None:
            keys = draws.uniform("frame pick", stored).double().numpy()
        else:
            keys = np.stack([np.random.default_rng(mix("frame pick", int(row))).random(stored) for row in rows])
        keys[np.arange(stored)[None, :] >= valid] = 2.0  # frames that are not there come last
        chosen = np.argsort(keys, axis=1)[:, : self.frames]
        chosen = np.pad(chosen, ((0, 0), (0, self.frames - chosen.shape[1])))
        return np.sort(np.where(order < valid, chosen, valid - 1), axis=1)


def segment_picks(valid: np.ndarray, segments: int, uniform: Tensor | None = None) -> np.ndarray:
    """A frame of each of `segments` equal parts, `(n, segments)`, of clips of `valid` (n, 1) frames, as VAL takes them.

    With `uniform` (n, segments) in [0, 1) any frame of the part, otherwise the one before its middle. What is left over
    at the end belongs to no part, nothing beyond the ninth frame is taken, and of clips with two frames a part or fewer
    the first is shown every time.
    """
    length = valid // segments
    inside = np.maximum(length // 2, 1) - 1 if uniform is None else (uniform.double().numpy() * length).astype(np.int64)
    return np.where(valid <= 2 * segments, 0, np.minimum(np.arange(segments) * length + inside, 8))
