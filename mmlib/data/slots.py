"""Memory that loader processes fill and the training process reads in place, again and again.

What a process hands over in new shared memory costs as much as making it: every page is fetched from the system,
cleared, and given back. Here the pages are there from the first epoch on. A slot belongs to one batch until nothing in
the training process refers to its tensors any more; where all slots are taken (somebody keeps batches), batches come as
they did.
"""

from __future__ import annotations

import contextlib
import math
import mmap
import multiprocessing
import os
import weakref
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mmlib.data import room
from mmlib.data.batch import Batch

SMALL = 1 << 14  # bytes: targets and the like are copied, or keeping them would keep a whole slot
_OPEN: weakref.WeakValueDictionary[int, Slots] = weakref.WeakValueDictionary()


def inherited() -> bool:
    """Whether new processes see this process's memory, as they do where they are forked."""
    method = multiprocessing.get_start_method(allow_none=True) or multiprocessing.get_all_start_methods()[0]
    return method == "fork"


class Slots:
    """`count` slots of `size` bytes, shared with the processes that are forked from now on.

    Leased by the process that made them alone: what is free is known nowhere else.
    Raises `OSError` where the system does not promise that much.
    """

    def __init__(self, count: int, size: int) -> None:
        self.size = -(-max(1, size) // mmap.PAGESIZE) * mmap.PAGESIZE
        self._memory = mmap.mmap(-1, count * self.size)  # without a name, so /dev/shm does not limit it
        self._free = list(range(count))  # the last one freed is the next one filled: others need not exist
        self._leased: set[int] = set()
        self._resting: set[bool] = set()  # not empty: slots that become free go back to the system
        self._open: dict[int, weakref.ref] = {}
        self._owner = os.getpid()
        _OPEN[id(self)] = self
        # Processes of other loaders, forked since, would keep the pages of slots that are closed.
        weakref.finalize(self, _give_back, self._memory, self._free, self.size, self._owner).atexit = False

    def lease(self) -> int | None:
        """A slot that nothing refers to, for a process to fill; None where there is none."""
        if not self._free or os.getpid() != self._owner:
            return None
        self._resting.clear()
        slot = self._free.pop()
        self._leased.add(slot)
        return slot

    def recall(self) -> None:
        """Take back slots that were leased and never received, because their process failed; none is at work now."""
        self._free.extend(self._leased)
        self._leased.clear()

    def give_back(self) -> None:
        """Let the system have the memory of slots that nothing refers to and, until one is leased again, of those that
        become free meanwhile. They can be filled again all the same.
        """
        self._resting.add(True)
        _give_back(self._memory, self._free, self.size, self._owner)

    def filled(self, slot: int, make: Callable[[], Batch]) -> Parcel:
        """A batch to be handed over, in a process of the loader's; what does not fit in the slot goes beside it."""
        slab = room.Slab(torch.from_numpy(self._bytes(slot)))
        with room.within(slab):
            batch = make()

        def place(tensor: Tensor) -> _Place | Tensor:
            if tensor.layout is not torch.strided or tensor.is_conj() or tensor.is_neg() or tensor.requires_grad:
                return tensor
            if slab.holds(tensor) and tensor.is_contiguous():
                start = tensor.storage_offset() * tensor.itemsize
                return _Place(start, tensor.dtype, tuple(tensor.shape), tensor.stride())
            like = torch.empty_like(tensor, device="meta")  # dense, its axes in the order of the tensor's
            start, found = slab.used, slab.take((like.numel(),), tensor.dtype)
            if found is None:
                return tensor.clone() if slab.holds(tensor) else tensor
            found.as_strided(like.shape, like.stride()).copy_(tensor)
            return _Place(start, tensor.dtype, tuple(like.shape), like.stride())

        return Parcel(id(self), slot, batch.changed(place))

    def received(self, slot: int, batch: Batch) -> Batch:
        """The batch in the training process. Its large tensors lie in the slot, which is free when the last is gone."""
        self._leased.discard(slot)
        slab_bytes, resting = self._bytes(slot), self._resting
        memory, free, size, owner = self._memory, self._free, self.size, self._owner  # not `self`: it would be a circle

        def freed(_: object) -> None:
            if resting:
                _give_back(memory, [slot], size, owner)
            free.append(slot)

        self._open[slot] = weakref.ref(slab_bytes, freed)
        slab = torch.from_numpy(slab_bytes)  # its storage, and that of every view, keeps `slab_bytes`

        def taken(found: _Place | Tensor) -> Tensor:
            if not isinstance(found, _Place):
                return found
            tensor = found.of(slab)
            return tensor.clone() if tensor.nbytes <= SMALL else tensor

        return batch.changed(taken)

    def _bytes(self, slot: int) -> np.ndarray:
        return np.frombuffer(self._memory, np.uint8, self.size, slot * self.size)


def _give_back(memory: mmap.mmap, slots: list[int], size: int, owner: int) -> None:
    if hasattr(mmap, "MADV_REMOVE") and os.getpid() == owner:
        with contextlib.suppress(OSError):  # locked memory stays: nothing depends on it
            for slot in tuple(slots):
                memory.madvise(mmap.MADV_REMOVE, slot * size, size)


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
