"""Pictures and their optical flow (UCF-101) as a network sees them: one of each two stored frames, mirrored together.

A picture mirrored shows a motion to the left as one to the right, so u changes its sign with the flip, and both streams
take the flip of one draw. Which frame of a segment is shown is drawn for each stream on its own, as published.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from mmlib.data.randomness import Draws
from mmlib.data.transforms import normalise

PER_SEGMENT = 2  # stored frames
FLIP = "shared flip"  # the stream of random numbers that both views read


class PictureSegments:
    """Pictures `(N, 2 T, H, W, 3)` uint8 to `(n, 3, T, H, W)`, each channel by its `mean` and `deviation`."""

    def __init__(
        self, pictures: np.ndarray, *, training: bool, mean: tuple[float, ...], deviation: tuple[float, ...]
    ) -> None:
        self.pictures, self.mean, self.deviation = pictures, mean, deviation
        self.random = training

    def __call__(self, rows: np.ndarray, draws: Draws | None) -> Tensor:
        draws = draws if self.random else None
        picked = picks(len(rows), self.pictures.shape[1], draws, "picture of a segment")
        shown = torch.from_numpy(self.pictures[rows[:, None], picked])  # (n, T, H, W, 3)
        values = normalise(shown, self.mean, self.deviation).permute(0, 4, 1, 2, 3)
        return mirrored(values, draws).contiguous()  # (n, 3, T, H, W)


class FlowSegments:
    """Flow `(N, 2 T, 2, H, W)` uint8 (u, v; 127.5 is no motion) to `(n, 2, T, H, W)` in [0, 1], as published."""

    def __init__(self, flow: np.ndarray, *, training: bool) -> None:
        self.flow, self.random = flow, training

    def __call__(self, rows: np.ndarray, draws: Draws | None) -> Tensor:
        draws = draws if self.random else None
        picked = picks(len(rows), self.flow.shape[1], draws, "flow of a segment")
        shown = torch.from_numpy(self.flow[rows[:, None], picked]).float().div_(255)  # (n, T, 2, H, W)
        values = shown.transpose(1, 2)  # (n, 2, T, H, W)
        if draws is not None:
            flip = flips(draws)
            values[flip, 0] = 1 - values[flip, 0]  # u the other way
        return mirrored(values, draws).contiguous()


def picks(rows: int, stored: int, draws: Draws | None, stream: str) -> np.ndarray:
    """A stored frame of each segment, `(rows, stored // 2)`: either of the two in training, the second otherwise."""
    segments = stored // PER_SEGMENT
    inside = np.ones((rows, segments), np.int64)
    if draws is not None:
        inside = (draws.uniform(stream, segments) * PER_SEGMENT).long().numpy()
    return PER_SEGMENT * np.arange(segments) + inside


def flips(draws: Draws) -> Tensor:
    """Which samples of a batch are mirrored, `(n,)` bool: the same for every view."""
    return draws.uniform(FLIP) < 0.5


def mirrored(values: Tensor, draws: Draws | None) -> Tensor:
    """Left and right exchanged where the draw says so."""
    if draws is None:
        return values
    flip = flips(draws).view(-1, *[1] * (values.dim() - 1))
    return torch.where(flip, values.flip(-1), values)
