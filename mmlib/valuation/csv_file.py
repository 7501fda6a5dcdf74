"""Predictions of a model that was trained elsewhere, from a CSV: one row per sample.

    id,label,audio,visual,audio+visual
    clip_1,dog,dog,cat,dog

A column per subset of the modalities; the columns of one modality each say which there are, and in which order. Cells
are compared as text (spaces around them do not count), so classes may be names or numbers. Other columns are an error,
because a misspelt subset would otherwise go unnoticed.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmlib.errors import DataError
from mmlib.valuation.contributions import MOST, Contributions, contributions, parts_of, subsets_of

ID, LABEL = "id", "label"
FORM = (
    "Give a CSV in UTF-8 with the columns id, label, and one for each subset of the modalities (audio, audio+visual)."
)


@dataclass(frozen=True, eq=False)
class ValuedSamples:
    """`ids` and `labels` (N,) text, and the contributions to each."""

    ids: np.ndarray
    labels: np.ndarray
    contributions: Contributions


def read_predictions(path: str | Path) -> ValuedSamples:
    """Contributions from a CSV of predictions.

    Raises `DataError` for a file that is missing or no text, and for columns or cells that cannot be meant.
    """
    path = Path(path)
    try:
        with open(path, encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, strict=True)
            columns = [name.strip() for name in next(reader, [])]
            rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read ({error}). {FORM}") from None
    modalities, places = _columns(path, columns)
    _check_rows(path, columns, rows)
    table = np.array([row for _, row in rows], dtype=str)
    ids, labels = table[:, columns.index(ID)], table[:, columns.index(LABEL)]
    named, first, counts = np.unique(ids, return_index=True, return_counts=True)
    if (counts > 1).any():
        twice = str(named[counts > 1][np.argmin(first[counts > 1])])
        raise DataError(
            f"{path}: {ID} {twice!r} stands in {int(counts[named == twice][0])} rows. Give each sample one."
        )
    return ValuedSamples(ids, labels, contributions(table[:, places] == labels[:, None], modalities))


def _columns(path: Path, columns: list[str]) -> tuple[list[str], list[int]]:
    """The modalities, and the column of each subset of them."""
    if not columns:
        raise DataError(f"{path} is empty. {FORM}")
    for name in (ID, LABEL):
        if name not in columns:
            raise DataError(f"{path} has no column {name!r}; it has {', '.join(columns)}. {FORM}")
    found: dict[frozenset[str], int] = {}
    modalities: list[str] = []
    for place, name in enumerate(columns):
        parts = parts_of(name)
        if name in (ID, LABEL):
            again = columns.count(name) > 1
        else:
            again = frozenset(parts) in found or len(set(parts)) < len(parts)
            found[frozenset(parts)] = place
            modalities += parts if len(parts) == 1 else []
        if again or not all(parts):
            raise DataError(
                f"{path}: column {name!r} has no name, stands there twice, or names a modality twice. {FORM}"
            )
    if not 2 <= len(modalities) <= MOST:
        raise DataError(
            f"{path} has predictions from {', '.join(modalities) or 'no modality'} alone; contributions are of 2 to "
            f"{MOST} modalities. {FORM}"
        )
    wanted = {frozenset(subset): "+".join(subset) for subset in subsets_of(modalities)}
    for subset, place in found.items():
        if subset not in wanted:
            raise DataError(
                f"{path}: column {columns[place]!r} is no subset of {', '.join(modalities)}, the modalities that have "
                f"a column of their own. {FORM}"
            )
    missing = [name for subset, name in wanted.items() if subset not in found]
    if missing:
        raise DataError(f"{path} has no column {missing[0]!r}: each of the {len(wanted)} subsets needs one. {FORM}")
    return modalities, [found[subset] for subset in wanted]


def _check_rows(path: Path, columns: list[str], rows: list[tuple[int, list[str]]]) -> None:
    if not rows:
        raise DataError(f"{path} has a head and no samples. {FORM}")
    for line, row in rows:
        if len(row) != len(columns):
            raise DataError(f"{path}, line {line}: {len(row)} cells, the head has {len(columns)}. Complete the row.")
        if "" in row:
            raise DataError(f"{path}, line {line}: {columns[row.index('')]} is empty. Give every sample every cell.")
