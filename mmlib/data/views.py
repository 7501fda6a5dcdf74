"""Views: how the arrays of a prepared folder become the tensors a network receives, one view per modality.

A view takes row numbers of its arrays and, in training, the batch's `Draws`; without draws it must give the same result
every time. `random` says whether draws change it: what they do not change may be computed once and kept. The rows are
those of the prepared folder's index; where several of them share an item (questions on one clip), `ItemView` stands
between and the view sees items.
"""

from __future__ import annotations

import mmap
from typing import Literal, Protocol

import numpy as np
import torch
from torch import Tensor

from mmlib.data import room
from mmlib.data.deferred import Deferred, StoredSound, as_float
from mmlib.data.randomness import Draws, mix
from mmlib.data.spectrogram import SpectrogramPreset, spectrogram
from mmlib.data.transforms import normalise
from mmlib.errors import DataError

_EVALUATION_NOISE = "evaluation noise"


class View(Protocol):
    """Rows (n,) of a prepared folder to a tensor `(n, ...)`: float32, or int64 for token ids.

    The result belongs to the batch: a view that keeps some for later keeps copies (`mmlib.data.room`).
    """

    random: bool

    def __call__(self, rows: np.ndarray, draws: Draws | None) -> Tensor: ...


class StoredView(View, Protocol):
    """A view whose result can also be computed later, from what is stored and what was drawn."""

    def deferred(self, rows: np.ndarray, draws: Draws | None) -> Deferred | None:
        """What `shown` turns into the view's result; None where it must be computed here."""


def deferred(view: View, rows: np.ndarray, draws: Draws | None) -> Deferred | None:
    """What a view can leave for later, None where it can leave nothing."""
    return view.deferred(rows, draws) if hasattr(view, "deferred") else None


class ItemView:
    """A view of what several rows share: `items` (N,) int64 gives each row's place in the arrays that `view` shows."""

    def __init__(self, view: View, items: np.ndarray) -> None:
        self.view, self.items = view, items
        self.random = view.random

    def __call__(self, rows: np.ndarray, draws: Draws | None) -> Tensor:
        return self.view(self.items[rows], draws)

    def deferred(self, rows: np.ndarray, draws: Draws | None) -> Deferred | None:
        return deferred(self.view, self.items[rows], draws)


