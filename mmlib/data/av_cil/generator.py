"""Generated clips in the form of AV-CIL's features: an audio vector, visual tokens, and classes that come in steps.

Construction, for K classes in S steps (consecutive blocks of class ids) and C channels:

1. Class prototypes, for each modality alone. Class k, the j-th of its step, is sqrt(1 - r) u_k + sqrt(r) v_j with unit
   vectors u (one per class) and v (one per place in a step). `similarity` r is the cosine of a class with its
   counterparts, the j-th classes of all other steps; classes of one step share nothing. With r = 0 a new class looks
   like no old one, with r = 1 it cannot be told from its counterparts. All u and v are orthonormal where C is at least
   K plus the classes of the largest step; with fewer channels the cosines scatter around those values.
2. Audio (C,): the prototype times `audio_strength`, the strength of each clip varying by `SPREAD`, plus white noise.
3. Visual tokens (T, P, C): one of `SCENES` scenes at every position, still over the clip; from a random step on, for at
   least half of the T steps, the prototype times `visual_strength` at `OBJECT` of the positions, which stay where they
   are; plus white noise. The object is what attention is for: its tokens are a minority.

Noise has deviation 1 in every channel, so strengths are distances in noise deviations.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from mmlib.data.catalogue import DATASETS
from mmlib.data.prepared import SPLITS
from mmlib.errors import ParameterError

CHUNK = 16  # clips rendered at a time; part of what a seed means
SPREAD = 0.3  # a clip's strength is its modality's, times 1 - SPREAD to 1 + SPREAD
SCENES, SCENE_LENGTH = 4, 2.0
OBJECT = 1 / 3  # share of the positions that show the object, at least one
GENERATED_ID = "SYN"  # generated clips are SYN00000 and so on; YouTube's ids have eleven characters
OPTIONS = {name: value for name, value in DATASETS["synthetic_incremental"].options.items() if name != "storage"}


@dataclass(frozen=True)
class Clips:
    """What is listed of N clips: `id` (N,) str, class `label` (N,) int64, `split` (N,) str; by split, then by class."""

    id: np.ndarray
    label: np.ndarray
    split: np.ndarray

    def __len__(self) -> int:
        return len(self.id)


class Generator:
    """The clips of one set of options (`OPTIONS`). Raises `ParameterError` for an option out of range.

    `tasks`: the class ids of each step. `prototypes`: by modality (K, C) float32. `clips` as they are listed.
    `counts` (splits, K) replaces the equal numbers of clips of every class.
    """

    def __init__(self, options: dict[str, Any], counts: np.ndarray | None = None) -> None:
        check_options(options)
        self.options = options
        self.tasks = task_blocks(options["classes"], options["steps"])
        rng = np.random.default_rng([options["seed"], 0])
        self.prototypes = {name: _prototypes(rng, self.tasks, options) for name in ("audio", "visual")}
        scenes = _directions(rng, SCENES, options["channels"])
        self.scenes = (SCENE_LENGTH * scenes).astype(np.float32)
        self.clips = list_clips(_equal_counts(options) if counts is None else counts)

    def chunks(self) -> Iterator[tuple[slice, dict[str, np.ndarray]]]:
        """Consecutive clips and their features: `audio` (n, C), `visual` (n, T, P, C) float32."""
        for start in range(0, len(self.clips), CHUNK):
            rows = slice(start, min(start + CHUNK, len(self.clips)))
            rng = np.random.default_rng([self.options["seed"], 1, start])
            label = self.clips.label[rows]
            yield rows, {"audio": self._audio(rng, label), "visual": self._visual(rng, label)}

    def _audio(self, rng: np.random.Generator, label: np.ndarray) -> np.ndarray:
        signal = self._strength(rng, "audio", len(label))[:, None] * self.prototypes["audio"][label]  # (n, C)
        return signal + rng.standard_normal(signal.shape, dtype=np.float32)

    def _visual(self, rng: np.random.Generator, label: np.ndarray) -> np.ndarray:
        n, time, positions = len(label), self.options["time"], self.options["positions"]
        signal = self._strength(rng, "visual", n)[:, None] * self.prototypes["visual"][label]  # (n, C)
        tokens = rng.standard_normal((n, time, positions, self.options["channels"]), dtype=np.float32)
        tokens += self.scenes[rng.integers(SCENES, size=(n, 1, positions))]  # (n, 1, P, C): still over the clip
        shown = self._visible(rng, n)[:, :, None] & self._object(rng, n)[:, None, :]  # (n, T, P)
        for place in range(positions):  # in place: at full shape the whole signal would double the memory
            tokens[:, :, place] += np.where(shown[:, :, place, None], signal[:, None], np.float32(0))
        return tokens

    def _strength(self, rng: np.random.Generator, modality: str, n: int) -> np.ndarray:
        strength = self.options[f"{modality}_strength"] * rng.uniform(1 - SPREAD, 1 + SPREAD, n)
        return strength.astype(np.float32)

    def _visible(self, rng: np.random.Generator, n: int) -> np.ndarray:
        """In which steps the object is seen, (n, T) bool: at least half of them, consecutive."""
        time = self.options["time"]
        length = rng.integers(-(-time // 2), time + 1, size=n)
        first = np.floor(rng.random(n) * (time - length + 1)).astype(np.int64)
        step = np.arange(time)
        return (step >= first[:, None]) & (step < (first + length)[:, None])

    def _object(self, rng: np.random.Generator, n: int) -> np.ndarray:
        """At which positions, (n, P) bool."""
        positions = self.options["positions"]
        rank = rng.random((n, positions)).argsort(axis=1).argsort(axis=1)
        return rank < max(1, round(OBJECT * positions))


def task_blocks(classes: int, steps: int) -> list[list[int]]:
    """Class ids 0 to `classes` - 1 in `steps` consecutive blocks, whose sizes differ by one at most."""
    return [block.tolist() for block in np.array_split(np.arange(classes), steps)]


def list_clips(counts: np.ndarray) -> Clips:
    """Clips by `counts` (splits, K): how many each split has of every class."""
    splits, classes = counts.shape
    split = np.repeat(np.asarray(SPLITS), counts.sum(axis=1))
    label = np.repeat(np.tile(np.arange(classes), splits), counts.ravel())
    return Clips(np.array([f"{GENERATED_ID}{row:05d}" for row in range(len(label))]), label, split)


def _equal_counts(options: dict[str, Any]) -> np.ndarray:
    return np.repeat([[options[f"{split}_clips"]] for split in SPLITS], options["classes"], axis=1)


def _prototypes(rng: np.random.Generator, tasks: list[list[int]], options: dict[str, Any]) -> np.ndarray:
    """Unit vectors (K, C) float32; counterparts in other steps have the cosine `similarity`."""
    classes, largest, share = options["classes"], max(map(len, tasks)), options["similarity"]
    directions = _directions(rng, classes + largest, options["channels"])
    place = np.concatenate([np.arange(len(task)) for task in tasks])
    mixed = np.sqrt(1 - share) * directions[:classes] + np.sqrt(share) * directions[classes:][place]
    return (mixed / np.linalg.norm(mixed, axis=1, keepdims=True)).astype(np.float32)


def _directions(rng: np.random.Generator, count: int, channels: int) -> np.ndarray:
    """Unit vectors (count, channels), orthonormal where there are channels enough."""
    drawn = rng.standard_normal((count, channels))
    if count <= channels:
        return np.linalg.qr(drawn.T)[0].T
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


def check_options(options: dict[str, Any]) -> None:
    limits = {
        "classes": (2, 1000),
        "steps": (1, options["classes"]),
        "train_clips": (1, 100_000),
        "validation_clips": (1, 100_000),
        "test_clips": (1, 100_000),
        "channels": (2, 4096),
        "time": (1, 64),
        "positions": (1, 1024),
        "similarity": (0.0, 1.0),
        "audio_strength": (0.0, 1000.0),
        "visual_strength": (0.0, 1000.0),
    }
    for name, (low, high) in limits.items():
        if not low <= options[name] <= high:
            raise ParameterError(
                f"synthetic_incremental {name} is {options[name]}: it must lie between {low} and {high}."
            )
