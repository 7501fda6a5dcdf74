"""Features in a CSV as published: no header, a row of numbers per line, a label in the last column where rows have one.

It is looked through once for its rows, columns and labels (cheap: lines are not parsed), then pandas parses it piece by
piece.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mmlib.data.features.sources import AGAIN, Source
from mmlib.errors import DataError

LONGEST_LINE = 8 << 20  # bytes; 4097 numbers take about 40 kB


def open_csv(path: Path, labelled: bool) -> Source:
    """A table (rows, columns but the label) float32. Raises `DataError`: rows of differing length, not text, empty."""
    labels, rows, columns = [], 0, 0
    with open(path, "rb") as stream:
        while line := stream.readline(LONGEST_LINE):
            line = line.rstrip(b"\r\n")
            count = line.count(b",") + 1
            if not line or b"\0" in line or len(line) >= LONGEST_LINE - 2:
                raise DataError(f"{path}, row {rows + 1}: not a line of numbers separated by commas. {AGAIN}")
            if columns and count != columns:
                raise DataError(f"{path}, row {rows + 1}: {count} columns, the rows before have {columns}. {AGAIN}")
            columns, rows = count, rows + 1
            if labelled:
                labels.append(line.rpartition(b",")[2].strip(b' "'))

    def read(first: int, last: int, step: int, width: int | None) -> Iterator[np.ndarray]:
        return _parsed(path, range(width), first, last - first, step)

    shape = (rows, columns - labelled if rows else 0)
    return Source(path, shape, np.dtype(np.float32), read, _decoded(path, labels) if labelled else None, first_row=1)


def _decoded(path: Path, labels: list[bytes]) -> np.ndarray:
    try:
        return np.array([label.decode("utf-8") for label in labels], dtype=str)
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: a label is not text ({error}). {AGAIN}") from error


def _parsed(path: Path, columns: range, skip: int, rows: int, step: int) -> Iterator[np.ndarray]:
    import pandas as pd

    options = {"header": None, "usecols": columns, "dtype": np.float32, "skiprows": skip, "nrows": rows, "engine": "c"}
    try:
        with pd.read_csv(path, chunksize=step, **options) as reader:
            for frame in reader:
                yield frame.to_numpy(np.float32)
    except (ValueError, OverflowError, pd.errors.ParserError) as error:
        where = f"after row {skip}" if skip else "among its rows"
        raise DataError(f"{path}: something {where} is not a number ({str(error)[:120]}). {AGAIN}") from error
