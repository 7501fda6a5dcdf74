"""From a prepared folder to batches: whole-batch fetch, exact sharding, everything seeded by (seed, epoch, batch).

A batch is fetched in one vectorised call, not sample by sample. What randomness does not touch (evaluation, clean
training without augmentation) is computed once per split and kept, within a memory limit.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from mmlib.data import registry, splits
from mmlib.data.assembly import build_views
from mmlib.data.prepared import Prepared, open_prepared
from mmlib.data.randomness import Draws
from mmlib.data.views import View
from mmlib.errors import DataError, ParameterError

CACHE_BYTES = 2 << 30  # computed inputs kept per split
CHUNK = 256  # rows computed at a time when filling the cache


@dataclass
class Batch:
    """One process's part of a batch.

    `inputs`: float32 by modality, audio `(B, 1, F, T)` or features `(B, T, F)`, visual `(B, C, T, H, W)` or
    `(B, T, H, W, C)`; `targets` int64, `(B,)` or `(B, T)` where every segment has its own;
    `index` (B,) int64, positions within the dataset; `size`: samples in the whole batch over all processes (weigh a
    process's mean loss by `len(batch) * world_size / size` where shards differ in length); `extra`: further tensors
    `(B, ...)` that a task trains with, by name.
    """

    inputs: dict[str, Tensor]
    targets: Tensor
    index: Tensor
    size: int = 0
    extra: dict[str, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.size = self.size or len(self.targets)

    def __len__(self) -> int:
        return len(self.targets)

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Batch:
        return self._with(lambda value: value.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> Batch:
        return self._with(Tensor.pin_memory)

    def _with(self, change: Callable[[Tensor], Tensor]) -> Batch:
        inputs = {name: change(value) for name, value in self.inputs.items()}
        extra = {name: change(value) for name, value in self.extra.items()}
        return replace(self, inputs=inputs, targets=change(self.targets), index=change(self.index), extra=extra)


@dataclass(frozen=True)
class BatchRequest:
    """What a process fetches: `index` (n,) into the dataset, and which places of which global batch they hold."""

    index: np.ndarray
    draws: Draws | None = None

    @property
    def size(self) -> int:
        return self.draws.size if self.draws is not None else len(self.index)


class MultimodalDataset(Dataset):
    """Rows of a prepared folder, seen through one view per modality.

    Attributes: `classes` (names), `targets` (N,) int64 numpy (or what `targets` gives), `rows` (N,) of the prepared
    folder, `split`, `views`. Indexing takes a `BatchRequest`, or plain positions (int or sequence, without randomness),
    and gives a `Batch`.

    Args:
        targets: targets of every row of the prepared folder where they are not its labels: `(rows, T)`, a class for
            every segment.
        extra: further arrays `(rows, ...)` that batches carry (`Batch.extra`).
        cache_bytes: how much of the computed inputs is kept in memory.
    """

    def __init__(
        self,
        prepared: Prepared,
        rows: np.ndarray,
        views: dict[str, View],
        *,
        split: str,
        targets: np.ndarray | None = None,
        extra: Mapping[str, np.ndarray] | None = None,
        cache_bytes: int = CACHE_BYTES,
    ) -> None:
        self.prepared, self.rows, self.views, self.split = prepared, np.asarray(rows), views, split
        self.cache_bytes = cache_bytes
        self.classes = prepared.classes
        self.targets = (prepared.labels if targets is None else targets)[self.rows].astype(np.int64)
        self._targets = torch.from_numpy(self.targets)
        self._extra = {name: torch.from_numpy(values[self.rows]) for name, values in (extra or {}).items()}
        self._cache: dict[str, Tensor | None] = {}

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, request: BatchRequest | int | Sequence[int] | np.ndarray) -> Batch:
        if not isinstance(request, BatchRequest):
            request = BatchRequest(np.atleast_1d(np.asarray(request, dtype=np.int64)))
        index = torch.from_numpy(request.index)
        inputs = {name: self._input(name, view, request, index) for name, view in self.views.items()}
        extra = {name: values[index] for name, values in self._extra.items()}
        return Batch(inputs, self._targets[index], index, request.size, extra)

    def _input(self, name: str, view: View, request: BatchRequest, index: Tensor) -> Tensor:
        if view.random:
            return view(self.rows[request.index], request.draws)
        kept = self._kept(name)
        return view(self.rows[request.index], None) if kept is None else kept[index]

    def _kept(self, name: str) -> Tensor | None:
        """The whole split through a view that randomness does not touch, or None where it does not fit."""
        if name not in self._cache:
            view = self.views[name]
            one = view(self.rows[:1], None)
            self._cache[name] = None
            used = sum(kept.nbytes for kept in self._cache.values() if kept is not None)
            if len(self) and used + one.nbytes * len(self) <= self.cache_bytes:
                kept = torch.empty(len(self), *one.shape[1:])
                for start in range(0, len(self), CHUNK):
                    kept[start : start + CHUNK] = view(self.rows[start : start + CHUNK], None)
                self._cache[name] = kept
        return self._cache[name]

    def keep(self) -> MultimodalDataset:
        """Compute now what can be kept, so that loader processes share it instead of computing it each."""
        for name, view in self.views.items():
            if not view.random:
                self._kept(name)
        return self

    def column(self, name: str) -> np.ndarray:
        """A column of the index for this split's rows, `(N,)`."""
        return self.prepared.index[name][self.rows]

    @property
    def input_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of one sample by modality."""
        return {name: tuple(view(self.rows[:1], None).shape[1:]) for name, view in self.views.items()}


class BatchLoader:
    """Iterates `Batch`es of a dataset for one process; call `set_epoch` before each epoch of training.

    With W processes, each global batch is the one a single process would see, cut into W consecutive parts whose
    lengths differ by one at most. The last, partial batch is kept unless `drop_last`. Raises `ParameterError` for
    arguments out of range.
    """

    def __init__(
        self,
        dataset: MultimodalDataset,
        *,
        batch_size: int,
        shuffle: bool,
        seed: int,
        drop_last: bool = False,
        workers: int = 0,
        rank: int = 0,
        world_size: int = 1,
        pin_memory: bool = False,
    ) -> None:
        if batch_size < 1 or workers < 0 or not 0 <= rank < world_size:
            raise ParameterError(
                f"batch_size {batch_size}, workers {workers}, rank {rank} of {world_size}: batch_size must be at least "
                "1, workers at least 0, and rank from 0 to world_size - 1."
            )
        self.dataset, self.batch_size, self.shuffle, self.seed = dataset, batch_size, shuffle, seed
        self.rank, self.world_size, self.epoch = rank, world_size, 0
        if drop_last and len(dataset) < batch_size:
            raise ParameterError(
                f"batch_size {batch_size} with drop_last leaves no batch of {len(dataset)} samples. Choose a smaller."
            )
        self.used = len(dataset) - len(dataset) % batch_size if drop_last else len(dataset)
        last = self.used % batch_size or batch_size
        if shuffle and len(dataset) and min(last, batch_size) < world_size:
            raise ParameterError(
                f"batch_size {batch_size} leaves a last batch of {last} of {len(dataset)} samples for {world_size} "
                "processes, so one would train on nothing. Choose another batch_size or fewer processes."
            )
        self._processes = None
        if workers:
            dataset.keep()
            self._processes = DataLoader(
                dataset,
                batch_size=None,
                sampler=_Requests(self),
                num_workers=workers,
                collate_fn=_unchanged,
                pin_memory=pin_memory,
                persistent_workers=True,
                generator=torch.Generator().manual_seed(seed),  # leaves the global generator alone
            )
        self._pin = pin_memory

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch, which seeds the order and all augmentation together with the seed."""
        self.epoch = epoch

    def __len__(self) -> int:
        return math.ceil(self.used / self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        if self._processes is not None:
            yield from self._processes
            return
        for request in self.requests():
            batch = self.dataset[request]
            yield batch.pin_memory() if self._pin else batch

    def requests(self) -> Iterator[BatchRequest]:
        """This process's part of every global batch of the current epoch."""
        epoch = self.epoch
        count = len(self.dataset)
        order = np.random.default_rng([self.seed, epoch]).permutation(count) if self.shuffle else np.arange(count)
        for batch, start in enumerate(range(0, self.used, self.batch_size)):
            whole = order[start : start + self.batch_size]
            positions = np.array_split(np.arange(len(whole)), self.world_size)[self.rank]
            yield BatchRequest(whole[positions], Draws(self.seed, epoch, batch, len(whole), positions))


class _Requests:
    """The loader's requests as a sampler; read in the main process, so `set_epoch` reaches running workers."""

    def __init__(self, loader: BatchLoader) -> None:
        # Weak, or the loader and its worker processes would form a cycle: processes that the garbage collector finds
        # are waited for seconds each.
        self.loader = weakref.ref(loader)

    def __iter__(self) -> Iterator[BatchRequest]:
        return self.loader().requests()

    def __len__(self) -> int:
        return len(self.loader())


def _unchanged(batch: Batch) -> Batch:
    return batch


def load_data(parameters: Any) -> dict[str, MultimodalDataset]:
    """Datasets `train`, `validation`, `test` for classification parameters; prepares the data where needed.

    A dataset without a validation split gives `parameters.validation_fraction` of its train rows to one, stratified by
    class and drawn with `parameters.data_seed`. Raises `DataError` (missing, damaged, empty) and `ParameterError`.
    """
    folder = registry.prepare_for(parameters)
    prepared = open_prepared(Path(folder))
    rows = splits.split_rows(prepared, parameters)
    for name in ("train", "test"):
        if not len(rows[name]):
            raise DataError(f"{prepared.folder} has no {name} samples. Prepare it again with a {name} split.")
    prepared = splits.in_memory(prepared)
    return {
        name: MultimodalDataset(prepared, rows[name], build_views(prepared, parameters, name == "train"), split=name)
        for name in ("train", "validation", "test")
    }
