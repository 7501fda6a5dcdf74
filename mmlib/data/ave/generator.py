"""Generated clips in AVE's published files: events that neither sound nor picture tells alone.

Construction, for K active classes (an even number, spread over the 28 names; the label space stays 29):

1. K/2 audio and K/2 visual prototypes, non-negative and sparse like real features. Active class c sounds like audio
   prototype c mod K/2 and looks like visual prototype c div 2: every pair is unique, each modality alone leaves two
   candidates.
2. The event fills the whole clip with probability 0.6, else 2 to 9 segments anywhere. In half of the partial clips one
   modality (a coin flip) stays on outside the event: audible but not visible, or the reverse, is background, so that
   neither modality can place the event alone.
3. A segment's sound is an ambient prototype of its clip, the class's prototype where it is audible, and noise. Its map
   is clutter (a prototype drawn per cell, still over the clip), the class's prototype in a 3 x 3 patch where it is
   visible, and noise. Gains vary per segment. Then 0.1 is subtracted and what is negative set to 0.

`snr_audio`, `snr_visual` are the strengths of the prototypes, `noise` the deviation of the noise; a stronger audio is
the imbalance that modulation is about. Background-only clips, for weak supervision, have both modalities off.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from mmlib.data.ave.classes import BACKGROUND, BACKGROUND_CLIPS, CLIPS, EVENTS, SEGMENTS
from mmlib.data.ave.labels import segment_classes
from mmlib.data.catalogue import DATASETS
from mmlib.errors import ParameterError

CHUNK = 32  # clips rendered at a time; part of what a seed means
ACTIVE_SHARE = 0.35  # of a prototype's entries
WHOLE_CLIP = 0.6  # probability that the event fills the clip
LINGER = 0.5  # probability that a partial clip keeps one modality on
SCENE = 0.6  # strength of ambient sound and of clutter
SCENES = 4  # ambient and clutter prototypes
PATCH = 3
THRESHOLD = 0.1
OPTIONS = {name: value for name, value in DATASETS["synthetic_ave"].options.items() if name != "storage"}


@dataclass(frozen=True)
class Clips:
    """What was drawn for N clips: `label` (N,) of 0..28, event from `onset` to before `offset` (N,), and in which
    segments the class can be heard and seen, `audible`, `visible` (N, 10) bool."""

    label: np.ndarray
    onset: np.ndarray
    offset: np.ndarray
    audible: np.ndarray
    visible: np.ndarray

    @property
    def segments(self) -> np.ndarray:
        """Class of every segment `(N, 10)` int64."""
        return segment_classes(self.label, self.onset, self.offset)


class Generator:
    """The clips of one set of options. Raises `ParameterError` for an option out of range."""

    def __init__(self, options: dict[str, Any]) -> None:
        check_options(options)
        self.options = options
        rng = np.random.default_rng([options["seed"], 0])
        half = options["classes"] // 2
        self.classes = np.linspace(0, len(EVENTS) - 1, options["classes"]).round().astype(np.int64)
        self.prototypes = {
            "audio": _prototypes(rng, half, options["audio_features"]),
            "visual": _prototypes(rng, half, options["visual_features"]),
        }
        self.scenes = {
            "audio": _prototypes(rng, SCENES, options["audio_features"]),
            "visual": _prototypes(rng, SCENES, options["visual_features"]),
        }
        self.clips = draw_clips(np.random.default_rng([options["seed"], 1]), self.classes, options["clips"])
        self.background = background_clips(max(4, round(options["clips"] * BACKGROUND_CLIPS / CLIPS)))

    def orders(self) -> dict[str, np.ndarray]:
        """Clips of each split, sorted by class and in random order within one, like the published lists.

        Validation and test take a tenth of every class as published; of fewer than 100 clips a sixth, at least one.
        """
        rng = np.random.default_rng([self.options["seed"], 2])
        orders: dict[str, list[np.ndarray]] = {"train": [], "validation": [], "test": []}
        for label in self.classes:
            members = rng.permutation(np.flatnonzero(self.clips.label == label))
            held = len(members) // 10 if len(members) >= 100 else max(1, len(members) // 6)
            for split, part in zip(("validation", "test", "train"), np.split(members, [held, 2 * held]), strict=True):
                orders[split].append(part)
        return {split: np.concatenate(parts) for split, parts in orders.items()}

    def chunks(self, clips: Clips, stream: int) -> Iterator[tuple[slice, dict[str, np.ndarray]]]:
        """Rows and features by modality, float32: audio `(n, 10, Fa)`, visual `(n, 10, H, W, C)`.

        `stream` numbers the noise: clips and background clips take different ones.
        """
        for start in range(0, len(clips.label), CHUNK):
            rows = slice(start, min(start + CHUNK, len(clips.label)))
            rng = np.random.default_rng([self.options["seed"], 3, stream, start])
            yield rows, {"audio": self._audio(rng, clips, rows), "visual": self._visual(rng, clips, rows)}

    def _audio(self, rng: np.random.Generator, clips: Clips, rows: slice) -> np.ndarray:
        count = rows.stop - rows.start
        ambient = self.scenes["audio"][rng.integers(SCENES, size=count)]  # (n, Fa)
        place = np.searchsorted(self.classes, clips.label[rows]) % len(self.prototypes["audio"])
        strength = self.options["snr_audio"] * rng.uniform(0.7, 1.3, (count, SEGMENTS)) * clips.audible[rows]
        signal = strength[..., None] * self.prototypes["audio"][place][:, None]  # (n, 10, Fa)
        return self._finished(rng, SCENE * ambient[:, None] + signal)

    def _visual(self, rng: np.random.Generator, clips: Clips, rows: slice) -> np.ndarray:
        count, side = rows.stop - rows.start, self.options["map"]
        clutter = self.scenes["visual"][rng.integers(SCENES, size=(count, side, side))]  # (n, H, W, C)
        place = np.searchsorted(self.classes, clips.label[rows]) // 2 % len(self.prototypes["visual"])
        strength = self.options["snr_visual"] * rng.uniform(0.7, 1.3, (count, SEGMENTS)) * clips.visible[rows]
        signal = (strength[..., None] * self.prototypes["visual"][place][:, None]).astype(np.float32)  # (n, 10, C)
        corner = rng.integers(side - PATCH + 1, size=(count, 2))
        maps = np.repeat(np.float32(SCENE) * clutter[:, None], SEGMENTS, axis=1)  # (n, 10, H, W, C)
        for row, (y, x) in enumerate(corner):
            maps[row, :, y : y + PATCH, x : x + PATCH] += signal[row, :, None, None]
        return self._finished(rng, maps)

    def _finished(self, rng: np.random.Generator, values: np.ndarray) -> np.ndarray:
        noise = rng.standard_normal(values.shape, dtype=np.float32)
        noise *= np.float32(self.options["noise"])
        noise += values.astype(np.float32, copy=False)
        noise -= np.float32(THRESHOLD)
        return np.maximum(noise, 0, out=noise)


def draw_clips(rng: np.random.Generator, classes: np.ndarray, count: int) -> Clips:
    """Classes (as equal in number as `count` allows, in blocks), event times, and where each modality is on."""
    label = np.sort(classes[np.arange(count) % len(classes)])
    length = np.where(rng.random(count) < WHOLE_CLIP, SEGMENTS, rng.integers(2, SEGMENTS, size=count))
    onset = np.floor(rng.random(count) * (SEGMENTS - length + 1)).astype(np.int64)
    inside = segment_classes(label, onset, onset + length) != BACKGROUND  # (N, 10)
    lingers = (length < SEGMENTS) & (rng.random(count) < LINGER)
    heard = rng.random(count) < 0.5  # which of the two stays on
    audible = inside | (lingers & heard)[:, None]
    visible = inside | (lingers & ~heard)[:, None]
    return Clips(label, onset, onset + length, audible, visible)


def background_clips(count: int) -> Clips:
    """Clips in which nothing happens."""
    never, zero = np.zeros((count, SEGMENTS), bool), np.zeros(count, np.int64)
    return Clips(np.full(count, BACKGROUND), zero, zero, never, never)


def _prototypes(rng: np.random.Generator, count: int, size: int) -> np.ndarray:
    """Sparse non-negative vectors `(count, size)` float32."""
    active = rng.random((count, size)) < ACTIVE_SHARE
    return (active * np.abs(rng.normal(1.0, 0.4, (count, size)))).astype(np.float32)


def check_options(options: dict[str, Any]) -> None:
    limits = {
        "clips": (3 * options["classes"], 100_000),
        "classes": (4, len(EVENTS)),
        "audio_features": (2, 4096),
        "visual_features": (2, 4096),
        "map": (PATCH, 64),
        "snr_audio": (0.0, 100.0),
        "snr_visual": (0.0, 100.0),
        "noise": (0.0, 100.0),
    }
    for name, (low, high) in limits.items():
        if not low <= options[name] <= high:
            raise ParameterError(f"synthetic_ave {name} is {options[name]}: it must lie between {low} and {high}.")
    if options["classes"] % 2:
        raise ParameterError(f"synthetic_ave classes is {options['classes']}: it must be even, classes come in pairs.")
