"""MM-Debiased's list: every id with its subset and label, and what its form says of where the clip comes from.

| form | shape | source |
|---|---|---|
| span | `ID_000010_000020` | Kinetics-400, train |
| bare | `ID` (eleven characters) | Kinetics-400, validation |
| start | `ID_10` | VGGSound; with three clips of one video or more, an undocumented set of segments |
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmlib.data.listed import find_list
from mmlib.data.prepared_check import SPLITS
from mmlib.errors import DataError

NAME = "MM-Debiased.json"
ADVICE = f"Get {NAME} from GeWu-Lab/Valuate-and-Enhance-Multimodal-Cooperation."
BELOW = ("mm_debiased", "lists/mm_debiased", "lists")
SUBSETS = {"training": "train", "validation": "validation", "testing": "test"}
FORMS = ("span", "bare", "start")
_SPAN = re.compile(r"([\w-]{11})_(\d{6})_(\d{6})", re.ASCII)
_START = re.compile(r"([\w-]{11})_(0|[1-9]\d{0,4})", re.ASCII)
_BARE = re.compile(r"[\w-]{11}", re.ASCII)
# Lists of others that resolve ids, by the names they are published under; all optional.
VALIDATION_LISTS = ("kinetics400_val.csv", "validate.csv", "val.csv")
KINETICS_PLACES = ("kinetics_sounds_ogm", "kinetics_sounds", "lists/kinetics_sounds_ogm", "data/KineticSound", ".")


@dataclass(frozen=True)
class Listing:
    """The list in its order: `keys`, `videos` (YouTube ids) and `forms` (N,) text, `labels` and `starts` (s, -1: not
    said) (N,) numbers, `subsets` (N,) places in `SPLITS`; `classes` in alphabetical order, as none is published.
    """

    keys: np.ndarray
    videos: np.ndarray
    forms: np.ndarray
    starts: np.ndarray
    subsets: np.ndarray
    labels: np.ndarray
    classes: list[str]

    def __len__(self) -> int:
        return len(self.keys)


def parse_key(key: str) -> tuple[str, str, int] | None:
    """Form, YouTube id and start second (-1 where the id does not say it); None for an id of no known form.

    A span that is not ten seconds long is none.
    """
    if _BARE.fullmatch(key):
        return "bare", key, -1
    if (found := _SPAN.fullmatch(key)) and int(found[3]) - int(found[2]) == 10:
        return "span", found[1], int(found[2])
    if found := _START.fullmatch(key):
        return "start", found[1], int(found[2])
    return None


def find_listing(root: Path, lists: str, required: bool = False) -> Path | None:
    """The list file below a folder. Raises `DataError` where it is `required` and not there."""
    try:
        return find_list(NAME, root, lists, ADVICE, BELOW)
    except DataError:
        if required:
            raise
        return None


def read_listing(path: Path) -> Listing:
    """Read the list. Raises `DataError`: no JSON of this form, an id listed twice or of no known form."""
    try:
        pairs = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=list)
        entries = [(key, dict(value)) for key, value in pairs]
        rows = [(key, *parse_key(key), SPLITS.index(SUBSETS[of["subset"]]), str(of["label"])) for key, of in entries]
    except (OSError, UnicodeDecodeError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise DataError(
            f"{path} is not the list of MM-Debiased ({type(error).__name__}: {error}): expected clip ids, each with a "
            f"subset ({', '.join(SUBSETS)}) and a label. {ADVICE}"
        ) from error
    if not rows or len({key for key, *_ in rows}) < len(rows):
        raise DataError(f"{path} lists nothing, or an id twice. {ADVICE}")
    keys, forms, videos, starts, subsets, labels = (np.array(column) for column in zip(*rows, strict=True))
    classes, numbers = np.unique(labels, return_inverse=True)
    return Listing(keys, videos, forms, starts, subsets, numbers, classes.tolist())


def find_pairs(places: Sequence[Path]) -> tuple[dict[str, int] | None, set[tuple[str, int]] | None]:
    """Start second by YouTube id of Kinetics-400's validation list, and (id, start) of VGGSound's; None: not there."""
    validation = _first(places, (*VALIDATION_LISTS, *(f"lists/{name}" for name in VALIDATION_LISTS)))
    vggsound = _first(places, ("vggsound.csv", "lists/vggsound.csv"))
    of_kinetics = None
    if validation is not None:
        header, *rows = _rows(validation) or [[]]
        if not {"youtube_id", "time_start"} <= set(header):
            raise DataError(f"{validation} has no columns youtube_id and time_start. Get it again, or move it away.")
        video, start = header.index("youtube_id"), header.index("time_start")
        of_kinetics = {row[video]: int(row[start]) for row in rows if len(row) == len(header) and row[start].isdigit()}
    of_vggsound = None
    if vggsound is not None:
        of_vggsound = {(row[0], int(row[1])) for row in _rows(vggsound) if len(row) > 1 and row[1].isdigit()}
    return of_kinetics, of_vggsound


def find_kinetics(places: Sequence[Path]) -> set[str] | None:
    """The ids of OGM-GE's Kinetics-Sounds train list, None where it is not there."""
    beside = [place.parent for place in places]
    path = _first([*places, *beside], tuple(f"{below}/my_train.txt" for below in KINETICS_PLACES))
    return None if path is None else {row[0].strip() for row in _rows(path) if row}


def _first(places: Sequence[Path], names: Sequence[str]) -> Path | None:
    return next((place / name for place in places for name in names if (place / name).is_file()), None)


def _rows(path: Path) -> list[list[str]]:
    try:
        with open(path, newline="", encoding="utf-8-sig") as stream:
            return list(csv.reader(stream))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read as a list ({error}). Get it again, or move it away.") from error
