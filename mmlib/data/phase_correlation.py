"""Displacement between two pictures by phase correlation, in whole pixels: of all, or window by window.

The normalised cross-power spectrum of two pictures that differ by a shift is a wave whose inverse transform is a peak
at that shift (Kuglin and Hines, 1975). A Hann window keeps the edges, which do not shift, out of it.
"""

from __future__ import annotations

import numpy as np


def displacement(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Pixels `(..., 2)` (horizontal, vertical; positive to the right and down) by which `first` moved to be `second`.

    Args:
        first, second: grey pictures `(..., H, W)`; shifts up to half their size can be told.
    """
    height, width = first.shape[-2:]
    window = np.outer(np.hanning(height), np.hanning(width))
    spectra = [np.fft.rfft2((p - p.mean(axis=(-2, -1), keepdims=True)) * window) for p in (first, second)]
    cross = spectra[1] * np.conj(spectra[0])
    cross /= np.abs(cross) + 1e-9
    surface = np.fft.irfft2(cross, s=(height, width))
    peak = surface.reshape(*surface.shape[:-2], -1).argmax(axis=-1)
    down, right = np.unravel_index(peak, (height, width))
    down, right = (np.where(at > n // 2, at - n, at) for at, n in ((down, height), (right, width)))
    return np.stack([right, down], axis=-1)


def flow_field(frames: np.ndarray, window: int, stride: int) -> np.ndarray:
    """Flow `(N, 2, T - 1, h, w)` between neighbouring grey frames `(N, T, H, W)`, in windows `stride` pixels apart."""
    seen = np.lib.stride_tricks.sliding_window_view(frames, (window, window), axis=(-2, -1))
    seen = seen[..., ::stride, ::stride, :, :]  # (N, T, h, w, window, window)
    moved = displacement(seen[:, :-1], seen[:, 1:])  # (N, T - 1, h, w, 2)
    return np.moveaxis(moved, -1, 1)
