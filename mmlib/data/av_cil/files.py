"""The published files of AV-CIL: index files and features, where they lie, and which clips they name.

Paper says (AV-CIL, Pian et al. 2023): one audio vector per clip from AudioMAE, visual tokens from VideoMAE; classes in
steps of equal size.
Published code does: keeps everything in dictionaries that numpy pickles (`category_encode_dict.npy` from name to class
id, `all_id_category_dict.npy` from split and clip to name, `all_classId_vid_dict.npy` from split and class id to clips;
the audio vectors of all clips, and AVE's visual tokens, in one dictionary each by clip id) or, for the visual tokens of
the other sets, in an .h5 with a dataset per clip. It unpickles them, whole.
We do: read the same files without running what is in them (`mmlib.data.features.pickled`); an index file may be .json
instead, a feature file .h5 or .npz. The order of the classes is that of the index files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mmlib.data.features import layout
from mmlib.data.features.checks import LISTS_AGAIN
from mmlib.data.features.pickled import read_dictionary
from mmlib.errors import DataError, UsageError
from mmlib.files import read_json

NUMBERS, NAMES, CLIPS = "category_encode_dict", "all_id_category_dict", "all_classId_vid_dict"
INDEX = {
    NUMBERS: "the number of every class",
    NAMES: "split and class name of every clip",
    CLIPS: "the clips of every split and class",
}
# By modality: the names of its file without ending, the first that is there is read, and what it holds.
FEATURES = {
    "audio": (("audio_pretrained_feature_dict",), "the audio vectors (768,) by clip id"),
    "visual": (
        ("visual_pretrained_feature_dict", "visual_features"),
        "the visual tokens (1568, 768) by clip id",
    ),
}
BELOW = ("audio_pretrained_feature", "visual_pretrained_feature")
SPLITS = {"train": "train", "val": "validation", "test": "test"}
VIDEO = 11  # characters of a YouTube id; VGGSound's clips add _ and the first second
GENERATED_ID = "SYN"  # generated clips are SYN00000 and so on


@dataclass(frozen=True)
class Lists:
    """Classes in the order of their numbers, and all clips by split, class and place: `id`, `label`, `split` (N,)."""

    classes: list[str]
    id: np.ndarray
    label: np.ndarray
    split: np.ndarray

    @property
    def video(self) -> np.ndarray:
        """The video of every clip, `(N,)`."""
        return np.array([name.rpartition("_")[0] if _timed(name) else name for name in self.id.tolist()])

    @property
    def leaky(self) -> np.ndarray:
        """Validation and test clips whose video is also in train, `(N,)` bool."""
        train, video = self.split == "train", self.video
        return ~train & np.isin(video, video[train])

    @property
    def generated(self) -> bool:
        """Whether the clips are named as `mmlib.data.av_cil.standin` names them."""
        return self.id[0].startswith(GENERATED_ID) and len(self.video[0]) < VIDEO


def _timed(name: str) -> bool:
    """Whether a clip's id ends with the second at which it begins: an id of YouTube may hold _ itself."""
    start = name.rpartition("_")[2]
    return len(start) == 6 and start.isascii() and start.isdigit() and len(name) != VIDEO


def find_folder(root: Path, names: Sequence[str]) -> Path:
    """The first of the subfolders `names` that holds an index file, else the root where it does, else the first."""
    places = [root / name for name in names]
    return next((place for place in (*places, root) if _index_file(place, NUMBERS)), places[0])


def _index_file(folder: Path, name: str) -> Path | None:
    return next((path for path in (folder / f"{name}.npy", folder / f"{name}.json") if path.is_file()), None)


def features_file(folder: Path, modality: str) -> Path | None:
    """Where the features of a modality are. Raises `DataError` (a plain pickle)."""
    found = (layout.find_features(folder, stem, BELOW) for stem in FEATURES[modality][0])
    return next((path for path in found if path is not None), None)


def missing(folder: Path) -> str | None:
    """The first file that is not there, what it is, and how many others lack; None when all are there."""
    needed = {f"{name}.npy": what for name, what in INDEX.items() if not _index_file(folder, name)}
    for modality, (stems, what) in FEATURES.items():
        if features_file(folder, modality) is None:
            needed[f"{stems[0]}.npy (or .h5, .npz)"] = what
    if not needed:
        return None
    first, *others = needed
    more = f" ({len(others)} more: {', '.join(others)})" if others else ""
    return f"{folder / first} is missing: {needed[first]}{more}."


