"""One array of features, whatever holds it: HDF5, .npy, .npz, CSV, or a file for every clip. Nothing is ever unpickled:
of dictionaries that numpy pickled, `mmlib.data.features.pickled` reads what is plain data.

A source is known by its headers (a CSV is looked through once, its numbers unparsed), so that files which do not belong
together are refused before hours of conversion. Rows are then read in blocks, in order; no file is in memory whole.
"""

from __future__ import annotations

import contextlib
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from mmlib.data.features.pickled import StoredArray, read_dictionary
from mmlib.errors import DataError

HDF5 = (".h5", ".hdf5")
ENDINGS = (".npz", ".csv", ".npy", *HDF5)  # of several files the first is read
PICKLES = (".pkl", ".pickle", ".pt", ".pth", ".joblib")
AGAIN = "Export or copy the file again."
# (first row, row after the last, rows at a time, columns wanted of a table): the rows in order.
Reader = Callable[[int, int, int, int | None], Iterator[np.ndarray]]


@dataclass(frozen=True)
class Source:
    """An array of `shape` (rows, ...) and `dtype` in a file or folder; `labels` (rows,) strings where it has them.

    `first_row` is what readers of the file count from: 0 in arrays, 1 in text. `names` says what a row is called where
    it is a file of its own.
    """

    path: Path
    shape: tuple[int, ...]
    dtype: np.dtype
    reader: Reader
    labels: np.ndarray | None = None
    first_row: int = 0
    names: Sequence[str] | None = None

    def __len__(self) -> int:
        return self.shape[0]

    def narrowed(self, width: int) -> Source:
        """The first `width` columns of a table; the others are left unread."""
        return replace(self, shape=(len(self), width))

    def reshaped(self, sizes: Sequence[int]) -> Source:
        """Rows of as many numbers in another shape, `(rows, *sizes)`."""

        def read(first: int, last: int, step: int, width: int | None) -> Iterator[np.ndarray]:
            for values in self.reader(first, last, step, None):
                yield values.reshape(len(values), *sizes)

        return replace(self, shape=(len(self), *sizes), reader=read)

    def blocks(self, first: int = 0, last: int | None = None, step: int | None = None) -> Iterator[np.ndarray]:
        """Rows `first` to before `last` (all), `step` at a time (at once). Raises `DataError` where it is damaged."""
        last, width = len(self) if last is None else last, self.shape[1] if len(self.shape) == 2 else None
        row = first
        for values in self.reader(first, last, step or max(1, last - first), width):
            row += len(values)
            yield values if width is None else values[:, :width]
        if row != last:
            raise DataError(f"{self.path} ended at row {row} of {last}: it changed while it was read. Try again.")

    def read(self) -> np.ndarray:
        """The whole of a small file."""
        return next(self.blocks(), np.empty(self.shape, self.dtype))


def open_source(path: Path, keys: Sequence[str] = ("features",), labelled: bool = False) -> Source:
    """The array in a file, by the file's ending.

    `keys`: names in HDF5 and .npz, the first that is there is taken; failing all, the only array. `labelled`: each row
    has a label, a CSV's last column or the array `labels` of an .npz.

    Raises `DataError`: damaged or cut short, no such array, pickled objects, an unknown ending.
    """
    if path.suffix in HDF5:
        return _hdf5(path, lambda: _dataset(path, keys))
    if path.suffix == ".npy":
        return _streamed(path, lambda: open(path, "rb"))
    if path.suffix == ".csv":
        from mmlib.data.features.csv_table import open_csv

        return open_csv(path, labelled)
    if path.suffix != ".npz":
        pickled = "is a pickle, which can run code when it is opened, so it is not" if path.suffix in PICKLES else ""
        raise DataError(f"{path} {pickled or 'has an unknown ending'}. Export it as one of {', '.join(ENDINGS)}.")
    with reading(path), zipfile.ZipFile(path) as archive:
        names = [name.removesuffix(".npy") for name in archive.namelist()]
    key = _key(path, [name for name in names if name != "labels"], names, keys)
    source = _streamed(path, lambda: _member(path, key), key)
    if not labelled:
        return source
    if "labels" not in names:
        raise DataError(f"{path} has no array 'labels': whose features are they? {AGAIN}")
    labels = _streamed(path, lambda: _member(path, "labels"), "labels", "UiS").read().astype(str)
    if labels.shape != source.shape[:1]:
        raise DataError(f"{path}: {len(labels)} labels for {len(source)} rows of features. {AGAIN}")
    return replace(source, labels=labels)


