"""Rows of a prepared folder as a dataset: a batch is fetched in one vectorised call, not sample by sample.

What randomness does not touch (evaluation, clean training without augmentation) is computed once per split and kept,
within a memory limit.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from mmlib.data import room
from mmlib.data.batch import Batch
from mmlib.data.deferred import Deferred
from mmlib.data.prepared import Prepared
from mmlib.data.randomness import Draws
from mmlib.data.views import ItemView, View, deferred
from mmlib.errors import DataError, ParameterError

CACHE_BYTES = 2 << 30  # computed inputs kept per split
CHUNK = 256  # rows computed at a time when filling the cache


@dataclass(frozen=True)
class BatchRequest:
    """What a process fetches: `index` (n,) into the dataset, and which places of which global batch they hold.

    `keep`, by modality, (n,) bool and `weight` (n,) float32 go into the batch. `deferred` leaves what can be computed
    later to where the batch is moved (`Batch.to`).
    """

    index: np.ndarray
    draws: Draws | None = None
    keep: Mapping[str, np.ndarray] = field(default_factory=dict)
    weight: np.ndarray | None = None
    deferred: bool = False

    @property
    def size(self) -> int:
        return self.draws.size if self.draws is not None else len(self.index)


class MultimodalDataset(Dataset):
    """Rows of a prepared folder, seen through one view per modality.

    Attributes: `classes` (names), `targets` (N,) numpy (or what `targets` gives), int64 where they are whole numbers,
    float32 where they are real-valued; `rows` (N,) of the prepared folder, `split`, `views`. Indexing takes a
    `BatchRequest`, or plain positions (int or sequence, without randomness), and gives a `Batch`.

    Raises `DataError` for targets that are not finite.

    Args:
        targets: targets of every row of the prepared folder where they are not its own (`Prepared.targets`):
            `(rows, T)`, a class for every segment, or real values `(rows,)`.
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
        self.targets = self._checked((prepared.targets if targets is None else targets)[self.rows])
        self._targets = torch.from_numpy(self.targets)
        self._extra = {name: torch.from_numpy(values[self.rows]) for name, values in (extra or {}).items()}
        self._cache: dict[str, Tensor | None] = {}
        self._places: dict[str, Tensor] = {}  # of each row in the cache, where rows share items

    def _checked(self, targets: np.ndarray) -> np.ndarray:
        """Targets as int64 or float32."""
        if targets.dtype.kind in "iub":
            return targets.astype(np.int64)
        if targets.dtype.kind != "f":
            raise ParameterError(f"targets are {targets.dtype}: give class numbers (integers) or real values (floats).")
        with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and is refused here
            values = targets.astype(np.float32)
        bad = np.argwhere(~np.isfinite(values))
        if len(bad):
            row = int(self.rows[bad[0, 0]])
            raise DataError(
                f"{self.prepared.folder}: the target of {str(self.prepared.index['id'][row])!r} (row {row}, split "
                f"{self.split}) is {targets[tuple(bad[0])]}, one of {len(bad)} that are not finite. Give it a value or "
                "leave the sample out, and prepare the data again."
            )
        return values

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, request: BatchRequest | int | Sequence[int] | np.ndarray) -> Batch:
        if not isinstance(request, BatchRequest):
            request = BatchRequest(np.atleast_1d(np.asarray(request, dtype=np.int64)))
        index = torch.from_numpy(request.index)
        later = self._deferred(request) if request.deferred else {}
        views = {name: view for name, view in self.views.items() if name not in later}
        inputs = {name: self._input(name, view, request, index) for name, view in views.items()}
        extra = {name: values[index] for name, values in self._extra.items()}
        keep = {name: torch.from_numpy(mask) for name, mask in request.keep.items()}
        weight = None if request.weight is None else torch.from_numpy(request.weight)
        return Batch(inputs, self._targets[index], index, request.size, extra, keep, weight, later)

    def _deferred(self, request: BatchRequest) -> dict[str, Deferred]:
        rows = self.rows[request.index]
        found = {name: deferred(view, rows, request.draws) for name, view in self.views.items()}
        return {name: value for name, value in found.items() if value is not None}

    def _input(self, name: str, view: View, request: BatchRequest, index: Tensor) -> Tensor:
        if view.random:
            return view(self.rows[request.index], request.draws)
        kept = self._kept(name)
        if kept is None:
            return view(self.rows[request.index], None)
        index = torch.where(index < 0, index + len(self), index)  # from the end, as everywhere else
        places = self._places[name][index] if name in self._places else index
        return torch.index_select(kept, 0, places, out=room.empty(len(index), *kept.shape[1:], dtype=kept.dtype))

    def _kept(self, name: str) -> Tensor | None:
        """The whole split through a view that randomness does not touch, or None where it does not fit.

        Items that rows share are computed and kept once each.
        """
        if name not in self._cache:
            view, rows = self.views[name], self.rows
            if isinstance(view, ItemView):
                rows, places = np.unique(view.items[self.rows], return_inverse=True)
                view, self._places[name] = view.view, torch.from_numpy(places)
            one = view(rows[:1], None)
            self._cache[name] = None
            used = sum(kept.nbytes for kept in self._cache.values() if kept is not None)
            if len(rows) and used + one.nbytes * len(rows) <= self.cache_bytes:
                kept = torch.empty(len(rows), *one.shape[1:], dtype=one.dtype)
                for start in range(0, len(rows), CHUNK):
                    kept[start : start + CHUNK] = view(rows[start : start + CHUNK], None)
                self._cache[name] = kept
        return self._cache[name]

    def fill_cache(self) -> MultimodalDataset:
        """Compute now what can be kept, so that loader processes share it instead of computing it each."""
        for name, view in self.views.items():
            if not view.random:
                self._kept(name)
        return self

    def glance(self, positions: Sequence[int] | np.ndarray) -> Batch:
        """The samples at these positions computed for themselves, to be looked at: the rest of the split is not."""
        alone = copy.copy(self)
        alone._cache = {name: self._cache.get(name) for name in self.views}
        return alone[positions]

    def column(self, name: str) -> np.ndarray:
        """A column of the index for this split's rows, `(N,)`."""
        return self.prepared.index[name][self.rows]

    @property
    def input_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of one sample by modality."""
        return {name: tuple(view(self.rows[:1], None).shape[1:]) for name, view in self.views.items()}
