"""The published lists: who is in which set, which pairs are compared, which candidates a probe is matched with.

Formats (VoxCeleb1 lists of Nagrani et al. 2018, released with CMPC, used by FOP):

- `identity_splits.txt`, `voice_set_labels.txt`, `face_set_labels.txt`: a name or path and a set code per line;
- `veriflist_*.txt`: comma-separated with a header, one pair per line. Published code takes the label from the parity of
  the row, which is wrong for half of the lists N and GNA; here it always comes from the label column.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmlib.errors import DataError

STRATA = ("random", "G", "N", "A", "GNA")
SETTINGS = {"seen_heard": "seenheard", "unseen_unheard": "unseenunheard"}
# Name of a list here -> its file.
PAIR_LISTS = {
    f"{setting}_{stratum}": f"veriflist_test_{stratum}_{spelt}.txt"
    for setting, spelt in SETTINGS.items()
    for stratum in STRATA
}
VALIDATION = "validation"
ALL_LISTS = {VALIDATION: "veriflist_val_random_unseenunheard.txt"} | PAIR_LISTS
TRAIN, VALIDATION_CODE, SEEN_HEARD, UNSEEN = 1, 2, 3, 4  # set codes
PAIR_COLUMNS = ("id", "voice-speaker-id", "face-speaker-id", "label", "voice-path", "face-path")
META_COLUMNS = ("Gender", "Nationality")


@dataclass(frozen=True)
class Pairs:
    """Rows of a pair list, (P,) each: identity numbers from 1, `same` from the label column, paths."""

    voice_identity: np.ndarray
    face_identity: np.ndarray
    same: np.ndarray
    voice_path: np.ndarray
    face_path: np.ndarray

    def __len__(self) -> int:
        return len(self.same)


def read_pairs(path: Path) -> Pairs:
    """A verification list. Raises `DataError` naming the line."""
    header, rows = _table(path, ",")
    lacking = [name for name in PAIR_COLUMNS[1:4] if name not in header]
    if lacking:
        raise DataError(
            f"{path}, line 1: the header lacks {', '.join(lacking)}; found {', '.join(header[:6])}. Labels come from "
            "the column 'label' only: get the list with its header."
        )
    column = {name: [row[place] for row in rows] for place, name in enumerate(header)}
    numbers = {name: _integers(path, name, column[name]) for name in PAIR_COLUMNS[1:4]}
    voice, face, label = numbers.values()
    _check_pairs(path, voice, face, label)
    empty = [""] * len(rows)
    paths = [np.array(column.get(name, empty), dtype=str) for name in PAIR_COLUMNS[4:]]
    return Pairs(voice, face, label == 1, *paths)


def _check_pairs(path: Path, voice: np.ndarray, face: np.ndarray, label: np.ndarray) -> None:
    _refuse(path, ~np.isin(label, (0, 1)), lambda row: f"the label is {label[row]}, it must be 0 or 1")
    _refuse(
        path,
        (label == 1) != (voice == face),
        lambda row: (
            f"label {label[row]} contradicts the identities (voice {voice[row]}, face {face[row]}): 1 means the same"
        ),
    )


def _refuse(path: Path, wrong: np.ndarray, why) -> None:
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataError(f"{path}, line {row + 2}: {why(row)}. Get the list again.")


def _table(path: Path, separator: str) -> tuple[list[str], list[list[str]]]:
    """Header and rows, all of one length. Raises `DataError`."""
    try:
        with open(path, newline="", encoding="utf-8-sig") as stream:
            header, *rows = [row for row in csv.reader(stream, delimiter=separator, strict=True) if row] or [[]]
    except (csv.Error, UnicodeDecodeError) as error:
        raise DataError(f"{path} is not a text list ({error}). Get it again.") from error
    if not rows:
        raise DataError(f"{path} has no rows below a header. Get the list again.")
    short = next((number for number, row in enumerate(rows, 2) if len(row) != len(header)), None)
    if short:
        raise DataError(f"{path}, line {short}: expected {len(header)} fields, as in the header. Get the list again.")
    return [name.strip() for name in header], rows


def _integers(path: Path, name: str, values: list[str]) -> np.ndarray:
    for line, value in enumerate(values, 2):
        if not value.strip().lstrip("-").isascii() or not value.strip().isdigit() or len(value) > 12:
            raise DataError(f"{path}, line {line}: {name} is {value!r}, expected a whole number. Get the list again.")
    return np.array(values, dtype=str).astype(np.int64)


def read_set_codes(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Names or paths (n,) and their set codes (n,) of a two-column file. Raises `DataError` naming the line."""
    names, codes = [], []
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not a text list ({error}). Get it again.") from error
    for number, line in enumerate(lines, 1):
        parts = line.split()
        if not parts:
            continue
        if len(parts) != 2 or parts[1] not in ("1", "2", "3", "4"):
            raise DataError(f"{path}, line {number}: expected a name and a set code from 1 to 4, found {line!r:.80}.")
        names.append(parts[0])
        codes.append(int(parts[1]))
    if not names:
        raise DataError(f"{path} is empty. Get the list again.")
    return np.array(names, dtype=str), np.array(codes)


def read_identities(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Identity names in alphabetical order (K,) and their set codes. Number i of the pair lists is names[i - 1]."""
    names, codes = read_set_codes(path)
    if len(np.unique(names)) != len(names):
        raise DataError(f"{path} names an identity twice. Get the list again.")
    order = np.argsort(names)
    return names[order], codes[order]


def read_meta(path: Path) -> dict[str, dict[str, str]]:
    """Gender and nationality by identity name from `vox1_meta.csv`, separated by tabs or commas."""
    with open(path, encoding="utf-8-sig") as stream:
        separator = "\t" if "\t" in stream.readline() else ","
    header, rows = _table(path, separator)
    name = next((column for column in header if column.replace(" ", "").startswith("VGGFace1")), None)
    if name is None or any(column not in header for column in META_COLUMNS):
        raise DataError(f"{path}, line 1: expected columns VGGFace1 ID, Gender and Nationality, found {header}.")
    places = {column: header.index(column) for column in META_COLUMNS}
    key = header.index(name)
    return {row[key].strip(): {column: row[place].strip() for column, place in places.items()} for row in rows}
