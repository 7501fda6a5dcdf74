"""The array files of a person's own data: which there are, and how each is shown, from its numbers and its shape."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from mmlib.data.features.sources import ENDINGS, HDF5, Source, open_source
from mmlib.errors import DataError, ParameterError

FORMS = tuple(ending for ending in ENDINGS if ending not in HDF5)
# What torch's containers of networks call their own, and what the index calls its columns.
_NETWORKS = "train eval type keys values items forward float half double clear update pop to apply children modules"
_INDEX = "index id split label group value item frames samples"
TAKEN = {*f"{_NETWORKS} parameters buffers training compile {_INDEX}".split(" ")}
CHANNELS = (1, 2, 3)  # of pictures and flow


@dataclass(frozen=True)
class Modality:
    """An array file: `kind` is how it is shown (see `mmlib.data.assembly`), `sizes` and `dtype` how it is stored."""

    name: str
    kind: str
    source: Source
    sizes: tuple[int, ...]
    dtype: np.dtype
    last: bool = False  # channels come last in the file

    def shaped(self, values: np.ndarray) -> np.ndarray:
        """Rows of the file in the shape in which they are stored."""
        values = np.moveaxis(values, -1, 1) if self.last else values
        return values.reshape(len(values), *self.sizes)


def named_files(source: Path, options: Mapping[str, Any]) -> dict[str, tuple[Path, str]]:
    """Path of each modality's file, and the array in it where that was named; modalities in alphabetical order.

    Raises `DataError` (none, missing, two of one name), `ParameterError` (a name that cannot be a modality's).
    """
    if options["files"]:
        files = dict(_named(source, entry.strip()) for entry in options["files"].split(","))
    else:
        found = [p for p in sorted(source.iterdir()) if p.suffix in FORMS and p.name != options["index"]]
        files = {path.stem: (path, "") for path in found}
        if len(files) < len(found):
            twice = next(path for path in found if files[path.stem][0] != path)
            raise DataError(f"{twice} and {files[twice.stem][0].name} are both {twice.stem!r}. Keep one of them.")
    if not files:
        raise DataError(
            f"{source} holds no array file ({', '.join(FORMS)}) beside {options['index']}. Save one for each modality, "
            "such as audio.npy, or name them: --set files=audio=PATH,text=PATH."
        )
    for name, (path, _) in files.items():
        if (
            not re.fullmatch(r"[A-Za-z]\w*", name, re.ASCII)
            or name in TAKEN
            or name.endswith(("_mask", "_informative"))
        ):
            raise ParameterError(
                f"{path}: {name!r} cannot be the name of a modality (letters, digits and _, none that means something "
                "else already). Rename the file, or name it: --set files=NAME=PATH."
            )
        if not path.is_file():
            raise DataError(f"{path} is missing: the array of modality {name!r}. Save it there, or correct its path.")
    return dict(sorted(files.items()))


def _named(source: Path, entry: str) -> tuple[str, tuple[Path, str]]:
    name, sign, place = entry.partition("=")
    if not sign or not place:
        raise ParameterError(f"arrays: option files holds {entry!r}. Expected NAME=PATH, separated by commas.")
    path, sign, array = place.rpartition(".npz:")
    return (name, (source / f"{path}.npz", array)) if sign else (name, (source / place, ""))


def open_modalities(source: Path, options: Mapping[str, Any], rows: int) -> list[Modality]:
    """Every modality, its header checked. Raises `DataError`, also where one has not `rows` rows."""
    tokens = {name.strip() for name in options["tokens"].split(",")} - {""}
    files = named_files(source, options)
    if tokens - set(files):
        unknown = sorted(tokens - set(files))[0]
        raise ParameterError(f"arrays: option tokens names {unknown!r}; the modalities are {', '.join(files)}.")
    return [_open(name, path, array, name in tokens, rows) for name, (path, array) in files.items()]


def _open(name: str, path: Path, array: str, tokens: bool, rows: int) -> Modality:
    source = open_source(path, (array,) if array else (name, "features", "arr_0"))
    if path.suffix == ".csv":
        source = _without_header(source)
    if len(source) != rows:
        raise DataError(
            f"{path} has {len(source):,} rows, the index names {rows:,} samples: row i must be the sample of line i. "
            "Export both from the same list."
        )
    sizes, dtype = source.shape[1:], source.dtype
    if 0 in sizes or len(sizes) > 4:
        raise DataError(f"{path} is {dtype} {source.shape}: expected 1 to 4 dimensions after the rows, none of size 0.")
    if tokens:
        if len(sizes) != 1 or (dtype.kind == "f" and path.suffix != ".csv"):
            raise DataError(f"{path} is {dtype} {source.shape}: token ids are whole numbers (rows, places).")
        return Modality(name, "tokens", source, sizes, np.dtype(np.int32))
    if dtype.kind == "f":
        kept = dtype if dtype.itemsize == 2 else np.dtype(np.float32)
        last = _channels_last(sizes) and sizes[0] not in CHANNELS
        return Modality(name, "features", source, _stored(sizes, last) or (1,), kept, last)
    if dtype == np.uint8 and len(sizes) >= 2:
        last = _channels_last(sizes)
        kept = (1, *sizes) if len(sizes) == 2 else _stored(sizes, last)
        return Modality(name, "pictures", source, kept, dtype, last)
    raise DataError(
        f"{path} holds whole numbers ({dtype} {source.shape}). If they are token ids, 0 for padding: --set "
        f"tokens={name}. If they are quantities, save them as floats: array.astype('float32')."
    )


def _channels_last(sizes: tuple[int, ...]) -> bool:
    """Nobody has pictures one to three pixels wide."""
    return len(sizes) >= 3 and sizes[-1] in CHANNELS and sizes[-2] not in CHANNELS


def _stored(sizes: tuple[int, ...], last: bool) -> tuple[int, ...]:
    return (sizes[-1], *sizes[:-1]) if last else sizes


def _without_header(source: Source) -> Source:
    """A table whose first line names its columns, without that line."""
    with open(source.path, encoding="utf-8-sig", errors="replace") as stream:
        first = stream.readline().rstrip("\r\n").split(",")
    try:
        [float(field) for field in first if field.strip()]
    except ValueError:
        read = source.reader

        def below(first: int, last: int, step: int, width: int | None) -> Iterator[np.ndarray]:
            return read(first + 1, last + 1, step, width)

        return replace(source, shape=(len(source) - 1, *source.shape[1:]), reader=below, first_row=2)
    return source
