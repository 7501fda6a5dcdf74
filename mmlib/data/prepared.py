"""The prepared format: what every dataset becomes before a model sees it.

A prepared folder holds

- `manifest.json`: format, version, dataset, class names, split sizes, and for every file its dtype, shape and SHA-256;
  where the data came from (settings and hashes of the inputs), the versions of what decoded them, counts of what was
  listed, found, decoded and skipped with reasons, and for generated data the truth that was built in; SHA-256 of every
  block of the arrays' files, and of the manifest itself (`mmlib.seal`);
- `index.csv`: one row per sample: `id`, `label` (class number), `split`, `group` (what must not cross splits: clip,
  speaker, video), then columns of the dataset;
- one `.npy` per array; row i of the array is row i of the index. Arrays are memory-mapped, never unpickled.

Where samples share recordings (45,867 questions on 9,288 videos), the index has a column `item`, and arrays marked
`"by": "item"` in the manifest have one row per item instead: sample i has row `item[i]` of those, and row i of the
others. A `group` holds all samples of an item, or splits would share it.

Two entries of the manifest's `source` say how a folder is read: `target`, the float column that is learned instead of
the label (which then tells a class the value falls in, for carving and balance), and `modalities`, arrays that are
shown as they are, each `"features"`, `"pictures"` (bytes) or `"tokens"` (ids, 0 is padding).

Folders appear whole or not at all: everything is written to a temporary folder beside the target and renamed.
"""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

import mmlib
from mmlib.data import verification
from mmlib.data.allocation import allocated
from mmlib.data.prepared_blocks import BLOCK, Problem, check_content, check_prepared, file_digests
from mmlib.data.prepared_check import BLOCKS, FORMAT, ITEM, SPLITS, VERSION, open_array, read_manifest
from mmlib.data.prepared_index import as_column, check_index_file, read_index, write_index
from mmlib.errors import OutputsError
from mmlib.files import content_hash, dump_json, parse_json, sha256_file, umask, write_json, write_problem
from mmlib.seal import DIGEST, sealed

__all__ = ["SPLITS", "Prepared", "PreparedWriter", "Problem", "check_prepared", "open_prepared", "write_prepared"]


_NO_CONTENT = ("versions", BLOCKS, DIGEST)  # entries of a manifest that say nothing of what was prepared


@dataclass(frozen=True)
class Prepared:
    """An opened prepared folder: `index` columns `(N,)`, `arrays` memory-mapped `(N, ...)`, or `(items, ...)`."""

    folder: Path
    manifest: dict[str, Any]
    index: dict[str, np.ndarray]
    arrays: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def dataset(self) -> str:
        return self.manifest["dataset"]

    @property
    def classes(self) -> list[str]:
        return self.manifest["classes"]

    @property
    def labels(self) -> np.ndarray:
        """Class numbers `(N,)`, int64."""
        return self.index["label"]

    @property
    def targets(self) -> np.ndarray:
        """What is learned, `(N,)`: the labels, or the column of real values that the source names."""
        return self.index[self.manifest["source"].get("target", "label")]

    def by_item(self, array: str) -> bool:
        """Whether the rows of an array are items that samples share."""
        return self.manifest.get("arrays", {}).get(array, {}).get("by") == ITEM

    def beside(self, array: str, column: str) -> np.ndarray | None:
        """A column of the index in the order of an array's rows, None where there is none. Samples of an item agree."""
        values = self.index.get(column)
        if values is None or not self.by_item(array):
            return values
        of_items = np.zeros(len(self.arrays[array]), values.dtype)
        of_items[self.index[ITEM]] = values
        return of_items

    @property
    def truth(self) -> dict[str, Any]:
        """What was built into generated data; empty for recorded data."""
        return self.manifest["truth"]

    @property
    def origin(self) -> Literal["recorded", "generated", "stand-in"]:
        """A stand-in has the shape of the data set it is named after, and nothing else of it."""
        if self.truth.get("standin"):
            return "stand-in"
        return "generated" if self.truth else "recorded"

    @property
    def manifest_hash(self) -> str:
        """SHA-256 of what was prepared. Versions are left out: what they change shows in the arrays' hashes.

        So are digests that came later, so that data prepared before and after have the same hash.
        """
        return _hash_of(self.manifest)

    def rows(self, split: str) -> np.ndarray:
        """Row numbers of a split, in index order."""
        return np.flatnonzero(self.index["split"] == split)


