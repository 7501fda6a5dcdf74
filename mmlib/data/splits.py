"""Which rows are train, validation and test: as prepared, carved from train, or by disjoint groups."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from mmlib.data.prepared import SPLITS, Prepared
from mmlib.errors import DataError, ParameterError

MEMORY_BYTES = 1 << 30  # prepared arrays up to this size are read into memory, larger ones stay memory-mapped
GROUP_SHARES = {"validation": 0.1, "test": 0.1}  # of the groups, where whole groups are held out


def split_rows(prepared: Prepared, parameters: Any) -> dict[str, np.ndarray]:
    """Row numbers by split. A missing validation split is carved from train (`validation_fraction`, `data_seed`)."""
    if prepared.dataset == "cremad" and parameters.split == "speaker":
        return by_group(prepared, parameters.data_seed)
    rows = {split: prepared.rows(split) for split in SPLITS}
    if not len(rows["validation"]) and parameters.validation_fraction > 0:
        rows["train"], rows["validation"] = carve(
            rows["train"], prepared.labels, parameters.validation_fraction, parameters.data_seed
        )
    return rows


def by_group(prepared: Prepared, seed: int) -> dict[str, np.ndarray]:
    """All rows divided by group (a speaker, an actor), whole groups in the shares of `GROUP_SHARES`."""
    groups = np.random.default_rng([seed, 2]).permutation(np.unique(prepared.index["group"]))
    held = {name: max(1, round(share * len(groups))) for name, share in GROUP_SHARES.items()}
    if len(groups) <= sum(held.values()):
        raise DataError(
            f"{prepared.folder} has only {len(groups)} groups, too few to hold some out. Use split=official."
        )
    edge = held["validation"]
    chosen = {
        "validation": groups[:edge],
        "test": groups[edge : edge + held["test"]],
        "train": groups[sum(held.values()) :],
    }
    return {name: np.flatnonzero(np.isin(prepared.index["group"], chosen[name])) for name in SPLITS}


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
