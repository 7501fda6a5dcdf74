"""Checks of a prepared folder: each says what is wrong, in which file, and what to do.

Opening a folder runs the cheap checks (headers, sizes, the whole index); `verify=True` also compares hashes, which
reads every byte. The format itself is described in `mmlib.data.prepared`.
"""

from __future__ import annotations

import csv
import itertools
import tokenize
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mmlib.errors import DataError, UsageError
from mmlib.files import name_problem, read_json, sha256_file

FORMAT = "mmlib-prepared"
VERSION = 1
SPLITS = ("train", "validation", "test")
INDEX_COLUMNS = ("id", "label", "split", "group")
ITEM = "item"  # the column of rows in arrays that samples share, and the mark of such arrays
COLUMN_TYPES = ("int", "float", "bool", "str")
INDEX_ROWS = 1 << 16  # of the index read or written at once: as text a row takes ten times its numbers

_MANIFEST_KEYS: dict[str, type] = {
    "dataset": str,
    "classes": list,
    "splits": dict,
    "arrays": dict,
    "index": dict,
    "source": dict,
    "versions": dict,
    "counts": dict,
    "skipped": list,
    "truth": dict,
}
_BOOLEANS = {"true": True, "false": False}


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a prepared folder: the file, and the message a user reads."""

    where: Path
    message: str

    def __str__(self) -> str:
        return self.message


def damaged(path: Path, what: str) -> DataError:
    """The error for a damaged file of a prepared folder: where, what, and the remedy."""
    return DataError(
        f"{path}: {what}. The prepared folder is damaged: delete {path.parent} and prepare the data again."
    )


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read and check `manifest.json`. Raises `DataError`."""
    path = folder / "manifest.json"
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder. Prepare the data first, or correct the path.")
    if not path.is_file():
        raise DataError(
            f"{path} is missing, so {folder} is not a (finished) prepared folder. Prepare the data again, or name "
            "the folder that holds manifest.json."
        )
    try:
        manifest = read_json(path)
    except UsageError as error:
        raise damaged(path, f"not valid JSON ({error.__cause__})") from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise damaged(path, f"not a manifest of the format {FORMAT!r}")
    if manifest.get("version") != VERSION:
        raise DataError(
            f"{path}: format version {manifest.get('version')!r}, this mmlib reads version {VERSION}. Prepare the "
            "data again with this mmlib, or use the mmlib that wrote it."
        )
    for key, kind in _MANIFEST_KEYS.items():
        if not isinstance(manifest.get(key), kind):
            raise damaged(path, f"the entry {key!r} is missing or is not a {kind.__name__}")
    _check_entries(path, manifest)
    return manifest


def _check_entries(path: Path, manifest: dict[str, Any]) -> None:
    if not manifest["classes"] or not all(isinstance(name, str) for name in manifest["classes"]):
        raise damaged(path, "'classes' is not a list of names")
    unknown = sorted(set(manifest["splits"]) - set(SPLITS))
    if unknown:
        raise damaged(path, f"unknown split {unknown[0]!r} (known: {', '.join(SPLITS)})")
    for name, entry in manifest["arrays"].items():
        if not isinstance(entry, dict) or not {"file", "dtype", "shape", "sha256"} <= set(entry):
            raise damaged(path, f"the entry of array {name!r} lacks file, dtype, shape or sha256")
        if problem := name_problem(entry["file"]):
            raise damaged(path, f"the file of array {name!r} lies outside the folder ({problem})")
        if not _is_shape(entry["shape"]) or not _is_type(entry["dtype"]) or not isinstance(entry["sha256"], str):
            raise damaged(path, f"the dtype, shape or sha256 of array {name!r} is none")
        if entry.get("by", ITEM) != ITEM:
            raise damaged(path, f"the rows of array {name!r} are by {entry['by']!r} (known: {ITEM})")
    index = manifest["index"]
    if not {"file", "rows", "sha256", "columns"} <= set(index):
        raise damaged(path, "the entry 'index' lacks file, rows, sha256 or columns")
    if problem := name_problem(index["file"]):
        raise damaged(path, f"the file of the index lies outside the folder ({problem})")
    columns = index["columns"]
    if not _is_count(index["rows"]) or not isinstance(columns, dict) or not _are(str, columns.values()):
        raise damaged(path, "the rows of the index are no number, or its columns no types by name")
    if not all(map(_is_count, manifest["splits"].values())) or not _are(dict, manifest["skipped"]):
        raise damaged(path, "'splits' are no counts by name, or 'skipped' is no list of entries")
    if not set(INDEX_COLUMNS) <= set(index["columns"]) or not set(index["columns"].values()) <= set(COLUMN_TYPES):
        raise damaged(path, f"the index columns must include {', '.join(INDEX_COLUMNS)} with types {COLUMN_TYPES}")
    shapes = {name: entry["shape"] for name, entry in manifest["arrays"].items() if "by" in entry}
    if bool(shapes) != (ITEM in index["columns"]) or index["columns"].get(ITEM, "int") != "int":
        raise damaged(path, f"an index column {ITEM!r} of integers and arrays by {ITEM} belong together")
    if len({tuple(shape[:1]) for shape in shapes.values()}) > 1:
        raise damaged(path, f"arrays by {ITEM} have different numbers of rows ({shapes})")
    target = manifest["source"].get("target", "label")
    if not isinstance(target, str) or index["columns"].get(target) != ("int" if target == "label" else "float"):
        raise damaged(path, f"the source names the target {target!r}, which is no index column of floats")


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 1 << 62