class AudioView:
    """Waveforms `(N, L)` (int16, or float in [-1, 1]) to spectrograms `(n, 1, F, T)`.

    `snr_db` adds white noise of that signal-to-noise ratio, relative to the mean power over each waveform's own
    `lengths` samples (padding does not count): fresh for every batch in training, fixed for each row otherwise.
    `crop` keeps that many samples: from a uniform random start, or from the centre.
    """

    def __init__(
        self,
        waveforms: np.ndarray,
        sample_rate: int,
        preset: SpectrogramPreset,
        *,
        training: bool,
        snr_db: float | None = None,
        lengths: np.ndarray | None = None,
        crop: int | None = None,
        crop_at: Literal["random", "center"] = "center",
    ) -> None:
        self.waveforms, self.sample_rate, self.preset, self.training = waveforms, sample_rate, preset, training
        self.snr_db, self.lengths, self.crop, self.crop_at = snr_db, lengths, crop, crop_at
        self.random = training and (snr_db is not None or crop is not None)

    def __call__(self, rows: np.ndarray, draws: Draws | None) -> Tensor:
        waveform = self.waveform(rows, draws)
        return spectrogram(waveform, self.preset, self.sample_rate, self._lengths(rows))  # (n, 1, F, T)

    def deferred(self, rows: np.ndarray, draws: Draws | None) -> StoredSound | None:
        """The sound as it is stored; None with noise, which is drawn and scaled here."""
        if self.snr_db is not None:
            return None
        return StoredSound(self._stored(rows, draws), self._lengths(rows), self.sample_rate, self.preset)

    def waveform(self, rows: np.ndarray, draws: Draws | None = None) -> Tensor:
        """What is heard, before the spectrogram: `(n, L)` float32, noise and crop included."""
        waveform = as_float(self._stored(rows, draws))
        if self.snr_db is not None:
            waveform = waveform + self._noise(waveform, rows, draws if self.training else None)
        return waveform

    def _lengths(self, rows: np.ndarray) -> Tensor | None:
        return None if self.lengths is None or self.crop else torch.from_numpy(self.lengths[rows])

    def _stored(self, rows: np.ndarray, draws: Draws | None) -> Tensor:
        """`(n, L)` as stored; of a crop only what is kept is read."""
        if self.crop is None:
            return torch.from_numpy(np.ascontiguousarray(self.waveforms[rows]))
        start = self.crop_starts(rows, self.waveforms.shape[1] - self.crop, draws if self.training else None)
        windows = np.lib.stride_tricks.sliding_window_view(self.waveforms, self.crop, axis=1)  # (N, L - crop + 1, crop)
        return torch.from_numpy(windows[rows, start.numpy()])

    def crop_starts(self, rows: np.ndarray, room: int, draws: Draws | None) -> Tensor:
        """First sample of each crop, `(n,)`, from 0 to `room`, both included."""
        if draws is not None:
            return (draws.uniform("audio crop") * (room + 1)).long()
        if self.crop_at == "random":
            return torch.tensor([mix("evaluation crop", int(row)) % (room + 1) for row in rows])
        return torch.full((len(rows),), room // 2)

    def _noise(self, waveform: Tensor, rows: np.ndarray, draws: Draws | None) -> Tensor:
        samples = waveform.shape[1]
        if draws is not None:
            noise = draws.normal("audio noise", samples)  # (n, L)
        else:
            seeds = (mix(_EVALUATION_NOISE, int(row)) for row in rows)
            generators = (torch.Generator().manual_seed(seed) for seed in seeds)
            noise = torch.stack([torch.randn(samples, generator=generator) for generator in generators])
        lengths = torch.full((len(rows),), samples) if self.lengths is None else torch.from_numpy(self.lengths[rows])
        power = waveform.square().sum(dim=1) / lengths  # (n,): mean power over the token itself
        return noise * (power * 10 ** (-self.snr_db / 10)).sqrt().float()[:, None]


class FeatureView:
    """Stored features `(N, ...)`, floats of any width, to `(n, ...)` float32, as they are.

    `as_stored` leaves their width, for a network that widens large features piece by piece.

    Of a memory-mapped file nothing stays in this process: a page that was read counts as its memory until it is let
    go, and after an epoch that would be the whole file. The system's file cache keeps what it has room for. Rows are
    read a few at a time, so that a batch needs its own memory and no more.
    Raises `DataError` for integers: ids are no quantities.
    """

    random = False
    PIECE_BYTES = 32 << 20  # as stored

    def __init__(self, features: np.ndarray, as_stored: bool = False) -> None:
        if features.dtype.kind != "f":
            raise DataError(
                f"features are {features.dtype}, which would be made float32. Store features as floats, and show token "
                "ids through TokenView (source modalities: tokens)."
            )
        self.features, self.as_stored = features, as_stored

    def __call__(self, rows: np.ndarray, draws: Draws | None) -> Tensor:
        features = self.features
        kept = torch.from_numpy(features[:0]).dtype if self.as_stored else torch.float32
        values = room.empty(len(rows), *features.shape[1:], dtype=kept)
        step = max(1, self.PIECE_BYTES // max(1, features[:1].nbytes))
        mapped = getattr(features, "_mmap", None)
        for start in range(0, len(rows), step):
            piece = np.ascontiguousarray(features[rows[start : start + step]])
            values[start : start + step] = torch.from_numpy(piece)
            if mapped is not None and hasattr(mmap, "MADV_DONTNEED"):
                mapped.madvise(mmap.MADV_DONTNEED)
        return values


class TokenView:
    """Token ids `(N, L)`, integers of any width, to `(n, L)` int64, as they are.

    Id 0 is padding and nothing else: whoever needs a mask compares with it. `lengths` (N,) counts each row's tokens;
    what lies beyond becomes padding. Ids run from 0 to `vocabulary` - 1 (without it, to the largest one there is).
    Raises `DataError` for other arrays and for ids outside.
    """

    random = False

    def __init__(self, tokens: np.ndarray, vocabulary: int | None = None, lengths: np.ndarray | None = None) -> None:
        if tokens.dtype.kind not in "iu" or tokens.ndim != 2:
            raise DataError(f"token ids are {tokens.dtype} {list(tokens.shape)}: store integers (rows, tokens).")
        low, high = (int(tokens.min()), int(tokens.max())) if tokens.size else (0, 0)
        self.tokens, self.lengths, self.vocabulary = tokens, lengths, vocabulary or high + 1
        if low < 0 or high >= self.vocabulary:
            raise DataError(
                f"token ids run from {low} to {high}, the vocabulary from 0 (padding) to {self.vocabulary - 1}. "
                "Prepare the tokens again with the vocabulary they are read with."
            )

    def __call__(self, rows: np.ndarray, draws: Draws | None) -> Tensor:
        ids = torch.from_numpy(self.tokens[rows].astype(np.int64))  # (n, L)
        if self.lengths is not None:
            ids[torch.arange(ids.shape[1]) >= torch.from_numpy(self.lengths[rows])[:, None]] = 0
        return ids


class FrameView:
    """Small frames `(N, T, H, W)` or `(N, T, H, W, C)` uint8 to `(n, C, T, H, W)`, scaled by one mean and deviation."""

    random = False

    def __init__(self, frames: np.ndarray, mean: float = 0.5, deviation: float = 0.25) -> None:
        self.frames, self.mean, self.deviation = frames, mean, deviation

    def __call__(self, rows: np.ndarray, draws: Draws | None) -> Tensor:
        frames = torch.from_numpy(np.ascontiguousarray(self.frames[rows]))
        if frames.ndim == 4:
            frames = frames.unsqueeze(-1)  # (n, T, H, W, 1)
        channels = frames.shape[-1]
        values = normalise(frames, (self.mean,) * channels, (self.deviation,) * channels)
        return values.permute(0, 4, 1, 2, 3).contiguous()  # (n, C, T, H, W)


class PictureView:
    """Pictures `(N, C, H, W)`, or films `(N, C, T, H, W)`, uint8, to float32 of that shape, scaled as `FrameView` does.

    Raises `DataError` for other arrays.
    """

    random = False

    def __init__(self, pictures: np.ndarray, mean: float = 0.5, deviation: float = 0.25) -> None:
        if pictures.dtype != np.uint8 or pictures.ndim not in (4, 5):
            raise DataError(f"pictures are {pictures.dtype} {list(pictures.shape)}: store bytes (rows, C, [T,] H, W).")
        self.pictures, self.mean, self.deviation = pictures, mean, deviation

    def __call__(self, rows: np.ndarray, draws: Draws | None) -> Tensor:
        values = torch.from_numpy(np.ascontiguousarray(self.pictures[rows])).float()
        return values.div_(255).sub_(self.mean).div_(self.deviation)  # (n, C, [T,] H, W)
