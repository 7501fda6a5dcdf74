"""Where the tensors of a batch are made: in memory of their own, or where the batch is handed over.

A loader process that fills a slot (`mmlib.data.slots`) makes the largest tensors right there instead of copying them.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator

import torch
from torch import Tensor

ALIGNMENT = 64  # bytes


class Slab:
    """Bytes (N,) uint8 that tensors are taken from, one after another."""

    def __init__(self, memory: Tensor) -> None:
        self.memory, self.used = memory, 0

    def take(self, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor | None:
        """A tensor of this shape, its values whatever they were; None where there is no room for it."""
        start, size = self.used, math.prod(shape) * dtype.itemsize
        if start + size > len(self.memory):
            return None
        self.used += aligned(size)
        return self.memory[start : start + size].view(dtype).view(shape)

    def holds(self, tensor: Tensor) -> bool:
        return tensor.untyped_storage().data_ptr() == self.memory.untyped_storage().data_ptr()


_slab: Slab | None = None


@contextlib.contextmanager
def within(slab: Slab) -> Iterator[None]:
    """Make what `empty` is asked for here."""
    global _slab
    _slab = slab
    try:
        yield
    finally:
        _slab = None


def empty(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """`torch.empty` for a tensor that goes into a batch as it is and is kept nowhere else: its memory is used again."""
    found = None if _slab is None else _slab.take(shape, dtype)
    return torch.empty(shape, dtype=dtype) if found is None else found


def aligned(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT
