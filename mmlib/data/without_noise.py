"""Samples as they were before noise was added, to be seen and heard beside what a network is given.

Generated data are rendered again by the same draws with noise too weak to count; noise on a recording is added when it
is loaded (`AudioView`), and left out here. Nothing is trained on these.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mmlib.data import synthetic
from mmlib.data.dataset import MultimodalDataset
from mmlib.data.views import AudioView, FrameView

NO_NOISE = 300.0
"""Signal to noise, dB, at which the noise vanishes in float32."""
MOST = 5000
"""Generated samples that are rendered again for a look at a few of them."""


def clean_views(dataset: MultimodalDataset) -> dict[str, AudioView | FrameView]:
    """A view without noise of each modality that has noise which is known; its rows are those of the prepared folder.

    Empty where nothing is known of noise, or there is none.
    """
    source = dataset.prepared.manifest["source"]
    views = {name: view for name, view in dataset.views.items() if isinstance(view, AudioView | FrameView)}
    if dataset.prepared.dataset == "synthetic" and source["samples"] <= MOST:
        arrays = rendered(source)
        again = {"audio": "waveform", "visual": "frames"}
        return {name: _over(views[name], arrays[again[name]]) for name in views if name in again}
    noisy = {name: view for name, view in views.items() if getattr(view, "snr_db", None) is not None}
    clean = {name: copy.copy(view) for name, view in noisy.items()}
    for view in clean.values():
        view.snr_db = None
    return clean


def rendered(source: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Waveforms (N, L) int16 and frames (N, T, H, W) uint8 of generated data without noise."""
    return _rendered(*(source[name] for name in ("seed", "samples", "classes", "correlation", "uninformative")))


@lru_cache(maxsize=1)
def _rendered(seed: int, samples: int, classes: int, correlation: float, uninformative: float) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    _, latents, _ = synthetic.draw_latents(rng, samples, classes, correlation, uninformative)
    return {
        "waveform": synthetic.render_audio(rng, latents["audio"], NO_NOISE),
        "frames": synthetic.render_frames(rng, latents["visual"], NO_NOISE),
    }


def _over(view: AudioView | FrameView, array: np.ndarray) -> AudioView | FrameView:
    """The same view of another array."""
    other = copy.copy(view)
    setattr(other, "waveforms" if isinstance(view, AudioView) else "frames", array)
    return other


def clean_inputs(dataset: MultimodalDataset, positions: np.ndarray) -> dict[str, Tensor]:
    """What the encoders would be given without noise, by modality, (n, ...); of modalities with noise that is known."""
    rows = dataset.rows[np.asarray(positions)]
    with torch.no_grad():
        return {name: view(rows, None) for name, view in clean_views(dataset).items()}
