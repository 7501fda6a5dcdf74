"""From published files to the prepared format, once, in little memory, resuming after a kill."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mmlib.data.features.checks import check_finite, check_index, stored
from mmlib.data.features.resumable import ResumableArray
from mmlib.data.features.sources import Source
from mmlib.data.prepared import PreparedWriter
from mmlib.data.progress import Progress
from mmlib.errors import DataError

PIECE_BYTES = 48 << 20  # read at a time, as stored in the file


@dataclass(frozen=True)
class Part:
    """Rows that follow each other in a prepared array: `rows` (n,) of a source, ascending; None takes them all."""

    source: Source
    rows: np.ndarray | None = None

    def __post_init__(self) -> None:
        rows = np.arange(0) if self.rows is None else self.rows
        if (rows < 0).any() or (rows >= len(self.source)).any() or (np.diff(rows) <= 0).any():
            raise ValueError(f"rows of {self.source.path} must ascend within 0 to {len(self.source) - 1}")

    def __len__(self) -> int:
        return len(self.source) if self.rows is None else len(self.rows)


@dataclass(frozen=True)
class FeatureSet:
    """All that a prepared folder of published features will hold.

    `index`: columns (N,) by name, the fixed four (`id`, `label`, `split`, `group`) among them; row i belongs to row i
    of every array. `features`: parts by array, converted to the float type in `storage`; `arrays`: small ones, as they
    are. `manifest`: where it comes from, what was skipped and so on, as `PreparedWriter.finish` takes it. `unit`: what
    a row is. `items`: how many rows the features have where those of the index share them; row i of the index then
    belongs to row `index["item"][i]` of them.
    """

    dataset: str
    classes: Sequence[str]
    index: Mapping[str, Any]
    features: Mapping[str, Sequence[Part]]
    storage: Mapping[str, str]
    manifest: Mapping[str, Any]
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)
    unit: str = "rows"
    items: int | None = None

    @property
    def rows(self) -> int:
        """Rows of the features."""
        return len(self.index["id"]) if self.items is None else self.items


def convert(folder: Path, features: FeatureSet) -> Path:
    """Write `folder`; after a kill, go on with what was converted. Memory: `PIECE_BYTES` and copies of them.

    Raises `DataError`: parts that do not make up the index, of differing sizes, damaged, not finite, out of range.
    """
    check_index(features.dataset, features.index, len(features.classes))
    for name, parts in features.features.items():
        _check_parts(name, parts, features.rows)
    started = folder.parent / f".{folder.name}.partial"
    done = {name: _convert_array(started, name, features) for name in features.features}
    with PreparedWriter(folder, dataset=features.dataset, classes=features.classes, replace=True) as writer:
        for name, path in done.items():
            writer.adopt(name, path, by_item=features.items is not None)
        for name, values in features.arrays.items():
            writer.array(name, values.shape, values.dtype)[...] = values
        writer.finish(index=features.index, **features.manifest)
    shutil.rmtree(started, ignore_errors=True)
    return folder


def _check_parts(name: str, parts: Sequence[Part], rows: int) -> None:
    total, first = sum(map(len, parts)), parts[0].source
    if total != rows or 0 in first.shape:
        raise DataError(
            f"{first.path}: {total:,} rows {first.shape[1:]} of {name} features for {rows:,} of the index. Get both."
        )
    other = next((part.source for part in parts if part.source.shape[1:] != first.shape[1:]), None)
    if other is not None:
        raise DataError(
            f"{other.path} has rows of {other.shape[1:]}, {first.path.name} of {first.shape[1:]}: they make one array. "
            "Get both of one source."
        )


def _convert_array(folder: Path, name: str, features: FeatureSet) -> Path:
    parts = features.features[name]
    total, sizes = features.rows, parts[0].source.shape[1:]
    array = ResumableArray(folder, name, (total, *sizes), features.storage[name])
    if array.done:
        print(
            f"{name} features: going on after {array.done:,} {features.unit} of an interrupted conversion", flush=True
        )
    progress = Progress(f"{name} features", total, features.unit, done=array.done)
    before = 0
    for part in parts:
        if array.done < before + len(part):
            _convert_part(part, array, array.done - before, progress)
        before += len(part)
    return array.path


def _convert_part(part: Part, array: ResumableArray, done: int, progress: Progress) -> None:
    """Append the rows of one source that are not `done` yet, a contiguous block of the source at a time."""
    source = part.source
    wanted = np.arange(done, len(source)) if part.rows is None else part.rows[done:]
    first, last = int(wanted[0]), int(wanted[-1]) + 1
    step = max(1, PIECE_BYTES // (int(np.prod(source.shape[1:])) * source.dtype.itemsize))
    for values in source.blocks(first, last, step):
        inside = wanted[np.searchsorted(wanted, first) : np.searchsorted(wanted, first + len(values))]
        if len(inside):
            chosen = values if len(inside) == len(values) else values[inside - first]
            check_finite(source, chosen, inside)
            array.append(stored(source, chosen, array.dtype))
            progress.advance(len(inside))
        first += len(values)
