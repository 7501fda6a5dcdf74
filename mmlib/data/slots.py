"""Memory that loader processes fill and the training process reads in place, again and again.

What a process hands over in new shared memory costs as much as making it: every page is fetched from the system,
cleared, and given back. Here the pages are there from the first epoch on. A slot belongs to one batch until nothing in
the training process refers to its tensors any more; where all slots are taken (somebody keeps batches), batches come as
they did.
"""

from __future__ import annotations

import math
import mmap
import multiprocessing
import weakref
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mmlib.data import room
from mmlib.data.batch import Batch

_OPEN: weakref.WeakValueDictionary[int, Slots] = weakref.WeakValueDictionary()


def inherited() -> bool:
    """Whether new processes see this process's memory, as they do where they are forked."""
    method = multiprocessing.get_start_method(allow_none=True) or multiprocessing.get_all_start_methods()[0]
    return method == "fork"


class Slots:
    """`count` slots of `size` bytes, shared with the processes that are forked from now on.

    Raises `OSError` where the system does not promise that much.
    """

    def __init__(self, count: int, size: int) -> None:
        self.size = -(-max(1, size) // mmap.PAGESIZE) * mmap.PAGESIZE
        self._memory = mmap.mmap(-1, count * self.size)  # without a name, so /dev/shm does not limit it
        self._free = list(range(count))  # the last one freed is the next one filled: others need not exist
        self._open: dict[int, weakref.ref] = {}
        _OPEN[id(self)] = self

    def lease(self) -> int | None:
        """A slot that nothing refers to, for a process to fill; None where there is none."""
        return self._free.pop() if self._free else None

    def give_back(self) -> None:
        """Let the system have the memory of the slots that nothing refers to; they can be filled again all the same."""
        if hasattr(mmap, "MADV_REMOVE"):
            for slot in tuple(self._free):
                self._memory.madvise(mmap.MADV_REMOVE, slot * self.size, self.size)

    def filled(self, slot: int, make: Callable[[], Batch]) -> Parcel:
        """A batch to be handed over, in a process of the loader's; what does not fit in the slot goes beside it."""
        slab = room.Slab(torch.from_numpy(self._bytes(slot)))
        with room.within(slab):
            batch = make()

        def place(tensor: Tensor) -> _Place | Tensor:
            if slab.holds(tensor) and tensor.is_contiguous():
                start = tensor.storage_offset() * tensor.itemsize
                return _Place(start, tensor.dtype, tuple(tensor.shape), tensor.stride())
            like = torch.empty_like(tensor, device="meta")  # dense, its axes in the order of the tensor's
            start, found = slab.used, slab.take((like.numel(),), tensor.dtype)
            if found is None:
                return tensor
            found.as_strided(like.shape, like.stride()).copy_(tensor)
            return _Place(start, tensor.dtype, tuple(like.shape), like.stride())

        return Parcel(id(self), slot, batch.changed(place))

    def received(self, slot: int, batch: Batch) -> Batch:
        """The batch in the training process. Its tensors lie in the slot, which is free when the last is gone."""
        memory, free = self._bytes(slot), self._free  # not `self`, which would refer to itself
        self._open[slot] = weakref.ref(memory, lambda _: free.append(slot))
        slab = torch.from_numpy(memory)  # its storage, and that of every view, keeps `memory`
        return batch.changed(lambda found: found.of(slab) if isinstance(found, _Place) else found)

    def _bytes(self, slot: int) -> np.ndarray:
        return np.frombuffer(self._memory, np.uint8, self.size, slot * self.size)


@dataclass(frozen=True)
class Parcel:
    """A batch on its way: it arrives as a `Batch`."""

    slots: int
    slot: int
    batch: Batch

    def __reduce__(self) -> tuple:
        return _received, (self.slots, self.slot, self.batch)


@dataclass(frozen=True)
class _Place:
    """Where in a slot a tensor lies."""

    start: int
    dtype: torch.dtype
    shape: tuple[int, ...]
    stride: tuple[int, ...]

    def of(self, slab: Tensor) -> Tensor:
        end = self.start + math.prod(self.shape) * self.dtype.itemsize
        return slab[self.start : end].view(self.dtype).as_strided(self.shape, self.stride)


def needed(batch: Batch) -> int:
    """Bytes that a slot must have for this batch."""
    sizes = []

    def count(tensor: Tensor) -> Tensor:
        sizes.append(room.aligned(tensor.nbytes))
        return tensor

    batch.changed(count)
    return sum(sizes)


def _received(slots: int, slot: int, batch: Batch) -> Batch:
    return _OPEN[slots].received(slot, batch)
