"""Generated faces and voices of people who differ, with a dial for how much a face tells of a voice.

Each identity has demographics (gender, nationality, age group), a latent s that face and voice share, and one that each
has alone:

    s   = 1.2 G[gender] + 0.6 N[nationality] + 0.5 A[age] + 0.6 I,   standardised over identities
    z_f = [sqrt(rho) s ; sqrt(1 - rho) p_f],   z_v = [sqrt(rho) s ; sqrt(1 - rho) p_v]
    face  = 10 relu((z_f + n) A_f + 0.3 m),   voice = relu((z_v + n') A_v + 0.3 m') / its length

Everything else is standard normal, A_f and A_v divided by sqrt(48). rho is the cross-modal strength: at 0 nothing of a
face tells who of two unknown people speaks, at 1 all that makes an identity is shared. Faces are non-negative and not
normalised, voices non-negative unit vectors, as the published features are.

Options: `rows` voice tracks of each training identity, `test_rows` of any other; `video_offset`, how much face and
voice of one video share beyond the identity (n and n' have it in common).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mmlib.data.catalogue import DATASETS
from mmlib.data.voxceleb.identities import GENERATED
from mmlib.errors import ParameterError

OPTIONS = dict(DATASETS["synthetic_faces_voices"].options)
WIDE = {
    **OPTIONS,
    "train_identities": 8,
    "validation_identities": 4,
    "test_identities": 6,
    "rows": 6,
    "test_rows": 6,
    "face_features": 4096,
    "voice_features": 512,
}
LATENT = 24
NATIONALITIES = {"A": 0.5, "B": 0.2, "C": 0.1, "D": 0.1, "E": 0.05, "F": 0.05}
AGES = 4
LEAST = {"train_identities": 2, "validation_identities": 0, "test_identities": 2, "rows": 1, "test_rows": 2}


@dataclass(frozen=True)
class People:
    """Identities in alphabetical order, (K,) each: `set_code` is 1 train, 2 validation, 4 unseen-unheard test."""

    names: np.ndarray
    set_code: np.ndarray
    gender: np.ndarray
    nationality: np.ndarray
    age: np.ndarray

    def __len__(self) -> int:
        return len(self.names)


class Generator:
    """Identities drawn from `options`, and the features of any of their recordings.

    Raises `ParameterError` for an option out of range.
    """

    def __init__(self, options: Mapping[str, Any]) -> None:
        self.options = {**OPTIONS, **options}
        _check(self.options)
        rng = np.random.default_rng([self.options["seed"], 0])
        self.people = _people(rng, self.options)
        self._latents = _latents(rng, self.people, self.options["rho"])
        sizes = {"face": self.options["face_features"], "voice": self.options["voice_features"]}
        self._maps = {
            name: rng.standard_normal((2 * LATENT, size)) / np.sqrt(2 * LATENT) for name, size in sizes.items()
        }

    def faces(self, rng: np.random.Generator, identity: np.ndarray, offset: np.ndarray | float = 0.0) -> np.ndarray:
        """Features (n, Df) float32 of one frame each of `identity` (n,)."""
        return 10 * self._sample(rng, "face", identity, offset)

    def voices(self, rng: np.random.Generator, identity: np.ndarray, offset: np.ndarray | float = 0.0) -> np.ndarray:
        """Features (n, Dv) float32 of one voice track each of `identity` (n,)."""
        values = self._sample(rng, "voice", identity, offset)
        return values / np.linalg.norm(values, axis=1, keepdims=True).clip(1e-12)

    def offsets(self, rng: np.random.Generator, videos: int) -> np.ndarray:
        """What face and voice of each video share, (videos, 48)."""
        return self.options["video_offset"] * rng.standard_normal((videos, 2 * LATENT))

    def _sample(
        self, rng: np.random.Generator, name: str, identity: np.ndarray, offset: np.ndarray | float
    ) -> np.ndarray:
        latent = self._latents[name][identity] + offset
        latent = latent + rng.standard_normal(latent.shape)  # (n, 48)
        features = latent @ self._maps[name]  # (n, D)
        return np.maximum(features + 0.3 * rng.standard_normal(features.shape), 0).astype(np.float32)


def _check(options: Mapping[str, Any]) -> None:
    for name, least in {**LEAST, "face_features": 1, "voice_features": 1}.items():
        if options[name] < least:
            raise ParameterError(f"synthetic_faces_voices: {name} is {options[name]}, it must be at least {least}.")
    if not 0 <= options["rho"] <= 1 or options["video_offset"] < 0:
        raise ParameterError(
            f"synthetic_faces_voices: rho is {options['rho']} and video_offset {options['video_offset']}; rho must lie "
            "between 0 and 1, video_offset must not be negative."
        )


def _people(rng: np.random.Generator, options: Mapping[str, Any]) -> People:
    counts = [options[f"{part}_identities"] for part in ("train", "validation", "test")]
    total = sum(counts)
    return People(
        names=np.array([f"{GENERATED}{number:04d}" for number in range(1, total + 1)]),
        set_code=rng.permutation(np.repeat([1, 2, 4], counts)),
        gender=rng.choice(["f", "m"], total),
        nationality=rng.choice(list(NATIONALITIES), total, p=list(NATIONALITIES.values())),
        age=rng.integers(AGES, size=total),
    )


def _latents(rng: np.random.Generator, people: People, rho: float) -> dict[str, np.ndarray]:
    """z_f and z_v of every identity, (K, 48)."""
    shared = np.zeros((len(people), LATENT))
    for weight, values in ((1.2, people.gender), (0.6, people.nationality), (0.5, people.age)):
        _, group = np.unique(values, return_inverse=True)
        shared += weight * rng.standard_normal((group.max() + 1, LATENT))[group]
    shared += 0.6 * rng.standard_normal(shared.shape)
    shared = (shared - shared.mean(0)) / shared.std(0)
    own = {name: rng.standard_normal(shared.shape) for name in ("face", "voice")}
    return {name: np.hstack([np.sqrt(rho) * shared, np.sqrt(1 - rho) * private]) for name, private in own.items()}
