"""The index of a prepared folder, `index.csv`: written in pieces, read into typed columns with every row checked."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from mmlib.data.prepared_check import INDEX_COLUMNS, ITEM, SPLITS, damaged
from mmlib.files import content_hash, sha256_file

INDEX_ROWS = 1 << 16  # of the index read or written at once: as text a row takes ten times its numbers
_BOOLEANS = {"true": True, "false": False}


_last: tuple[str, dict[str, np.ndarray]] = "", {}
"""The index read last, by what it was read from and checked against: a run opens its data five times."""


def read_index(folder: Path, manifest: dict[str, Any]) -> dict[str, np.ndarray]:
    """Read `index.csv` into typed columns, each `(N,)`, checking every row and its hash. Raises `DataError`.

    What was read and checked last is not read again while the file's content is the same, unless it is large.
    """
    global _last
    path = _index_file(folder, manifest)
    key = content_hash([sha256_file(path), *(manifest[name] for name in ("index", "classes", "splits", "arrays"))])
    known, index = _last
    if key != known:
        index = _read(path, manifest)
        check_index_file(folder, manifest)  # last: what was found before says more
        if manifest["index"]["rows"] > INDEX_ROWS:
            return index
        _last = key, index
    return {name: values.copy() for name, values in index.items()}


def _read(path: Path, manifest: dict[str, Any]) -> dict[str, np.ndarray]:
    entry = manifest["index"]
    types, read, pieces = entry["columns"], 0, []
    try:
        with open(path, newline="", encoding="utf-8") as stream:
            reader = csv.reader(stream, strict=True)
            header = next(reader, [])
            if set(header) != set(types) or len(header) != len(types):
                raise damaged(path, f"malformed index: columns {header}, the manifest says {list(types)}")
            while rows := list(itertools.islice(reader, INDEX_ROWS)):
                pieces.append(_typed_rows(path, header, types, rows, read))
                read += len(rows)
    except (csv.Error, UnicodeDecodeError) as error:
        raise damaged(path, f"malformed index ({error})") from error
    if read != entry["rows"]:
        raise damaged(path, f"the index has {read} rows, the manifest says {entry['rows']}")
    pieces = pieces or [_typed_rows(path, header, types, [], 0)]
    index = {name: np.concatenate([piece[name] for piece in pieces]) for name in header}
    _check_index(path, manifest, index)
    return index


def check_index_file(folder: Path, manifest: dict[str, Any]) -> None:
    """Raise `DataError` unless the file of the index is there and is the one that was written."""
    path = _index_file(folder, manifest)
    if sha256_file(path) != manifest["index"]["sha256"]:
        raise damaged(path, "the index was changed after it was written (another SHA-256 than the manifest's)")


def _index_file(folder: Path, manifest: dict[str, Any]) -> Path:
    path = folder / manifest["index"]["file"]
    if not path.is_file():
        raise damaged(path, "the index is missing")
    return path


def _typed_rows(
    path: Path, header: list[str], types: dict[str, str], rows: list[list[str]], before: int
) -> dict[str, np.ndarray]:
    """Columns of some rows, of which `before` precede."""
    short = next((number for number, row in enumerate(rows, before + 2) if len(row) != len(header)), None)
    if short is not None:
        raise damaged(path, f"malformed index: line {short} does not have {len(header)} fields")
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(header)
    return {name: _typed(path, name, types[name], values) for name, values in zip(header, columns, strict=True)}


def _typed(path: Path, name: str, kind: str, values: tuple[str, ...]) -> np.ndarray:
    try:
        if kind == "str":
            return np.array(values, dtype=str)
        if kind == "bool":
            return np.array([_BOOLEANS[value] for value in values], dtype=bool)
        return np.array(values, dtype=str).astype(np.int64 if kind == "int" else np.float64)
    except (ValueError, KeyError) as error:
        raise damaged(path, f"malformed index: column {name!r} has a value that is not {kind} ({error})") from error


def _check_index(path: Path, manifest: dict[str, Any], index: dict[str, np.ndarray]) -> None:
    labels, splits = index["label"], index["split"]
    outside = np.flatnonzero((labels < 0) | (labels >= len(manifest["classes"])))
    if outside.size:
        row = int(outside[0])
        raise damaged(
            path, f"line {row + 2}: label {labels[row]} is out of range for {len(manifest['classes'])} classes"
        )
    unknown = np.flatnonzero(~np.isin(splits, SPLITS))
    if unknown.size:
        row = int(unknown[0])
        raise damaged(path, f"line {row + 2}: unknown split {str(splits[row])!r} (known: {', '.join(SPLITS)})")
    counts = {split: int(np.sum(splits == split)) for split in SPLITS if np.any(splits == split)}
    if counts != manifest["splits"]:
        raise damaged(path, f"the index has splits {counts}, the manifest says {manifest['splits']}")
    if len(np.unique(index["id"])) != len(labels):
        raise damaged(path, "ids are not unique")
    items = next((entry["shape"][0] for entry in manifest["arrays"].values() if "by" in entry), 0)
    outside = np.flatnonzero((index[ITEM] < 0) | (index[ITEM] >= items)) if ITEM in index else labels[:0]
    if outside.size:
        row = int(outside[0])
        raise damaged(path, f"line {row + 2}: item {index[ITEM][row]} is out of range for {items} items")


def write_index(path: Path, columns: dict[str, np.ndarray]) -> dict[str, str]:
    """Write the columns as CSV and return their types."""
    columns = {name: columns[name] for name in INDEX_COLUMNS} | columns  # the four fixed columns come first
    kinds = {"i": "int", "u": "int", "f": "float", "b": "bool", "U": "str"}
    types = {name: kinds[values.dtype.kind] for name, values in columns.items()}
    with open(path, "w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        for start in range(0, max(map(len, columns.values())), INDEX_ROWS):
            rows = {name: values[start : start + INDEX_ROWS] for name, values in columns.items()}
            texts = [[str(v).lower() if types[name] == "bool" else str(v) for v in rows[name]] for name in columns]
            writer.writerows(zip(*texts, strict=True))
    return types


def as_column(values: Iterable) -> np.ndarray:
    """Values of a column as an array of plain numbers or texts."""
    plain = isinstance(values, np.ndarray) and not values.dtype.hasobject
    return values if plain else np.asarray(list(values))
