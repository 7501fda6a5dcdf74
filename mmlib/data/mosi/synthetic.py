"""Generated sentiment: three sequences that tell a score, with noise steps at known places.

A signal step is direction · strength · score / 3 + a signature, a noise step direction · strength · another score / 3
without the signature; both in white noise of deviation 1. So a noise step says something wrong, in a voice that can be
told from the others. Every modality has noise steps of its own; `<modality>_noise` (N, T) marks them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mmlib.data.mosi.scores import CLASSES, TARGET, classes_of
from mmlib.data.prepared import write_prepared
from mmlib.errors import ParameterError

LAYOUT = 1  # raise when the same options would write other content
CHANNELS = {"text": 16, "audio": 12, "visual": 12}
STRENGTHS = {"text": 5.0, "audio": 4.0, "visual": 3.5}  # of the score, in deviations of the noise
SIGNATURE = 3.0  # length, in deviations of the noise
SHORTEST = 0.6  # of the steps
NEUTRAL = 0.08  # share of samples with score 0
SHARES = {"train": 0.6, "validation": 0.15, "test": 0.25}


def prepare_folder(folder: Path, root: Path | None, options: dict[str, Any], inputs_hash: str) -> Path:
    """Generate and write the prepared folder. Raises `ParameterError` for an option out of range."""
    count, steps, share = options["samples"], options["steps"], options["noise_share"]
    if count < 20 or steps < 2 or not 0 <= share < 1:
        raise ParameterError(
            f"synthetic_sentiment: samples is {count}, steps {steps}, noise_share {share:g}; it needs 20 samples, 2 "
            "steps, and a share of noise from 0 to below 1."
        )
    rng = np.random.default_rng(options["seed"])
    scores = np.round(rng.uniform(-3, 3, count), 2)
    scores[rng.random(count) < NEUTRAL] = 0
    lengths = rng.integers(max(1, round(SHORTEST * steps)), steps + 1, size=count)
    arrays: dict[str, np.ndarray] = {}
    for name, channels in CHANNELS.items():
        arrays |= sequences(rng, name, scores, lengths, steps, channels, share)
    names = [f"{row:06d}" for row in range(count)]
    edges = np.cumsum([round(part * count) for part in SHARES.values()])[:-1]
    return write_prepared(
        folder,
        dataset="synthetic_sentiment",
        classes=CLASSES,
        index={
            "id": names,
            "label": classes_of(scores),
            "split": np.asarray(list(SHARES))[np.searchsorted(edges, np.arange(count), side="right")],
            "group": names,
            TARGET: scores,
            "steps": lengths,
        },
        arrays=arrays,
        source={
            "generator": "mmlib.data.mosi.synthetic",
            "layout": LAYOUT,
            "target": TARGET,
            "modalities": dict.fromkeys(CHANNELS, "features"),
            **options,
        },
        truth={"noise_share": share, "strengths": STRENGTHS},
        replace=True,
    )


def sequences(
    rng: np.random.Generator,
    name: str,
    scores: np.ndarray,
    lengths: np.ndarray,
    steps: int,
    channels: int,
    share: float,
) -> dict[str, np.ndarray]:
    """One modality: `name` (N, T, C) float32, zero after its length, and `<name>_noise` (N, T) uint8."""
    direction, signature = rng.standard_normal((2, channels))
    direction /= np.linalg.norm(direction)
    signature -= direction * (direction @ signature)
    signature *= SIGNATURE / np.linalg.norm(signature)
    there = np.arange(steps) < lengths[:, None]
    noise = (rng.random((len(scores), steps)) < share) & there
    said = np.where(noise, rng.uniform(-3, 3, noise.shape), scores[:, None]) / 3
    values = STRENGTHS[name] * said[..., None] * direction + np.where(noise, 0, 1)[..., None] * signature
    values = (values + rng.standard_normal(values.shape)) * there[..., None]
    return {name: values.astype(np.float32), f"{name}_noise": noise.astype(np.uint8)}
