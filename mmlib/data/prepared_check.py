"""Checks of a prepared folder's manifest and of its arrays' headers: what is wrong, in which file, and what to do.

They run whenever a folder is opened. The format itself is described in `mmlib.data.prepared`, the index is read in
`mmlib.data.prepared_index`, and contents are compared in `mmlib.data.prepared_blocks`.
"""

from __future__ import annotations

import tokenize
from pathlib import Path
from typing import Any

import numpy as np

from mmlib.errors import DataError, UsageError
from mmlib.files import name_problem, read_json
from mmlib.seal import DIGEST, is_broken

FORMAT = "mmlib-prepared"
VERSION = 1
SPLITS = ("train", "validation", "test")
INDEX_COLUMNS = ("id", "label", "split", "group")
ITEM = "item"  # the column of rows in arrays that samples share, and the mark of such arrays
COLUMN_TYPES = ("int", "float", "bool", "str")
BLOCKS = "blocks"  # the manifest's entry of digests of pieces of the arrays' files

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


REMEDY = "The prepared folder is damaged"
"""How the remedy begins in a message: where a folder can be made again at once, it is cut off."""


def damaged(path: Path, what: str) -> DataError:
    """The error for a damaged file of a prepared folder: where, what, and the remedy."""
    return DataError(
        f"{path}: {what}. {REMEDY}: move it away, or delete it, and prepare the data again (`mmlib data check FOLDER` "
        "lists what is wrong)."
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
    unknown = sorted(set(manifest) - set(_MANIFEST_KEYS) - {"format", "version", BLOCKS, DIGEST})
    if unknown:
        raise damaged(path, f"the entry {unknown[0]!r:.80} is none of a manifest's")
    _check_entries(path, manifest)
    _check_blocks(path, manifest)
    if is_broken(manifest) or (BLOCKS in manifest) != (manifest.get(DIGEST) is not None):
        raise damaged(path, "it was changed after it was written (its digest is another's)")
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


def _check_blocks(path: Path, manifest: dict[str, Any]) -> None:
    """Digests of pieces of every array's file, in manifests since there are any."""
    if BLOCKS not in manifest:
        return
    blocks = manifest[BLOCKS]
    if not isinstance(blocks, dict) or not _is_count(blocks.get("bytes")) or not blocks["bytes"]:
        raise damaged(path, f"the entry {BLOCKS!r} does not say how long a block is")
    known = blocks.get("sha256")
    if not isinstance(known, dict) or set(known) != set(manifest["arrays"]):
        raise damaged(path, f"the entry {BLOCKS!r} has other arrays than the manifest")
    if not all(isinstance(digests, list) and _are(str, digests) for digests in known.values()):
        raise damaged(path, f"the entry {BLOCKS!r} holds something else than digests")


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


def open_array(folder: Path, name: str, entry: dict[str, Any], rows: int) -> np.ndarray:
    """Memory-map one array (read-only, no pickle) after comparing its header with the manifest. Raises `DataError`."""
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
    if not array.flags.c_contiguous:  # we write none of these: the same bytes would be read in another order
        raise damaged(path, f"array {name!r} says that its columns come first (fortran_order), its rows do")
    if "by" not in entry and array.shape[0] != rows:
        raise damaged(path, f"array {name!r} has {array.shape[0]} rows, the index has {rows}")
    if path.stat().st_size != array.offset + array.nbytes:
        raise damaged(path, f"array {name!r} has {path.stat().st_size} bytes, expected {array.offset + array.nbytes}")
    return array
