"""What must hold of features before they are converted, with one message each: shape, numbers, range, alignment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mmlib.data.features.sources import AGAIN, Source
from mmlib.data.prepared_check import SPLITS
from mmlib.data.ranges import narrowed
from mmlib.errors import DataError, ParameterError

STORAGE = ("float16", "float32")
LISTS_AGAIN = "Get the lists again."


def check_storage(dataset: str, storage: str) -> None:
    """Raise `ParameterError` for a number format that features are not stored in."""
    if storage not in STORAGE:
        raise ParameterError(f"{dataset}: storage is {storage!r}, choose one of: {', '.join(STORAGE)}.")


def check_shape(source: Source, rows: int | None, sizes: Sequence[int | None], what: str) -> None:
    """Raise `DataError` unless the array is of numbers and `(rows, *sizes)`; None stands for any size.

    `what`: what its rows and axes are, for the message.
    """
    wanted = (rows, *sizes)
    fits = len(source.shape) == len(wanted) and all(
        want in (None, have) and have > 0 for want, have in zip(wanted, source.shape, strict=True)
    )
    if not fits or source.dtype.kind not in "fiu":
        expected = ", ".join("any" if size is None else f"{size}" for size in wanted)
        raise DataError(
            f"{source.path} is {source.dtype} {source.shape}, expected numbers of shape ({expected}): {what}"
        )


def check_width(source: Source, width: int | None, advice: str) -> Source:
    """A table narrowed to `width` features (None: all it has).

    A labelled one must have exactly so many, another one at least. Raises `DataError`, `advice` at its end.
    """
    if len(source.shape) != 2:
        raise DataError(
            f"{source.path} is {source.dtype} {source.shape}, expected plain numbers (rows, width). {AGAIN}"
        )
    rows, columns = source.shape
    wanted, labelled = columns if width is None else width, source.labels is not None
    if not rows or wanted < 1:
        raise DataError(f"{source.path} holds {rows} rows of {columns} features. {AGAIN}")
    if columns < wanted or (labelled and columns != wanted):
        found = f"{columns} features and a label" if labelled else f"{columns} columns"
        hint = " Its last column is taken for the label: is the label missing?" if columns == wanted - 1 else ""
        raise DataError(
            f"{source.path} has {found}, expected {wanted} features{' and a label' if labelled else ''}.{hint} {advice}"
        )
    if labelled and (source.labels == "").any():
        row = int(np.argmax(source.labels == "")) + source.first_row
        raise DataError(f"{source.path}, row {row}: the label (last column) is empty. {AGAIN}")
    return source.narrowed(wanted)


def check_aligned(first: Source, second: Source, what: str) -> None:
    """Raise `DataError` unless two modalities have the same rows and, where they have labels, the same in each."""
    if len(first) != len(second):
        raise DataError(
            f"{first.path} has {len(first)} rows, {second.path.name} {len(second)}: row i of both must be one {what}. "
            "Export both from the same list."
        )
    if first.labels is None or second.labels is None:
        return
    differ = first.labels != second.labels
    if differ.any():
        row = int(np.argmax(differ))
        raise DataError(
            f"{first.path} and {second.path.name} are not aligned: row {row + 1} is {str(first.labels[row])!r} in one "
            f"and {str(second.labels[row])!r} in the other ({int(differ.sum())} rows differ). Export both from the "
            "same list."
        )


def check_index(dataset: str, index: Mapping[str, Sequence], classes: int) -> None:
    """Raise `DataError` unless all columns are of one length, every id is there once, labelled and in a known split.

    Whole numbers in `label` are places among the classes; other labels are not looked at.
    """
    ids = np.asarray(index["id"])
    short = next((name for name in index if len(index[name]) != len(ids)), None)
    if short is not None:
        raise DataError(
            f"{dataset}: {len(index[short]):,} values of {short!r} for {len(ids):,} ids. Get the lists again."
        )
    names, times = np.unique(ids, return_counts=True)
    if times.max(initial=1) > 1:
        twice = int(np.argmax(times > 1))
        splits = sorted(set(np.asarray(index["split"])[ids == names[twice]].tolist()))
        raise DataError(
            f"{dataset}: ids are not unique: {str(names[twice])!r} stands {times[twice]} times, in "
            f"{' and '.join(splits)} ({int(np.sum(times > 1)):,} such ids). {LISTS_AGAIN}"
        )
    label, split = np.asarray(index["label"]), np.asarray(index["split"])
    unlabelled = (label < 0) | (label >= classes) if label.dtype.kind in "iu" else np.zeros(len(ids), bool)
    for wrong, column, known in (
        (unlabelled, label, f"a label from 0 to {classes - 1}"),
        (~np.isin(split, SPLITS), split, f"a split among {', '.join(SPLITS)}"),
    ):
        if wrong.any():
            row = int(np.argmax(wrong))
            raise DataError(
                f"{dataset}: {str(ids[row])!r} has {column[row].item()!r}, expected {known} ({int(wrong.sum()):,} such "
                f"ids). {LISTS_AGAIN}"
            )


def check_finite(source: Source, values: np.ndarray, rows: np.ndarray) -> None:
    """Raise `DataError` naming the first of `rows` (n,) whose `values` (n, ...) hold a NaN or an infinity."""
    with np.errstate(invalid="ignore", over="ignore"):
        total = values.sum(dtype=np.float64)  # cheap: a NaN or an infinity survives every sum
    if np.isfinite(total):
        return
    bad = ~np.isfinite(values.reshape(len(values), -1)).all(axis=1)
    if bad.any():
        row = int(rows[np.argmax(bad)])
        where = f"row {row + source.first_row}" if source.names is None else source.names[row]
        raise DataError(
            f"{source.path}: {where} holds a NaN or an infinity, or a number is missing ({int(bad.sum())} rows of "
            "those read together). Extract or download the features again."
        )


def stored(source: Source, values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Finite values as `dtype`. Raises `DataError` where some are beyond its range, counting them."""
    return narrowed(values, dtype, source.path, "" if dtype == np.float16 else AGAIN)


def rounding_error(source: Source, storage: str, sampled: int) -> float:
    """What storing features as `storage` costs: error of a feature relative to its size, both as root mean squares.

    Measured on `sampled` rows spread over the source; 0 where the type holds the numbers as they are.
    """
    error = size = 0.0
    for row in np.unique(np.linspace(0, len(source) - 1, min(sampled, len(source))).astype(np.int64)):
        values = next(source.blocks(int(row), int(row) + 1))
        check_finite(source, values, np.array([row]))
        difference = stored(source, values, np.dtype(storage)).astype(np.float64) - values
        error, size = error + float((difference**2).sum()), size + float((values.astype(np.float64) ** 2).sum())
    return float(np.sqrt(error / size)) if size else 0.0
