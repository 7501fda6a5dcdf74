"""Samples as they were before noise was added, to be seen and heard beside what a network is given.

Generated data are rendered again by the same draws, the samples asked for alone; noise on a recording is added when it
is loaded (`AudioView`), and left out here. Nothing is trained on these.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mmlib.data import synthetic
from mmlib.data.dataset import MultimodalDataset
from mmlib.data.synthetic import GAIN, PICTURES, WAVEFORM, audio_signal, frame_signal, quantised
from mmlib.data.views import AudioView, FrameView

MOST = 5000
"""Generated samples whose draws are made again for a look at a few of them."""


@dataclass(frozen=True)
class Clean:
    """A view without noise and the rows of it that were asked for."""

    view: AudioView | FrameView
    rows: np.ndarray

    def inputs(self) -> Tensor:
        """What an encoder would be given, (n, ...)."""
        return self.view(self.rows, None)


def clean_views(dataset: MultimodalDataset, positions: np.ndarray) -> dict[str, Clean]:
    """The samples at these positions without noise, by modality, where their noise is known.

    Empty where nothing is known of noise, or there is none.
    """
    source, rows = dataset.prepared.manifest["source"], dataset.rows[np.asarray(positions)]
    views = {name: view for name, view in dataset.views.items() if isinstance(view, AudioView | FrameView)}
    if dataset.prepared.dataset == "synthetic" and source["samples"] <= MOST:
        arrays, places = rendered(source, rows), np.arange(len(rows))
        return {name: Clean(_over(views[name], arrays[name]), places) for name in views if name in arrays}
    noisy = {name: view for name, view in views.items() if getattr(view, "snr_db", None) is not None}
    clean = {name: copy.copy(view) for name, view in noisy.items()}
    for view in clean.values():
        view.snr_db = None
    return {name: Clean(view, rows) for name, view in clean.items()}


def rendered(source: Mapping[str, Any], rows: np.ndarray) -> dict[str, np.ndarray]:
    """Waveforms `audio` (n, L) int16 and frames `visual` (n, T, H, W) uint8 of generated samples without noise.

    Their scale is that of the whole set by its expected power, within a hundredth.
    """
    drawn = _drawn(*(source[name] for name in ("seed", "samples", "classes", "correlation", "uninformative")))
    kinds = {"audio": (audio_signal, WAVEFORM), "visual": (frame_signal, PICTURES)}
    found = {}
    for name, (signal, stored) in kinds.items():
        latents, own = drawn[name]
        deviation = np.sqrt(np.exp(2 * GAIN * latents).sum(axis=1).mean() / 2)  # of a sum of waves of these strengths
        found[name] = quantised(signal(latents[rows], own[:, rows]), *stored, deviation)
    return found


@lru_cache(maxsize=1)
def _drawn(
    seed: int, samples: int, classes: int, correlation: float, uninformative: float
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Latents (N, K) by modality, and what else was drawn of each sample but its noise, (2, N, K)."""
    rng = np.random.default_rng(seed)
    _, latents, _ = synthetic.draw_latents(rng, samples, classes, correlation, uninformative)
    sweeps = synthetic.draw_sweeps(rng, samples, classes)
    synthetic.pass_over_noise(rng, samples * synthetic.SAMPLES)  # comes before the frames' own
    drifts = synthetic.draw_drifts(rng, samples, classes)
    return {"audio": (latents["audio"], sweeps), "visual": (latents["visual"], drifts)}


def _over(view: AudioView | FrameView, array: np.ndarray) -> AudioView | FrameView:
    """The same view of another array."""
    other = copy.copy(view)
    setattr(other, "waveforms" if isinstance(view, AudioView) else "frames", array)
    return other


def clean_inputs(dataset: MultimodalDataset, positions: np.ndarray) -> dict[str, Tensor]:
    """What the encoders would be given without noise, by modality, (n, ...); of modalities with noise that is known."""
    with torch.no_grad():
        return {name: clean.inputs() for name, clean in clean_views(dataset, positions).items()}
