"""The FAME challenge (MAV-Celeb): its pairs, its score files and their evaluation.

Source: mavceleb/mavceleb_baseline. A version has two languages; one model is trained per language and tested on both:
`heard` is its own, `unheard` the other. Files:

- features `<L>_faces_train.csv`, `<L>_voices_train.csv` (no header, label last), `<L>_faces_test.csv`, ...; those of
  the unheard language lie in the folder of the heard one, as `<M>_faces_test.csv` or `<M>_faces_unheard_test.csv`
  (published code uses both names: both are found);
- split: `key voices/<Lang>/NNNNN.wav faces/<Lang>/NNNNN.jpg` per line; truth: the label is the second field, or the
  only one; scores: `key score` per line in the order of the split, score = Euclidean distance with six decimals.

The overall score is the mean of the four equal error rates.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmlib.data.voxceleb.conversion import check_aligned
from mmlib.data.voxceleb.tables import Table, look_through
from mmlib.errors import DataError, UsageError
from mmlib.files import write_text
from mmlib.metrics.verification import eer

LANGUAGES = {"v1": ("English", "Urdu"), "v2": ("English", "Hindi"), "v3": ("English", "German")}
MODALITIES = {"face": "faces", "voice": "voices"}


@dataclass(frozen=True)
class Split:
    """Pairs of a blind test, (P,) each."""

    key: np.ndarray
    voice_path: np.ndarray
    face_path: np.ndarray


def features(
    folder: Path, heard: str, tested: str | None = None, widths: Mapping[str, int] | None = None
) -> dict[str, Table]:
    """Feature tables by modality in the folder of the language `heard`: of training, or of the test in `tested`.

    `widths`: features by modality; as many as the files have where it is not given. Training files carry labels that
    must agree. Raises `DataError`.
    """
    widths, tables = widths or {}, {}
    for modality, word in MODALITIES.items():
        names = [f"{heard}_{word}_train.csv"] if tested is None else _test_names(heard, tested, word)
        path = next((folder / name for name in names if (folder / name).is_file()), None)
        if path is None:
            raise DataError(f"{folder / names[0]} is missing: {modality} features of FAME.")
        tables[modality] = look_through(path, widths.get(modality), tested is None)
    if tested is None:
        check_aligned(tables, "training")
    elif tables["face"].rows != tables["voice"].rows:
        rows = {name: table.rows for name, table in tables.items()}
        raise DataError(f"{tables['face'].path} has {rows['face']} rows, {tables['voice'].path.name} {rows['voice']}.")
    return tables


def _test_names(heard: str, tested: str, word: str) -> list[str]:
    plain = f"{tested}_{word}_test.csv"
    return [plain] if heard == tested else [f"{tested}_{word}_unheard_test.csv", plain]


def read_split(path: Path) -> Split:
    """The pairs of a test. Raises `DataError` naming the line."""
    rows = _rows(path, (3,))
    for number, row in enumerate(rows, 1):
        if not row[1].startswith("voices/") or not row[2].startswith("faces/"):
            raise DataError(f"{path}, line {number}: expected 'key voices/... faces/...', found {' '.join(row)!r:.80}.")
    key, voice, face = (np.array(column, dtype=str) for column in zip(*rows, strict=True))
    if len(np.unique(key)) != len(key):
        raise DataError(f"{path} has a key twice. Get the split again.")
    return Split(key, voice, face)


def read_truth(path: Path) -> np.ndarray:
    """Labels (P,) bool, true for one identity. Raises `DataError` naming the line."""
    labels = [row[-1] if len(row) == 1 else row[1] for row in _rows(path, (1, 2, 3, 4))]
    wrong = next((number for number, label in enumerate(labels, 1) if label not in ("0", "1")), None)
    if wrong:
        raise DataError(f"{path}, line {wrong}: the label is {labels[wrong - 1]!r}, it must be 0 or 1.")
    return np.array(labels) == "1"


def write_scores(path: Path, key: np.ndarray, distances: np.ndarray) -> Path:
    """A score file, atomically: `key distance` per pair. Raises `UsageError` for distances that do not fit the keys."""
    if len(key) != len(distances) or not np.isfinite(distances).all():
        raise UsageError(f"{path}: {len(distances)} distances (finite ones) for {len(key)} pairs are needed.")
    write_text(path, "".join(f"{one} {distance:.6f}\n" for one, distance in zip(key, distances, strict=True)))
    return path


def read_scores(path: Path, key: np.ndarray) -> np.ndarray:
    """Distances (P,) of a score file, whose keys must be `key` in this order. Raises `DataError` naming the line."""
    rows = _rows(path, (2,))
    if len(rows) != len(key):
        raise DataError(f"{path} has {len(rows)} scores, the split has {len(key)} pairs.")
    distances = np.empty(len(rows))
    for number, (row, wanted) in enumerate(zip(rows, key, strict=True), 1):
        if row[0] != wanted:
            raise DataError(f"{path}, line {number}: the key is {row[0]!r}, the split has {str(wanted)!r} there.")
        try:
            distances[number - 1] = float(row[1])
        except ValueError as error:
            raise DataError(f"{path}, line {number}: the score {row[1]!r:.40} is not a number.") from error
    return distances


def score_name(version: str, heard: str, unheard: bool) -> str:
    """Name of a score file, as the baseline's code has it."""
    return f"sub_score_{version}_{heard}_{'unheard' if unheard else 'heard'}.txt"


def split_names(version: str, heard: str, unheard: bool) -> tuple[str, str]:
    """Names of a test's split and of its truth. Ours: the challenge hands them out under names of the year."""
    stem = f"{version}_{heard}_{'unheard' if unheard else 'heard'}"
    return f"{stem}.txt", f"{stem}_truth.txt"


def evaluate(scores: Mapping[str, np.ndarray], truth: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Equal error rate of every test by name, and `overall`, their mean."""
    found = {name: eer(distances, truth[name]) for name, distances in scores.items()}
    return found | {"overall": float(np.mean(list(found.values())))}


def _rows(path: Path, lengths: tuple[int, ...]) -> list[list[str]]:
    try:
        rows = [line.split() for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except FileNotFoundError as error:
        raise DataError(f"{path} is missing: a file of the FAME challenge.") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not a text file ({error}). Get it again.") from error
    wrong = next((number for number, row in enumerate(rows, 1) if len(row) not in lengths), None)
    if wrong or not rows:
        where = f"{path}, line {wrong}: {len(rows[wrong - 1])} fields" if wrong else f"{path} is empty"
        raise DataError(f"{where}, expected {' or '.join(map(str, lengths))} separated by spaces.")
    return rows
