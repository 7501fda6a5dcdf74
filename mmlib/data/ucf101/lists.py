"""UCF-101's published split lists: classes, and the clips of train and test."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from mmlib.data.listed import find_list
from mmlib.errors import DataError, ParameterError

ROWS = {1: (9_537, 3_783), 2: (9_586, 3_734), 3: (9_624, 3_696)}  # train, test
ADVICE = "Get the recognition split lists of UCF-101 from www.crcv.ucf.edu/data/UCF101.php."
_CLIP = re.compile(r"(v_\w+_g\d+)_c\d+", re.ASCII)


@dataclass(frozen=True)
class ListedClip:
    """One row: the clip's name without ending, its class number and name, split, and group (one recording)."""

    id: str
    label: int
    action: str
    split: str
    group: str


def find_lists(source: Path, split: int) -> dict[str, Path]:
    """The three files of a split. Raises `DataError` where one is not there, `ParameterError` for another split."""
    if split not in ROWS:
        raise ParameterError(f"ucf101: option split is {split}. Choose one of: {', '.join(map(str, ROWS))}.")
    names = {"classes": "classInd.txt", "train": f"trainlist{split:02d}.txt", "test": f"testlist{split:02d}.txt"}
    below = ("ucfTrainTestlist", "lists", "annotations")
    return {what: find_list(name, source, "", ADVICE, below) for what, name in names.items()}


def read_lists(paths: dict[str, Path]) -> tuple[list[str], list[ListedClip]]:
    """Class names and all rows, train first. Raises `DataError` with the line."""
    classes = []
    for number, words in _lines(paths["classes"]):
        if len(words) != 2 or words[0] != str(len(classes) + 1):
            raise DataError(f"{paths['classes']} line {number}: expected '{len(classes) + 1} NAME'. {ADVICE}")
        classes.append(words[1])
    numbers = {name: place for place, name in enumerate(classes)}
    clips: dict[str, ListedClip] = {}
    for split in ("train", "test"):
        for number, words in _lines(paths[split]):
            action, _, file = words[0].partition("/")
            name = Path(file).stem
            form = _CLIP.fullmatch(name)
            where = f"{paths[split]} line {number}"
            if form is None or action not in numbers:
                raise DataError(f"{where}: expected CLASS/v_CLASS_g01_c01.avi of a class of classInd.txt. {ADVICE}")
            if len(words) == 2 and words[1] != str(numbers[action] + 1):
                raise DataError(f"{where}: class {words[1]} is not that of {action} in classInd.txt. {ADVICE}")
            if name in clips:
                raise DataError(f"{where}: {name} is listed already, for {clips[name].split}. {ADVICE}")
            clips[name] = ListedClip(name, numbers[action], action, split, form[1])
    return classes, list(clips.values())


def _lines(path: Path) -> list[tuple[int, list[str]]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read ({error}). {ADVICE}") from error
    lines = [(number, line.split()) for number, line in enumerate(text.splitlines(), 1)]
    return [(number, words) for number, words in lines if words]
