"""Which rows are train, validation and test: as prepared, carved from train, or by disjoint groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from mmlib.data.media.source import Clip
from mmlib.data.prepared import SPLITS, Prepared
from mmlib.errors import DataError, ParameterError

MEMORY_BYTES = 1 << 30  # prepared arrays up to this size are read into memory, larger ones stay memory-mapped
GROUP_SHARES = {"validation": 0.1, "test": 0.1}  # of the groups, where whole groups are held out


def split_rows(prepared: Prepared, parameters: Any) -> dict[str, np.ndarray]:
    """Row numbers by split. A missing validation split is carved from train (`validation_fraction`, `data_seed`)."""
    by_groups = parameters.split == "group" or (prepared.dataset == "cremad" and parameters.split == "speaker")
    if by_groups:
        return by_group(prepared, parameters.data_seed)
    rows = {split: prepared.rows(split) for split in SPLITS}
    if not len(rows["validation"]) and parameters.validation_fraction > 0:
        rows["train"], rows["validation"] = carve(
            rows["train"], prepared.labels, parameters.validation_fraction, parameters.data_seed
        )
    return rows


def by_group(prepared: Prepared, seed: int) -> dict[str, np.ndarray]:
    """All rows divided by group (a speaker, an actor), whole groups in the shares of `GROUP_SHARES`."""
    chosen = hold_out(prepared.index["group"], seed, str(prepared.folder))
    return {name: np.flatnonzero(np.isin(prepared.index["group"], chosen[name])) for name in SPLITS}


def hold_out(groups: np.ndarray, seed: int, where: str) -> dict[str, np.ndarray]:
    """The names among `groups` (N,) of each split, none in two. Raises `DataError` where there are too few."""
    names = np.random.default_rng([seed, 2]).permutation(np.unique(groups))
    held = {name: max(1, round(share * len(names))) for name, share in GROUP_SHARES.items()}
    if len(names) <= sum(held.values()):
        raise DataError(f"{where} has only {len(names)} groups, too few to hold some out. Use split=official.")
    edge = held["validation"]
    return {
        "validation": names[:edge],
        "test": names[edge : edge + held["test"]],
        "train": names[sum(held.values()) :],
    }


def disjoint_groups(clips: Sequence[Clip], seed: int) -> list[Clip]:
    """Listed clips with splits that share no group; those with a problem stay as they are."""
    usable = [clip for clip in clips if clip.problem is None]
    if not usable:
        return list(clips)
    chosen = hold_out(np.asarray([clip.group for clip in usable]), seed, "the source")
    split_of = {group: split for split, groups in chosen.items() for group in groups.tolist()}
    return [clip if clip.problem else replace(clip, split=split_of[clip.group]) for clip in clips]


def carve(rows: np.ndarray, labels: np.ndarray, fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Split `rows` into (rest, carved), each class giving `fraction` of its rows (rounded, at least one stays).

    Every class with two rows or more gives at least one. Both results keep the rows' order.
    """
    if not 0 < fraction < 1:
        raise ParameterError(f"validation_fraction is {fraction}: it must lie between 0 and 1 (0 carves nothing).")
    shuffled = rows[np.random.default_rng([seed, 1]).permutation(len(rows))]
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    _, start, count = np.unique(labels[by_class], return_index=True, return_counts=True)
    take = np.clip(np.rint(count * fraction).astype(int), np.minimum(1, count - 1), count - 1)
    rank = np.arange(len(by_class)) - np.repeat(start, count)  # place of each row within its class
    carved = np.sort(by_class[rank < np.repeat(take, count)])
    return np.setdiff1d(rows, carved), carved


def in_memory(prepared: Prepared) -> Prepared:
    """Read the arrays into memory where all of them fit in `MEMORY_BYTES`."""
    if sum(array.nbytes for array in prepared.arrays.values()) > MEMORY_BYTES:
        return prepared
    return replace(prepared, arrays={name: np.array(array) for name, array in prepared.arrays.items()})
