"""Inputs that travel as they are stored and are computed where the batch arrives: crop, resize, flip, spectrogram.

Whatever is random was drawn before, by the loader, so the result depends on nothing but what is stored here; on a CPU
it is, bit for bit, what the loader would have computed. Stored bytes are a third (pictures) to two thirds (sound) of
what they become.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol, Self

import torch
from torch import Tensor

from mmlib.data.spectrogram import SpectrogramPreset, spectrogram
from mmlib.data.transforms import normalise, resize_boxes


class Deferred(Protocol):
    """An input `(n, ...)` that is not computed yet."""

    def moved(self, change: Callable[[Tensor], Tensor]) -> Self:
        """The same with every tensor changed: sent to a device, pinned."""

    def shown(self) -> Tensor:
        """What a network receives, on the device that the tensors are on."""


@dataclass(frozen=True)
class StoredPictures:
    """`pictures` (n · T, H, W, C) uint8, the `boxes` (n · T, 4) cut from them and which are mirrored, `flip` (n · T,).

    Shown as (n, C, T, size, size) float32, each channel by its `mean` and `deviation`.
    """

    pictures: Tensor
    boxes: Tensor
    flip: Tensor | None
    frames: int  # T
    size: int
    mean: tuple[float, ...]
    deviation: tuple[float, ...]

    def moved(self, change: Callable[[Tensor], Tensor]) -> StoredPictures:
        flip = None if self.flip is None else change(self.flip)
        return replace(self, pictures=change(self.pictures), boxes=change(self.boxes), flip=flip)

    def shown(self) -> Tensor:
        resized = resize_boxes(self.pictures, self.boxes, self.size, self.flip)
        values = normalise(resized.permute(0, 2, 3, 1), self.mean, self.deviation)  # (n · T, size, size, C)
        values = values.view(-1, self.frames, self.size, self.size, values.shape[-1])
        return values.permute(0, 4, 1, 2, 3).contiguous()  # (n, C, T, size, size)


@dataclass(frozen=True)
class StoredSound:
    """`waveform` (n, L), int16 or float in [-1, 1], cropped already; `lengths` (n,) as `spectrogram` takes them, which
    stay where they are.

    Shown as the preset's spectrogram (n, 1, F, T').
    """

    waveform: Tensor
    lengths: Tensor | None
    sample_rate: int
    preset: SpectrogramPreset

    def moved(self, change: Callable[[Tensor], Tensor]) -> StoredSound:
        return replace(self, waveform=change(self.waveform))

    def shown(self) -> Tensor:
        return spectrogram(as_float(self.waveform), self.preset, self.sample_rate, self.lengths)


def as_float(waveform: Tensor) -> Tensor:
    """Stored sound as float32 in [-1, 1]."""
    return waveform.float().div_(32768) if waveform.dtype == torch.int16 else waveform.float()
