"""What must hold of features before they are converted, with one message each: shape, numbers, range, alignment."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mmlib.data.features.sources import AGAIN, Source
from mmlib.errors import DataError, ParameterError

STORAGE = ("float16", "float32")


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


def check_finite(source: Source, values: np.ndarray, rows: np.ndarray) -> None:
    """Raise `DataError` naming the first of `rows` (n,) whose `values` (n, ...) hold a NaN or an infinity."""
    with np.errstate(invalid="ignore", over="ignore"):
        total = values.sum(dtype=np.float64)  # cheap: a NaN or an infinity survives every sum
    if np.isfinite(total):
        return
    bad = ~np.isfinite(values.reshape(len(values), -1)).all(axis=1)
    if bad.any():
        row = int(rows[np.argmax(bad)]) + source.first_row
        raise DataError(
            f"{source.path}: row {row} holds a NaN or an infinity, or a number is missing ({int(bad.sum())} rows of "
            "those read together). Extract or download the features again."
        )


def stored(source: Source, values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Finite values as `dtype`. Raises `DataError` where some are beyond its range, counting them."""
    limit = np.finfo(dtype).max
    if max(values.max(), -values.min()) > limit:
        beyond = int(np.sum(np.abs(values) > limit))
        raise DataError(
            f"{source.path} holds {beyond:,} values beyond {limit:g} among {values.size:,} read together, more than "
            f"{dtype} can store. " + ("Convert with --set storage=float32." if dtype == np.float16 else AGAIN)
        )
    return values.astype(dtype)