def inputs(folder: Path) -> dict[str, Path]:
    """Every file the conversion reads, by what it is."""
    paths = {name: _index_file(folder, name) for name in INDEX}
    paths |= {modality: features_file(folder, modality) for modality in FEATURES}
    return {name: path for name, path in paths.items() if path is not None}


def read_lists(folder: Path) -> Lists:
    """The three index files. Raises `DataError`: absent, malformed, or telling different things of a clip."""
    paths = {name: _index_file(folder, name) for name in INDEX}
    lacking = next((name for name, path in paths.items() if path is None), None)
    if lacking is not None:
        raise DataError(f"{folder / lacking}.npy is missing: {INDEX[lacking]}. Get the lists of AV-CIL.")
    numbers, named, listed = (_dictionary(path) for path in paths.values())
    classes = _classes(paths[NUMBERS], numbers)
    clips = [
        (clip, label, split)
        for name, split in SPLITS.items()
        for label, ids in sorted(_by_class(paths[CLIPS], name, listed, len(classes)).items())
        for clip in ids
    ]
    if not clips:
        raise DataError(f"{paths[CLIPS]} names no clips. {LISTS_AGAIN}")
    ids, label, split = (np.array(column) for column in zip(*clips, strict=True))
    found = Lists(classes, ids, label, split)
    _check_names(paths[NAMES], named, found)
    return found


def _dictionary(path: Path) -> dict[Any, Any]:
    if path.suffix == ".npy":
        return read_dictionary(path)
    try:
        found = read_json(path)
    except (UsageError, OSError) as error:
        raise DataError(f"{path} cannot be read as JSON. {LISTS_AGAIN}") from error
    if not isinstance(found, dict):
        raise DataError(f"{path} holds no dictionary. {LISTS_AGAIN}")
    return found


def _classes(path: Path, numbers: dict[Any, Any]) -> list[str]:
    whole = all(isinstance(name, str) and type(number) is int for name, number in numbers.items())
    if not whole or sorted(numbers.values()) != list(range(len(numbers))) or len(numbers) < 2:
        raise DataError(f"{path}: expected class names numbered from 0, each number once. {LISTS_AGAIN}")
    return sorted(numbers, key=numbers.__getitem__)


def _by_class(path: Path, split: str, listed: dict[Any, Any], classes: int) -> dict[int, list[str]]:
    """Clips of a split by class number; JSON writes numbers as text."""
    part = listed.get(split)
    if not isinstance(part, dict):
        raise DataError(f"{path} has no split {split!r} with clips by class. {LISTS_AGAIN}")
    try:
        clips = {int(label): ids for label, ids in part.items()}
    except ValueError as error:
        raise DataError(f"{path}, {split}: a class is no number ({error}). {LISTS_AGAIN}") from error
    for label, ids in clips.items():
        if not 0 <= label < classes or not isinstance(ids, list) or not all(isinstance(name, str) for name in ids):
            raise DataError(
                f"{path}, {split}: class {label} must lie between 0 and {classes - 1} and have a list of clip ids. "
                f"{LISTS_AGAIN}"
            )
    return clips


def _check_names(path: Path, named: dict[Any, Any], lists: Lists) -> None:
    """Raise `DataError` unless the two lists name the same clips in the same splits and classes."""
    for name, split in SPLITS.items():
        inside = lists.split == split
        ids, labels = lists.id[inside].tolist(), lists.label[inside].tolist()
        expected = {clip: lists.classes[label] for clip, label in zip(ids, labels, strict=True)}
        found = named.get(name)
        if found == expected:
            continue
        there = found if isinstance(found, dict) else {}
        first = next(clip for clip in (*expected, *there, "") if there.get(clip) != expected.get(clip) or not clip)
        raise DataError(
            f"{path}, {name}: clip {first!r} is {there.get(first)!r}, but {CLIPS} says {expected.get(first)!r}. Get "
            "both lists again from one place."
        )
