"""Random numbers that depend on (seed, epoch, batch) alone: not on worker count, rank or what was drawn before.

A stream is drawn for the whole global batch and then cut to the rows a process holds, so two processes see together
exactly the noise and the crops that one process would see.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


def mix(*keys: int | str) -> int:
    """One 63-bit seed from several keys; close keys give unrelated seeds."""
    words = [zlib.crc32(key.encode()) if isinstance(key, str) else int(key) for key in keys]
    low, high = np.random.SeedSequence(words).generate_state(2)
    return (int(high) << 31) ^ int(low)


@dataclass(frozen=True)
class Draws:
    """The random streams of one batch. `positions` (n,) are this process's places in the global batch of `size`."""

    seed: int
    epoch: int
    batch: int
    size: int
    positions: np.ndarray

    def generator(self, stream: str) -> torch.Generator:
        """A fresh generator for a named stream (`"noise"`, `"crop"`, ...)."""
        return torch.Generator().manual_seed(mix(self.seed, self.epoch, self.batch, stream))

    def normal(self, stream: str, *shape: int) -> Tensor:
        """Standard normal numbers `(n, *shape)`."""
        return self._own(torch.randn(self.size, *shape, generator=self.generator(stream)))

    def uniform(self, stream: str, *shape: int) -> Tensor:
        """Uniform numbers in [0, 1), `(n, *shape)`."""
        return self._own(torch.rand(self.size, *shape, generator=self.generator(stream)))

    def frozen(self, rows: np.ndarray, copies: int) -> FrozenDraws:
        """Draws of `rows` (n,) that take one of `copies` fixed sets of numbers each; which one is drawn here."""
        chosen = (self.uniform("frozen copy") * copies).long().tolist()
        keys = zip(rows.tolist(), chosen, strict=True)
        return FrozenDraws([mix("frozen copy", self.seed, row, copy) for row, copy in keys])

    def _own(self, drawn: Tensor) -> Tensor:
        if len(self.positions) == self.size:  # the usual case: one process holds the whole batch, in order
            return drawn
        return drawn[torch.from_numpy(self.positions)]


@dataclass(frozen=True)
class FrozenDraws:
    """Streams that belong to rows instead of a batch: equal seeds give equal numbers, in whatever epoch and company."""

    seeds: list[int]

    def uniform(self, stream: str, *shape: int) -> Tensor:
        """Uniform numbers in [0, 1), `(n, *shape)`."""
        generators = (torch.Generator().manual_seed(mix(seed, stream)) for seed in self.seeds)
        return torch.stack([torch.rand(shape, generator=generator) for generator in generators])
