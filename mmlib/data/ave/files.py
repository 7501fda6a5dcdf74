"""The published files of AVE: where they lie, what they hold, and one clear message where they do not.

Paper says (AVE, Tian et al. 2018): VGG-19 maps and VGGish vectors, one per second of ten.
Published code does: reads `avadataset` from every feature and label file, although the scripts that make them write
`dataset`; reads whole files into memory.
We do: take either key or, failing both, a file's only dataset; read in pieces; check shapes and values. Features are
used as they are: no upstream loader normalises them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mmlib.data.ave.classes import SEGMENTS
from mmlib.errors import DataError

ANNOTATIONS = "Annotations.txt"
FEATURES = {"audio": "audio_feature.h5", "visual": "visual_feature.h5"}
BACKGROUND_FEATURES = {"audio": "audio_feature_noisy.h5", "visual": "visual_feature_noisy.h5"}
BACKGROUND_LABELS = "labels_noisy.h5"
ORDERS = {"train": "train_order.h5", "validation": "val_order.h5", "test": "test_order.h5"}
# Optional: only compared with what Annotations.txt says.
LABELS = ("labels.h5", "right_labels.h5", "right_label.h5", "mil_labels.h5", "labels_closs.h5", "prob_label.h5")

KEYS = ("avadataset", "dataset")
ORDER_KEYS = ("order",)
_WHAT = {
    ANNOTATIONS: "category, video and event times of every clip",
    FEATURES["audio"]: "the audio features (4143, 10, 128), 42 MB",
    FEATURES["visual"]: "the visual features (4143, 10, 7, 7, 512), 7.7 GB",
    **{name: f"which clips are {split}" for split, name in ORDERS.items()},
}
# Sizes of one clip by modality; None: any size (the generated sets are narrower).
SHAPES: dict[str, tuple[int | None, ...]] = {"audio": (SEGMENTS, None), "visual": (SEGMENTS, None, None, None)}


def find_folder(root: Path) -> Path:
    """The folder of the AVE files under a data root: its subfolder `ave`, or the root itself."""
    return root / "ave" if (root / "ave").is_dir() else root


def missing(root: Path) -> str | None:
    """The first file that is not there, what it is, and how many others lack; None when all are there."""
    folder = find_folder(root)
    absent = [name for name in _WHAT if not (folder / name).is_file()]
    if not absent:
        return None
    others = f" ({len(absent) - 1} more: {', '.join(absent[1:])})" if absent[1:] else ""
    return f"{folder / absent[0]} is missing: {_WHAT[absent[0]]}{others}."


def inputs(root: Path) -> dict[str, Path]:
    """Every file the conversion reads, by name; the optional ones where they are."""
    folder = find_folder(root)
    optional = [*BACKGROUND_FEATURES.values(), BACKGROUND_LABELS, *LABELS]
    return {name: folder / name for name in [*_WHAT, *optional] if name in _WHAT or (folder / name).is_file()}


@dataclass(frozen=True)
class StoredArray:
    """An array in an open HDF5 file; its rows are read when asked for."""

    path: Path
    dataset: Any
    shape: tuple[int, ...]
    dtype: np.dtype

    def read(self, rows: slice = slice(None)) -> np.ndarray:
        """Some rows, or all. Raises `DataError` where the file cannot be read."""
        with _reading(self.path):
            return self.dataset[rows]


@contextlib.contextmanager
def open_array(path: Path, keys: tuple[str, ...] = KEYS) -> Iterator[StoredArray]:
    """The array of an HDF5 file under the first of `keys` that is there; nothing of it is read yet.

    Raises `DataError`: no HDF5 file, truncated, no such key among several.
    """
    import h5py

    with contextlib.ExitStack() as opened:
        with _reading(path):
            file = opened.enter_context(h5py.File(path, "r"))
            dataset = file[_key(path, file, keys)]
            stored = StoredArray(path, dataset, tuple(dataset.shape), dataset.dtype)
        yield stored


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[None]:
    """HDF5 reports damage by many kinds of errors; a user needs one message."""
    try:
        yield
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, OverflowError) as error:
        reason = str(error).strip("'\"").split(" (file read failed")[0]
        raise DataError(
            f"{path} cannot be read as HDF5 ({reason}). It is cut short or damaged: copy or download it again."
        ) from error


def _key(path: Path, file: Any, keys: tuple[str, ...]) -> str:
    import h5py

    for key in keys:
        if isinstance(file.get(key), h5py.Dataset):
            return key
    datasets = [key for key in file if isinstance(file.get(key), h5py.Dataset)]
    if len(datasets) == 1:
        return datasets[0]
    found = ", ".join(repr(key) for key in file) or "nothing"
    wanted = " or ".join(repr(key) for key in keys)
    raise DataError(f"{path} holds {found}; expected a dataset {wanted}. Is this the published file of that name?")


def check_shape(stored: StoredArray, rows: int | None, sizes: tuple[int | None, ...]) -> None:
    """Raise `DataError` unless the array is numeric and `(rows, *sizes)`; None stands for any size."""
    wanted = (rows, *sizes)
    fits = len(stored.shape) == len(wanted) and all(
        want in (None, have) and have > 0 for want, have in zip(wanted, stored.shape, strict=True)
    )
    if not fits or stored.dtype.kind not in "fiu":
        expected = ", ".join("any" if size is None else f"{size}" for size in wanted)
        raise DataError(
            f"{stored.path} is {stored.dtype} {stored.shape}, expected numbers of shape ({expected}): a row for every "
            f"line of {ANNOTATIONS}, {SEGMENTS} segments each. Is this the file of these annotations?"
        )


def read_array(path: Path, rows: int | None, sizes: tuple[int | None, ...]) -> np.ndarray:
    """A whole small file (labels), checked. Raises `DataError`."""
    with open_array(path) as stored:
        check_shape(stored, rows, sizes)
        values = stored.read()
    check_finite(path, values, 0)
    return values


def check_finite(path: Path, values: np.ndarray, first_row: int) -> None:
    """Raise `DataError` naming the first row of `values` (N, ...) with a NaN or an infinity; `first_row` is its number
    of row 0."""
    with np.errstate(invalid="ignore"):
        total = values.sum(dtype=np.float64)  # cheap: a NaN or an infinity survives every sum
    if not np.isfinite(total):
        bad = ~np.isfinite(values.reshape(len(values), -1)).all(axis=1)
        if bad.any():
            row = first_row + int(np.flatnonzero(bad)[0])
            raise DataError(
                f"{path}: row {row} holds a NaN or an infinity ({int(bad.sum())} rows of those read together). "
                "Extract or download the features again."
            )


def read_orders(folder: Path, clips: int) -> dict[str, np.ndarray]:
    """Sample numbers of each split in the published order, int64.

    Raises `DataError` for a number out of range, one given twice, or one in two splits.
    """
    orders: dict[str, np.ndarray] = {}
    owner: dict[int, str] = {}
    for split, name in ORDERS.items():
        path = folder / name
        with open_array(path, ORDER_KEYS) as stored:
            if len(stored.shape) != 1 or stored.dtype.kind not in "iu" or not stored.shape[0]:
                raise DataError(f"{path} is {stored.dtype} {stored.shape}, expected a list of whole numbers.")
            if stored.shape[0] > clips:
                raise DataError(
                    f"{path} has {stored.shape[0]:,} entries, but {ANNOTATIONS} only {clips:,} clips. Use the order "
                    "files of these annotations."
                )
            order = stored.read().astype(np.int64)
        outside = np.flatnonzero((order < 0) | (order >= clips))
        if outside.size:
            place = int(outside[0])
            raise DataError(
                f"{path}: entry {place} is {order[place]}, but {ANNOTATIONS} has {clips} clips (0 to {clips - 1}). "
                "Use the order files of these annotations."
            )
        for number in order.tolist():
            if number in owner:
                raise DataError(
                    f"{path}: clip {number} is already in {owner[number]}. Splits must be disjoint and name no clip "
                    "twice: get the order files again."
                )
            owner[number] = name
        orders[split] = order
    return orders
