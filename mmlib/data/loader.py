"""Loaders: exact sharding over processes, everything seeded by (seed, epoch, batch)."""

from __future__ import annotations

import contextlib
import math
import weakref
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from mmlib.data import slots, verification
from mmlib.data.batch import Batch
from mmlib.data.dataset import BatchRequest, MultimodalDataset
from mmlib.data.randomness import Draws
from mmlib.data.sampling import Sampler, SamplingPlan, WholeDataset
from mmlib.data.slots import Parcel, Slots
from mmlib.errors import ParameterError

AHEAD = 2  # batches that each process makes before they are asked for
HELD = 3  # that the training process has: one in use, one on its way to the device, one just come


class BatchLoader:
    """Iterates `Batch`es of a dataset for one process; call `set_epoch` before each epoch of training.

    With W processes, each global batch is the one a single process would see, cut into W consecutive parts whose
    lengths differ by one at most. The last, partial batch is kept unless `drop_last`. An epoch visits every row once,
    with `shuffle` in random order, or what the plans of a `sampler` say. `set_plan` replaces the list from the next
    epoch on, until it is replaced again; `plan` is the current one, and `len` its batches. In `training` (what is
    shuffled, unless said) every process must get rows of every batch. `deferred` leaves to the device what can be
    computed there (`Batch.to`). Raises `ParameterError` for arguments out of range.

    `workers` processes hand batches over in memory that is used again as soon as nothing refers to a batch's tensors
    (`mmlib.data.slots`). Saving one of its large tensors saves the whole batch: save a clone.
    """

    def __init__(
        self,
        dataset: MultimodalDataset,
        *,
        batch_size: int,
        shuffle: bool,
        seed: int,
        training: bool | None = None,
        sampler: Sampler | None = None,
        drop_last: bool = False,
        workers: int = 0,
        rank: int = 0,
        world_size: int = 1,
        pin_memory: bool = False,
        deferred: bool = False,
    ) -> None:
        if batch_size < 1 or workers < 0 or not 0 <= rank < world_size:
            raise ParameterError(
                f"batch_size {batch_size}, workers {workers}, rank {rank} of {world_size}: batch_size must be at least "
                "1, workers at least 0, and rank from 0 to world_size - 1."
            )
        self.dataset, self.batch_size, self.seed, self.drop_last = dataset, batch_size, seed, drop_last
        self.rank, self.world_size, self.epoch = rank, world_size, 0
        self.training, self.deferred = shuffle if training is None else training, deferred
        self.sampler = sampler or WholeDataset(len(dataset), shuffle)
        self._replaced: SamplingPlan | None = None
        self.plan = self._checked(self.sampler.plan(0))
        self._steps: int | None = None
        self._processes = None
        if workers:
            if not deferred:
                dataset.fill_cache()
            self._slots = self._shared(AHEAD * workers + HELD)
            self._processes = DataLoader(
                _Filling(dataset, self._slots),
                batch_size=None,
                sampler=_Requests(self),
                num_workers=workers,
                prefetch_factor=AHEAD,
                collate_fn=_unchanged,
                pin_memory=pin_memory,
                persistent_workers=True,
                generator=torch.Generator().manual_seed(seed),  # leaves the global generator alone
            )
        self._pin = pin_memory

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch, which seeds the order and all augmentation together with the seed.

        Raises `DataError` where the data are known to be damaged by now (`mmlib.data.verification`).
        """
        if self.world_size == 1:  # several processes must stop together, which they do when the run ends
            verification.check()
        self.epoch = epoch
        if self._replaced is None:
            self._take(self.sampler.plan(epoch))

    def set_plan(self, plan: SamplingPlan) -> None:
        """Visit this list from now on; an epoch under way ends as it began. The same call in every process.

        Raises `ParameterError` where the dataset lacks its rows or the processes cannot share its batches.
        """
        self._take(plan)
        self._replaced = plan

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint must hold to give the same batches again: tensors and plain numbers only."""
        return {} if self._replaced is None else {"plan": self._replaced.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._replaced = None
        if "plan" in state:
            self.set_plan(SamplingPlan.from_state(state["plan"]))
        else:
            self._take(self.sampler.plan(self.epoch))

    def __len__(self) -> int:
        return math.ceil(self._used(self.plan) / self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        return self.batches(len(self))

    def batches(self, steps: int) -> Iterator[Batch]:
        """That many batches of the current epoch; where its list runs out it begins anew, in another order."""
        if self._processes is not None:
            self._steps = steps
            try:
                yield from self._processes
            finally:
                if self._slots is not None and not self.training:  # between evaluations others need the memory more
                    self._slots.give_back()
            return
        for request in self.requests(steps):
            yield self._fetched(request)  # no name here for the batch: it would live until the next one is there

    def _fetched(self, request: BatchRequest) -> Batch:
        batch = self.dataset[request]
        return batch.pin_memory() if self._pin else batch

    def requests(self, steps: int | None = None) -> Iterator[BatchRequest]:
        """This process's part of every global batch of the current epoch, or of its first `steps`."""
        plan, epoch, length = self.plan, self.epoch, len(self)
        for batch in range(length if steps is None else steps):
            turn, place = divmod(batch, length)
            if not place:
                order = plan.order(self.seed, epoch, turn)
            whole = order[place * self.batch_size : (place + 1) * self.batch_size]
            positions = np.array_split(np.arange(len(whole)), self.world_size)[self.rank]
            own = whole[positions]
            keep = {name: mask[own] for name, mask in (plan.keep or {}).items()}
            weight = None if plan.weight is None else plan.weight[own]
            draws = Draws(self.seed, epoch, batch, len(whole), positions)
            yield BatchRequest(plan.index[own], draws, keep, weight, self.deferred)

    def _shared(self, count: int) -> Slots | None:
        """Memory for so many batches of this loader; None where loader processes cannot share it."""
        if not slots.inherited() or not len(self.dataset):
            return None
        masks = {name: np.ones(1, bool) for name in self.dataset.views}
        row = BatchRequest(np.zeros(1, np.int64), None, masks, np.ones(1, np.float32), self.deferred)
        with contextlib.suppress(OSError):
            rows = math.ceil(min(self.batch_size, len(self.dataset)) / self.world_size)
            return Slots(count, rows * slots.needed(self.dataset[row]))

    def _take(self, plan: SamplingPlan) -> None:
        if plan is not self.plan:
            self.plan = self._checked(plan)

    def _used(self, plan: SamplingPlan) -> int:
        return len(plan) - len(plan) % self.batch_size if self.drop_last else len(plan)

    def _checked(self, plan: SamplingPlan) -> SamplingPlan:
        rows, size = len(self.dataset), self.batch_size
        if len(plan) and not 0 <= plan.index.min() <= plan.index.max() < rows:
            wrong = plan.index[(plan.index < 0) | (plan.index >= rows)][0]
            raise ParameterError(
                f"a plan names row {wrong} of a dataset of {rows} samples: rows go from 0 to {rows - 1}."
            )
        unknown = sorted(set(plan.keep or {}) - set(self.dataset.views))
        if unknown:
            known = ", ".join(self.dataset.views)
            raise ParameterError(f"a plan says which rows keep {unknown[0]!r}; the dataset has {known}.")
        if rows and not len(plan):
            raise ParameterError("a plan has no rows, so an epoch would train on nothing. Give it some.")
        if self.drop_last and len(plan) < size:
            raise ParameterError(
                f"batch_size {size} with drop_last leaves no batch of {len(plan)} samples. Choose a smaller."
            )
        last = self._used(plan) % size or size
        if self.training and len(plan) and last < self.world_size:
            raise ParameterError(
                f"batch_size {size} leaves a last batch of {last} of {len(plan)} samples for {self.world_size} "
                "processes, so one would train on nothing. Choose another batch_size, drop_last or fewer processes."
            )
        return plan


class _Filling(Dataset):
    """What a loader process runs: a request and a slot to a batch on its way."""

    def __init__(self, dataset: MultimodalDataset, shared: Slots | None) -> None:
        self.dataset, self.shared = dataset, shared

    def __getitem__(self, item: tuple[BatchRequest, int | None]) -> Batch | Parcel:
        request, slot = item
        return self.dataset[request] if slot is None else self.shared.filled(slot, lambda: self.dataset[request])


class _Requests:
    """The loader's requests and a slot for each, as a sampler; read in the main process, so `set_epoch` reaches running
    workers."""

    def __init__(self, loader: BatchLoader) -> None:
        # Weak, or the loader and its worker processes would form a cycle: processes that the garbage collector finds
        # are waited for seconds each.
        self.loader = weakref.ref(loader)

    def __iter__(self) -> Iterator[tuple[BatchRequest, int | None]]:
        loader = self.loader()
        return _with_slots(loader.requests(loader._steps), loader._slots)

    def __len__(self) -> int:
        return len(self.loader())


def _with_slots(requests: Iterator[BatchRequest], shared: Slots | None) -> Iterator[tuple[BatchRequest, int | None]]:
    """Each request with the slot that its batch is to be made in, None where none is free."""
    if shared is not None:
        shared.recall()  # the first request is asked for when every process has ended what it was asked before
    for request in requests:
        yield request, None if shared is None else shared.lease()


def _unchanged(batch: Batch) -> Batch:
    return batch
