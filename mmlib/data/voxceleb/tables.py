"""One feature file, read in pieces: a CSV as published, or the same numbers as .npz. Nothing is ever unpickled.

A CSV is looked through once for its rows, columns and labels (cheap: lines are not parsed), so that misaligned or
narrow files are refused before hours of conversion; then pandas parses it chunk by chunk.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmlib.errors import DataError

LONGEST_LINE = 8 << 20  # bytes; 4097 numbers take about 40 kB
PIECE_BYTES = 32 << 20  # of float32, read at a time
TROUBLE = "Export or copy the file again."


@dataclass(frozen=True)
class Table:
    """A feature file that was looked through: `labels` (rows,) strings, None where it has none."""

    path: Path
    rows: int
    width: int
    labels: np.ndarray | None

    def pieces(self, skip: int = 0) -> Iterator[np.ndarray]:
        """Features (n, width) float32 from row `skip` on. Raises `DataError` naming the row that is not numbers."""
        step = max(1, PIECE_BYTES // (4 * self.width))
        read = _npz_pieces if self.path.suffix == ".npz" else _csv_pieces
        row = skip
        for values in read(self, skip, step):
            bad = ~np.isfinite(values).all(axis=1)
            if bad.any():
                raise DataError(
                    f"{self.path}, row {row + int(np.argmax(bad)) + 1}: a number is missing or not finite. {TROUBLE}"
                )
            row += len(values)
            yield values
        if row != self.rows:
            raise DataError(f"{self.path} ended at row {row} of {self.rows}: it changed while it was read. Try again.")


def look_through(path: Path, width: int | None, labelled: bool) -> Table:
    """Rows, width and labels of a feature file.

    Args:
        width: number of features. None: every column but the label.
        labelled: whether the last column is a label; where it is not, columns beyond `width` are left unread.

    Raises `DataError`: no such columns, rows of differing length, a pickle inside, an empty file.
    """
    look = _look_npz if path.suffix == ".npz" else _look_csv
    rows, columns, labels = look(path, labelled)
    wanted = columns if width is None else width
    if not rows or wanted < 1:
        raise DataError(f"{path} holds {rows} rows of {columns} features. {TROUBLE}")
    if columns < wanted or (labelled and columns != wanted):
        what = f"{columns} features and a label" if labelled else f"{columns} columns"
        hint = " Its last column is taken for the label: is the label missing?" if columns == wanted - 1 else ""
        raise DataError(
            f"{path} has {what}, expected {wanted} features{' and a label' if labelled else ''}.{hint} "
            "Is it the right file? The widths are the parameters face_features and voice_features."
        )
    if labels is not None and (labels == "").any():
        raise DataError(f"{path}, row {int(np.argmax(labels == '')) + 1}: the label (last column) is empty. {TROUBLE}")
    return Table(path, rows, wanted, labels)


def _look_csv(path: Path, labelled: bool) -> tuple[int, int, np.ndarray | None]:
    labels, rows, columns = [], 0, 0
    with open(path, "rb") as stream:
        while line := stream.readline(LONGEST_LINE):
            line = line.rstrip(b"\r\n")
            count = line.count(b",") + 1
            if not line or b"\0" in line or len(line) >= LONGEST_LINE - 2:
                raise DataError(f"{path}, row {rows + 1}: not a line of numbers separated by commas. {TROUBLE}")
            if columns and count != columns:
                raise DataError(f"{path}, row {rows + 1}: {count} columns, the rows before have {columns}. {TROUBLE}")
            columns, rows = count, rows + 1
            if labelled:
                labels.append(line.rpartition(b",")[2].strip(b' "'))
    return rows, columns - labelled, _decoded(path, labels) if labelled else None


def _decoded(path: Path, labels: list[bytes]) -> np.ndarray:
    try:
        return np.array([label.decode("utf-8") for label in labels], dtype=str)
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: a label is not text ({error}). {TROUBLE}") from error


def _csv_pieces(table: Table, skip: int, step: int) -> Iterator[np.ndarray]:
    import pandas as pd

    columns = range(table.width)
    try:
        reader = pd.read_csv(
            table.path, header=None, usecols=columns, dtype=np.float32, skiprows=skip, chunksize=step, engine="c"
        )
        with reader:
            for frame in reader:
                yield frame.to_numpy(np.float32)
    except (ValueError, OverflowError, pd.errors.ParserError) as error:
        where = f"after row {skip}" if skip else "among its rows"
        raise DataError(f"{table.path}: something {where} is not a number ({str(error)[:120]}). {TROUBLE}") from error


def _look_npz(path: Path, labelled: bool) -> tuple[int, int, np.ndarray | None]:
    try:
        with zipfile.ZipFile(path) as archive:
            shape, _ = _npz_header(path, archive, "features", "f")
            if not labelled:
                return shape[0], shape[1], None
            _npz_header(path, archive, "labels", "UiS")
        with np.load(path, allow_pickle=False) as arrays:
            labels = arrays["labels"].astype(str)
    except (zipfile.BadZipFile, KeyError, ValueError, OSError, EOFError) as error:
        raise DataError(
            f"{path} is not a sound .npz with arrays 'features' and 'labels' ({str(error)[:120]}). {TROUBLE}"
        ) from error
    if labels.shape != shape[:1]:
        raise DataError(f"{path}: {len(labels)} labels for {shape[0]} rows of features. {TROUBLE}")
    return shape[0], shape[1], labels


def _npz_header(path: Path, archive: zipfile.ZipFile, name: str, kinds: str) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and type of an array in an .npz, from its header alone."""
    with archive.open(f"{name}.npy") as stream:
        shape, dtype = _header(stream)
    if dtype.kind not in kinds or len(shape) != (2 if name == "features" else 1):
        what = "pickled objects, which can run code and are not opened" if dtype.hasobject else f"{dtype} {shape}"
        wanted = "numbers (rows, width)" if name == "features" else "labels (rows,)"
        raise DataError(f"{path}: the array {name!r} holds {what}; expected plain {wanted}. {TROUBLE}")
    return shape, dtype


def _header(stream) -> tuple[tuple[int, ...], np.dtype]:
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(stream)
    if fortran:
        raise ValueError("stored by columns")
    return shape, dtype


def _npz_pieces(table: Table, skip: int, step: int) -> Iterator[np.ndarray]:
    try:
        with zipfile.ZipFile(table.path) as archive, archive.open("features.npy") as stream:
            shape, dtype = _header(stream)
            size = shape[1] * dtype.itemsize
            stream.seek(skip * size, 1)
            for start in range(skip, shape[0], step):
                raw = stream.read(min(step, shape[0] - start) * size)
                values = np.frombuffer(raw, dtype).reshape(-1, shape[1])
                yield values[:, : table.width].astype(np.float32)
    except (zipfile.BadZipFile, ValueError, OSError, EOFError) as error:
        raise DataError(f"{table.path} is damaged ({str(error)[:120]}). {TROUBLE}") from error