def _is_shape(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_is_count, value))


def _is_type(value: Any) -> bool:
    """Whether a text names a type of plain values."""
    try:
        return isinstance(value, str) and len(value) < 100 and not np.dtype(value).hasobject
    except (TypeError, ValueError, SyntaxError):
        return False


def _are(kind: type, values: Any) -> bool:
    return all(isinstance(value, kind) for value in values)


_NO_ARRAY = (
    *(ValueError, OSError, EOFError, SyntaxError, TypeError, ArithmeticError, MemoryError, RecursionError),
    tokenize.TokenError,
)
"""What NumPy raises for a header that it cannot read."""


def open_array(folder: Path, name: str, entry: dict[str, Any], rows: int, verify: bool = False) -> np.ndarray:
    """Memory-map one array (read-only, no pickle) after comparing it with its manifest entry. Raises `DataError`."""
    path = folder / entry["file"]
    if not path.is_file():
        raise damaged(path, f"the file of array {name!r} is missing")
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except _NO_ARRAY as error:
        raise damaged(path, f"array {name!r} is truncated or not a .npy file ({error})") from error
    if list(array.shape) != list(entry["shape"]) or array.dtype != np.dtype(entry["dtype"]):
        raise damaged(
            path,
            f"array {name!r} is {array.dtype} {list(array.shape)}, the manifest says {entry['dtype']} {entry['shape']}",
        )
    if "by" not in entry and array.shape[0] != rows:
        raise damaged(path, f"array {name!r} has {array.shape[0]} rows, the index has {rows}")
    if path.stat().st_size != array.offset + array.nbytes:
        raise damaged(path, f"array {name!r} has {path.stat().st_size} bytes, expected {array.offset + array.nbytes}")
    if verify and sha256_file(path) != entry["sha256"]:
        raise damaged(path, f"the content of array {name!r} does not have the hash in the manifest")
    return array


def read_index(folder: Path, manifest: dict[str, Any], verify: bool = False) -> dict[str, np.ndarray]:
    """Read `index.csv` into typed columns, each `(N,)`, checking every row. Raises `DataError`."""
    entry = manifest["index"]
    path = folder / entry["file"]
    if not path.is_file():
        raise damaged(path, "the index is missing")
    if verify and sha256_file(path) != entry["sha256"]:
        raise damaged(path, "the content of the index does not have the hash in the manifest")
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


def check_prepared(folder: str | Path) -> list[Problem]:
    """Everything wrong with a prepared folder (hashes included), one `Problem` per file; empty when sound."""
    folder = Path(folder)
    problems: list[Problem] = []
    try:
        manifest = read_manifest(folder)
    except DataError as error:
        return [Problem(folder / "manifest.json", str(error))]
    try:
        read_index(folder, manifest, verify=True)
    except DataError as error:
        problems.append(Problem(folder / manifest["index"]["file"], str(error)))
    for name, entry in manifest["arrays"].items():
        try:
            open_array(folder, name, entry, manifest["index"]["rows"], verify=True)
        except DataError as error:
            problems.append(Problem(folder / entry["file"], str(error)))
    return problems


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