def open_clips(place: Path, ids: Sequence[str], keys: Sequence[str] = ("features",)) -> Source:
    """Clips kept one by one, as an array whose row i is clip `ids[i]`.

    `place` is a folder with `<id>.npy`, `.npz` or `.h5` for each (in the latter two, the array `keys`), or one .h5 or
    .npz with an array named like each id, or an .npy with a dictionary of arrays by id. Raises `DataError`: clips that
    are not there, of another shape, damaged.
    """
    with opened_clips(place, keys) as get:
        found = [get(name) for name in ids]
    lacking = [name for name, clip in zip(ids, found, strict=True) if clip is None]
    if lacking or not found:
        raise DataError(
            f"{place} lacks {len(lacking):,} of {len(ids):,} clips, the first is {lacking[0] if lacking else 'none'}. "
            "Extract or download them, or take them off the list."
        )
    other = next((clip for clip in found if clip.shape != found[0].shape), None)
    if other is not None:
        name = ids[found.index(other)]
        raise DataError(f"{place}: clip {name} is {other.shape}, clip {ids[0]} {found[0].shape}. {AGAIN}")

    def read(first: int, last: int, step: int, width: int | None) -> Iterator[np.ndarray]:
        with opened_clips(place, keys) as get:
            for start in range(first, last, step):
                yield np.stack([get(name).read() for name in ids[start : min(start + step, last)]])

    return Source(place, (len(ids), *found[0].shape), found[0].dtype, read)


@contextlib.contextmanager
def opened_clips(place: Path, keys: Sequence[str]) -> Iterator[Callable[[str], Source | None]]:
    """From a clip's id to its source, None where there is none; an archive is opened once. See `open_clips`."""
    if place.is_dir():

        def get(name: str) -> Source | None:
            paths = (place / f"{name}{ending}" for ending in ENDINGS)
            return next((open_source(path, keys) for path in paths if path.is_file()), None)

        yield get
    elif place.suffix == ".npz":
        with reading(place), zipfile.ZipFile(place) as archive:
            names = set(archive.namelist())
            yield (
                lambda name: (
                    _streamed(place, lambda: archive.open(f"{name}.npy"), name) if f"{name}.npy" in names else None
                )
            )
    elif place.suffix == ".npy":
        clips = read_dictionary(place)
        with open(place, "rb") as stream:

            def get(name: str) -> Source | None:
                return _in_dictionary(place, name, clips[name], stream) if name in clips else None

            yield get
    else:
        import h5py

        with reading(place), h5py.File(place, "r") as file:
            yield lambda name: _hdf5(place, lambda: contextlib.nullcontext(file[name])) if name in file else None


def _in_dictionary(place: Path, name: str, clip: Any, stream: BinaryIO) -> Source:
    """An array among those that numpy saved as a dictionary; read while `stream` is open."""
    if not isinstance(clip, StoredArray) or clip.dtype.kind not in "fiu" or not clip.shape:
        what = f"{clip.dtype} {clip.shape}" if isinstance(clip, StoredArray) else f"of type {type(clip).__name__}"
        raise DataError(f"{place}: {name!r} is {what}, expected an array of numbers. {AGAIN}")

    def read(first: int, last: int, step: int, width: int | None) -> Iterator[np.ndarray]:
        with reading(place):
            values = clip.read(stream)
        for start in range(first, last, step):
            yield values[start : min(start + step, last)]

    return Source(place, clip.shape, clip.dtype, read)