def open_prepared(folder: str | Path, verify: bool = False) -> Prepared:
    """Open a prepared folder, comparing manifest and index with their digests; `verify`: the arrays too, all of them.

    Within a run, arrays are compared while it trains (`mmlib.data.verification`). Raises `DataError` naming the file
    and the remedy.
    """
    prepared = _opened(Path(folder))
    for name in prepared.arrays if verify else ():
        check_content(prepared.folder, prepared.manifest, name)
    verification.opened(prepared.folder, prepared.manifest)
    return prepared


def manifest_hash_of(folder: str | Path) -> str:
    """`Prepared.manifest_hash` of a folder whose index is as it was written and whose arrays are there; reads neither.

    Raises `DataError` naming the file and the remedy.
    """
    folder = Path(folder)
    manifest = read_manifest(folder)
    check_index_file(folder, manifest)
    for name, entry in manifest["arrays"].items():
        open_array(folder, name, entry, manifest["index"]["rows"])
    return _hash_of(manifest)


def _hash_of(manifest: dict[str, Any]) -> str:
    return content_hash({key: value for key, value in manifest.items() if key not in _NO_CONTENT})


def _opened(folder: Path) -> Prepared:
    manifest = read_manifest(folder)
    index = read_index(folder, manifest)
    rows = manifest["index"]["rows"]
    arrays = {name: open_array(folder, name, entry, rows) for name, entry in manifest["arrays"].items()}
    return Prepared(folder, manifest, index, arrays)


