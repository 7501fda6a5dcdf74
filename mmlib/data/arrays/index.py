"""The index of a person's own arrays: read in pieces, every line checked, labels made classes or real values."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mmlib.data.prepared_check import SPLITS
from mmlib.data.prepared_index import INDEX_ROWS
from mmlib.errors import DataError, ParameterError

NEEDED = ("id", "split", "label")
OTHER_NAMES = {"val": "validation"}
LONGEST = 200  # characters of a field: numpy keeps every text of a column as wide as the widest
TRUTHS = {"true": True, "1": True, "false": False, "0": False}


@dataclass(frozen=True)
class OwnIndex:
    """`columns` (N,) of the prepared index, the names of its classes, and columns of the file that were left out.

    `target` is `value` where a column of that name is learned, otherwise `label`.
    """

    columns: dict[str, np.ndarray]
    classes: list[str]
    target: str = "label"
    left_out: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.columns["id"])


def read_index(path: Path, modalities: Sequence[str], target: str, bins: int) -> OwnIndex:
    """Read and check an index. Raises `DataError` with the line, `ParameterError` for an unknown `target`."""
    if target not in ("class", "value"):
        raise ParameterError(f"arrays: option target is {target!r}. Choose class or value.")
    truths = [f"{modality}_informative" for modality in modalities]
    texts, left_out = _read(path, (*NEEDED, "group", *truths))
    splits = texts.pop("split")
    for given, name in OTHER_NAMES.items():
        splits = np.where(splits == given, name, splits)
    _refuse(path, ~np.isin(splits, SPLITS), splits, f"is no split (known: {', '.join(SPLITS)})")
    ids = texts.pop("id")
    _check_ids(path, ids)
    for split in ("train", "test"):
        if not (splits == split).any():
            raise DataError(f"{path} has no {split} sample. Give some rows split {split}.")
    labels = texts.pop("label")
    if target == "value":
        columns, classes = _values(path, labels, splits == "train", bins)
    else:
        columns, classes = _classes(path, labels, splits)
    columns = {"id": ids, "split": splits, "group": texts.pop("group", ids)} | columns
    for name, given in texts.items():
        given = np.char.lower(given)
        _refuse(path, ~np.isin(given, list(TRUTHS)), given, f"in column {name}: expected true or false")
        columns[name] = np.isin(given, [text for text, true in TRUTHS.items() if true])
    return OwnIndex(columns, classes, "value" if target == "value" else "label", left_out)


def _read(path: Path, wanted: Sequence[str]) -> tuple[dict[str, np.ndarray], list[str]]:
    """The `wanted` columns that are there, as texts (N,) without spaces around them, and the names of the others."""
    try:
        with open(path, newline="", encoding="utf-8-sig") as stream:
            reader = csv.reader(stream, strict=True)
            header = [name.strip() for name in next(reader, [])]
            lacking = [name for name in NEEDED if name not in header]
            if lacking or len(set(header)) < len(header):
                raise DataError(
                    f"{path} begins with the columns {', '.join(header) or 'none'}: it needs {', '.join(NEEDED)} (and "
                    "may have group), each once, named in its first line."
                )
            places = {name: header.index(name) for name in wanted if name in header}
            pieces = list(_pieces(path, reader, len(header), places))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read as a CSV file in UTF-8 ({error}). Write it again.") from error
    if not pieces:
        raise DataError(f"{path} names no sample: below its first line there is nothing.")
    texts = {name: np.concatenate([piece[name] for piece in pieces]) for name in places}
    return texts, [name for name in header if name not in places]


def _pieces(path: Path, reader: Iterator, width: int, places: dict[str, int]) -> Iterator[dict[str, np.ndarray]]:
    line = 2
    while rows := list(itertools.islice(reader, INDEX_ROWS)):
        wrong = next((number for number, row in enumerate(rows, line) if len(row) != width), None)
        if wrong is not None:
            raise DataError(f"{path} line {wrong}: {len(rows[wrong - line])} fields, the first line has {width}.")
        piece = {name: np.char.strip(np.array([row[place] for row in rows])) for name, place in places.items()}
        for name, texts in piece.items():
            lengths = np.char.str_len(texts)
            if lengths.min() == 0 or lengths.max() > LONGEST:
                number = int(np.argmax((lengths == 0) | (lengths > LONGEST)))
                raise DataError(
                    f"{path} line {line + number}: {name} has {lengths[number]} characters, expected 1 to {LONGEST}."
                )
        yield piece
        line += len(rows)


def _refuse(path: Path, wrong: np.ndarray, texts: np.ndarray, what: str) -> None:
    """Raise `DataError` for the first line where `wrong` (N,) holds, with its text and how many there are."""
    if wrong.any():
        row = int(np.argmax(wrong))
        many = f" ({int(wrong.sum()):,} such lines)" if wrong.sum() > 1 else ""
        raise DataError(f"{path} line {row + 2}: {str(texts[row])!r} {what}{many}.")


def _check_ids(path: Path, ids: np.ndarray) -> None:
    order = np.argsort(ids, kind="stable")
    again = np.flatnonzero(ids[order[1:]] == ids[order[:-1]])
    if len(again):
        first, second = order[again[0]], order[again[0] + 1]
        raise DataError(
            f"{path} line {second + 2}: the id {str(ids[second])!r} stands in line {first + 2} already "
            f"({len(again):,} duplicates). Give every sample an id of its own."
        )


def _classes(path: Path, labels: np.ndarray, splits: np.ndarray) -> tuple[dict[str, np.ndarray], list[str]]:
    """Class numbers: of whole numbers in their order, otherwise in alphabetical order."""
    names, number = np.unique(labels, return_inverse=True)
    trained = np.bincount(number[splits == "train"], minlength=len(names)) > 0
    if not trained.all():
        row = int(np.argmax(~trained[number]))
        hint = " If the labels are real values: --set target=value." if _numbers(names) is not None else ""
        raise DataError(
            f"{path} line {row + 2}: the class {str(labels[row])!r} has no training row ({int((~trained).sum()):,} "
            f"such classes). Give train some of its samples, or leave the class out.{hint}"
        )
    if len(names) < 2:
        raise DataError(f"{path}: all labels are {str(names[0])!r}. A data set needs two classes or more.")
    whole = all(name.lstrip("+-").isdecimal() for name in names.tolist())
    order = np.argsort(names.astype(np.int64) if whole else names, kind="stable")
    place = np.empty(len(names), np.int64)
    place[order] = np.arange(len(names))
    return {"label": place[number]}, names[order].tolist()


def _values(path: Path, labels: np.ndarray, train: np.ndarray, bins: int) -> tuple[dict[str, np.ndarray], list[str]]:
    """Real values, and the range that each falls in, of `bins` with equally many training samples."""
    values = _numbers(labels)
    if values is None:
        wrong = np.array([_numbers(label) is None for label in labels])
        _refuse(path, wrong, labels, "is no number, and option target says that labels are values")
    _refuse(path, ~np.isfinite(values), labels, "is no finite number")
    if not 2 <= bins <= 1000:
        raise ParameterError(f"arrays: option bins is {bins}, but must be from 2 to 1000.")
    edges = np.unique(np.quantile(values[train], np.arange(1, bins) / bins))
    edges = edges[edges > values[train].min()]  # a value on an edge belongs above it: no range may be empty
    if not len(edges):
        raise DataError(f"{path}: nearly all labels of train are {values[train].min():g}. There is nothing to learn.")
    names = [f"below {edges[0]:g}"]
    names += [f"{low:g} to {high:g}" for low, high in itertools.pairwise(edges)] + [f"{edges[-1]:g} or more"]
    return {"value": values, "label": np.searchsorted(edges, values, side="right").astype(np.int64)}, names


def _numbers(texts: Any) -> np.ndarray | None:
    """Texts as float64, None where one is no number."""
    try:
        return np.asarray(texts).astype(np.float64)
    except ValueError:
        return None