@contextlib.contextmanager
def reading(path: Path) -> Iterator[None]:
    """Damage is reported by many kinds of errors; a user needs one message."""
    try:
        yield
    except (
        OSError,
        RuntimeError,
        KeyError,
        ValueError,
        TypeError,
        OverflowError,
        EOFError,
        zipfile.BadZipFile,
    ) as error:
        form = "HDF5" if path.suffix in HDF5 else path.suffix
        reason = str(error).strip("'\"").split(" (file read failed")[0]
        raise DataError(
            f"{path} cannot be read as {form} ({reason:.200}). It is cut short or damaged: copy or download it again."
        ) from error


def _hdf5(path: Path, opening: Callable[[], AbstractContextManager[Any]]) -> Source:
    with reading(path), opening() as dataset:
        shape, dtype = tuple(dataset.shape), dataset.dtype

    def read(first: int, last: int, step: int, width: int | None) -> Iterator[np.ndarray]:
        with reading(path), opening() as dataset:
            for start in range(first, last, step):
                yield dataset[start : min(start + step, last)]

    return Source(path, shape, dtype, read)


@contextlib.contextmanager
def _dataset(path: Path, keys: Sequence[str]) -> Iterator[Any]:
    import h5py

    with h5py.File(path, "r") as file:
        yield file[_key(path, [key for key in file if isinstance(file.get(key), h5py.Dataset)], list(file), keys)]


def _key(path: Path, arrays: Sequence[str], names: Sequence[str], keys: Sequence[str]) -> str:
    """The first of `keys` among the arrays of a file, or its only array; `names`: all that it holds."""
    found = [key for key in keys if key in arrays] or (arrays if len(arrays) == 1 else [])
    if found:
        return found[0]
    there, wanted = ", ".join(map(repr, names)) or "nothing", " or ".join(map(repr, keys))
    raise DataError(f"{path} holds {there}; expected a dataset {wanted}. Is this the published file of that name?")


@contextlib.contextmanager
def _member(path: Path, name: str) -> Iterator[Any]:
    with zipfile.ZipFile(path) as archive, archive.open(f"{name}.npy") as stream:
        yield stream


def _streamed(
    path: Path, opening: Callable[[], AbstractContextManager[Any]], name: str = "", kinds: str = "fiu"
) -> Source:
    """An array in .npy form, whose rows are read on from its header; `kinds` of numbers it may hold."""
    with reading(path), opening() as stream:
        shape, dtype = _header(path, stream)
        start = stream.tell()
    if dtype.kind not in kinds or not shape:
        what = "pickled objects, which can run code and are not opened" if dtype.hasobject else f"{dtype} {shape}"
        wanted = "numbers" if "f" in kinds else "labels"
        where = f"the array {name!r}" if name else "it"
        raise DataError(f"{path}: {where} holds {what}; expected plain {wanted}. {AGAIN}")
    with reading(path):
        if not name and path.stat().st_size != start + int(np.prod(shape)) * dtype.itemsize:
            raise ValueError(f"{path.stat().st_size:,} bytes are not {dtype} {shape}")

    def read(first: int, last: int, step: int, width: int | None) -> Iterator[np.ndarray]:
        size = int(np.prod(shape[1:])) * dtype.itemsize
        with reading(path), opening() as stream:
            _header(path, stream)
            stream.seek(first * size, 1)
            for start in range(first, last, step):
                count = min(step, last - start)
                yield np.frombuffer(stream.read(count * size), dtype).reshape(count, *shape[1:])

    return Source(path, shape, dtype, read)


def _header(path: Path, stream: Any) -> tuple[tuple[int, ...], np.dtype]:
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(stream)
    if fortran and len(shape) > 1:
        raise DataError(f"{path}: an array {shape} stored by columns. Save it by rows: numpy.ascontiguousarray(array).")
    return shape, dtype