class PreparedWriter:
    """Write a prepared folder piece by piece; nothing is visible until `finish`.

    >>> with PreparedWriter(folder, dataset="cremad", classes=names) as writer:      # doctest: +SKIP
    ...     frames = writer.array("frames", (n, 3, 256, 256, 3), np.uint8)           # a memory map to fill
    ...     writer.finish(index=columns, source=settings)

    `replace=True` puts the new folder in the place of an existing one (the old one is moved aside, then removed).
    `workplace`: an existing folder on the same disk that becomes the new one, instead of a temporary folder: what lies
    in it stays when writing fails, so that a preparation of hours can resume.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        dataset: str,
        classes: Sequence[str],
        replace: bool = False,
        workplace: Path | None = None,
    ) -> None:
        self.folder = Path(folder)
        self.dataset, self.classes, self.replace = dataset, [str(name) for name in classes], replace
        self._arrays: dict[str, np.memmap] = {}
        self._by_item: set[str] = set()
        self._temporary = self._workplace = workplace

    def __enter__(self) -> PreparedWriter:
        if self._workplace is not None:
            return self
        with _writing(self.folder):
            self.folder.parent.mkdir(parents=True, exist_ok=True)
            prefix = temporary_prefix(self.folder)
            self._temporary = Path(tempfile.mkdtemp(prefix=prefix, suffix=".tmp", dir=self.folder.parent))
            os.chmod(self._temporary, 0o777 & ~umask())
        return self

    def __exit__(self, *_: object) -> None:
        self._arrays.clear()
        if self._temporary is not None and self._temporary != self._workplace:
            shutil.rmtree(self._temporary, ignore_errors=True)

    def array(self, name: str, shape: Sequence[int], dtype: Any, by_item: bool = False) -> np.memmap:
        """A new array `(N, ...)`, or `(items, ...)`, on disk, to be filled in place."""
        if by_item:
            self._by_item.add(name)
        with _writing(self.folder):
            path = self._temporary / f"{name}.npy"
            self._arrays[name] = allocated(path, dtype, shape)
        return self._arrays[name]

    def adopt(self, name: str, path: Path, by_item: bool = False) -> None:
        """Take over an array file written elsewhere on the same disk: `path` is moved here."""
        if by_item:
            self._by_item.add(name)
        with _writing(self.folder):
            target = self._temporary / f"{name}.npy"
            os.replace(path, target)
            self._arrays[name] = np.load(target, mmap_mode="r", allow_pickle=False)

    def finish(
        self,
        *,
        index: Mapping[str, Iterable],
        source: Mapping[str, Any],
        truth: Mapping[str, Any] | None = None,
        counts: Mapping[str, int] | None = None,
        skipped: Sequence[Mapping[str, str]] = (),
        versions: Mapping[str, str] | None = None,
    ) -> Path:
        """Write index and manifest, check the whole, and rename it into place."""
        columns = {name: as_column(values) for name, values in index.items()}
        rows = len(columns["id"])
        with _writing(self.folder):
            types = write_index(self._temporary / "index.csv", columns)
            blocks: dict[str, list[str]] = {}
            arrays = {name: self._describe(name, array, blocks) for name, array in self._arrays.items()}
            manifest = {
                "format": FORMAT,
                "version": VERSION,
                "dataset": self.dataset,
                "classes": self.classes,
                "splits": {s: int(np.sum(columns["split"] == s)) for s in SPLITS if np.any(columns["split"] == s)},
                "arrays": arrays,
                "index": {
                    "file": "index.csv",
                    "rows": rows,
                    "sha256": sha256_file(self._temporary / "index.csv"),
                    "columns": types,
                },
                "source": dict(source),
                "versions": {"python": platform.python_version(), "numpy": np.__version__, "mmlib": mmlib.__version__}
                | dict(versions or {}),
                "counts": dict(
                    counts or {"listed": rows + len(skipped), "found": rows, "decoded": rows, "skipped": len(skipped)}
                ),
                "skipped": [dict(entry) for entry in skipped],
                "truth": dict(truth or {}),
                BLOCKS: {"bytes": BLOCK, "sha256": blocks},
            }
            plain = parse_json(dump_json(manifest))  # the digest is of what will be read: keys are texts there
            write_json(self._temporary / "manifest.json", sealed(plain))
            _opened(self._temporary)
            self._rename()
        return self.folder

    def _describe(self, name: str, array: np.memmap, blocks: dict[str, list[str]]) -> dict[str, Any]:
        """The manifest's entry of an array; the digests of its blocks go to `blocks`."""
        array.flush()
        path = self._temporary / f"{name}.npy"
        whole, blocks[name] = file_digests(path, BLOCK)
        entry = {"file": path.name, "dtype": array.dtype.str, "shape": list(array.shape), "sha256": whole}
        return entry | ({"by": ITEM} if name in self._by_item else {})

    def _rename(self) -> None:
        aside = self._temporary.with_suffix(".old")
        if self.replace and self.folder.exists():
            os.rename(self.folder, aside)
        os.rename(self._temporary, self.folder)
        shutil.rmtree(aside, ignore_errors=True)


def write_prepared(
    folder: str | Path,
    *,
    dataset: str,
    classes: Sequence[str],
    index: Mapping[str, Iterable],
    arrays: Mapping[str, np.ndarray],
    source: Mapping[str, Any],
    truth: Mapping[str, Any] | None = None,
    counts: Mapping[str, int] | None = None,
    skipped: Sequence[Mapping[str, str]] = (),
    versions: Mapping[str, str] | None = None,
    replace: bool = False,
    by_item: Sequence[str] = (),
) -> Path:
    """Write arrays that fit in memory as a prepared folder, atomically; those of `by_item` have a row per item.

    Raises `OutputsError`, `DataError`.
    """
    with PreparedWriter(folder, dataset=dataset, classes=classes, replace=replace) as writer:
        for name, array in arrays.items():
            writer.array(name, array.shape, array.dtype, name in by_item)[...] = array
        return writer.finish(index=index, source=source, truth=truth, counts=counts, skipped=skipped, versions=versions)


def temporary_prefix(folder: Path) -> str:
    """How the temporary folders of `folder` are named; a killed preparation leaves one behind."""
    return f".{folder.name}."


@contextlib.contextmanager
def _writing(folder: Path):
    try:
        yield
    except OSError as error:
        raise OutputsError(
            f"cannot write {folder}: {write_problem(error, folder)}. Free space, fix its permissions, or choose "
            "another folder with --outputs (parameter data_store)."
        ) from error
