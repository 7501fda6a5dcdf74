"""Kinetics-Sounds (31 classes of Kinetics-400): the lists of OGM-GE and IEMF, raw clips or the finished layout.

Published code does: four scripts and a fifth (convert every clip to avi, deleting what OpenCV cannot read; move the
files into class folders; extract 16 kHz wav and ten frames, skipping clips that give no ten; drop rows without wav and
cut test names to eleven characters). Class names are not shipped with OGM-GE's lists; which Kinetics-400 partition the
test ids belong to is unclear.
We do: one pass from the raw clips, or from the folders those scripts leave behind. A clip is found by its full name,
else by the eleven characters of its YouTube id, in whatever partition it lies; the folder `replacement` comes first.
What cannot be used stays in the manifest with its reason.

Lists: `my_train.txt`, `my_test.txt`, lines `ID,10,CLASS`; train ids `<YouTube id>_<start, 6 digits>_<end, 6 digits>`,
test ids `<YouTube id>_<start>` (or the YouTube id alone). Lists with IEMF's counts or OGM-GE's are both in use.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from mmlib.data.listed import VIDEOS, Found, find_list, first_folder, read_rows
from mmlib.data.media.reasons import Reason
from mmlib.data.media.source import Clip, MediaSource, mark_duplicates, mark_missing
from mmlib.data.prepared import Prepared
from mmlib.data.published import compare_counts, missing_media, of_train
from mmlib.data.split_audit import audit_splits
from mmlib.errors import DataError, ParameterError

# Class of every label, with the train and test counts of IEMF's lists.
_COUNTS = {
    "blowing nose": (267, 81),
    "blowing out candles": (689, 92),
    "bowling": (607, 87),
    "chopping wood": (512, 87),
    "dribbling basketball": (496, 87),
    "laughing": (444, 68),
    "mowing lawn": (633, 88),
    "playing accordion": (478, 90),
    "playing bagpipes": (456, 86),
    "playing bass guitar": (598, 79),
    "playing clarinet": (563, 91),
    "playing drums": (484, 88),
    "playing guitar": (602, 73),
    "playing harmonica": (592, 85),
    "playing keyboard": (366, 86),
    "playing organ": (339, 91),
    "playing piano": (333, 82),
    "playing saxophone": (489, 84),
    "playing trombone": (653, 90),
    "playing trumpet": (536, 90),
    "playing violin": (654, 83),
    "playing xylophone": (386, 91),
    "ripping paper": (281, 80),
    "shoveling snow": (493, 92),
    "shuffling cards": (395, 79),
    "singing": (669, 66),
    "stomping grapes": (196, 85),
    "tap dancing": (523, 83),
    "tapping guitar": (433, 91),
    "tapping pen": (351, 76),
    "tickling": (254, 63),
}
CLASSES = tuple(_COUNTS)
PUBLISHED = {
    "train": {name: train for name, (train, _) in _COUNTS.items()},
    "test": {name: test for name, (_, test) in _COUNTS.items()},
}
ROWS = {"OGM-GE": (14_799, 2_597), "IEMF": (14_772, 2_594)}  # train, test
PRESETS = ("ks_fbank", "iemf_kinetics", "val_kinetics")
_ID = {"train": re.compile(r"([\w-]{11})_\d{6}_\d{6}", re.ASCII), "test": re.compile(r"([\w-]{11})(_\d+)?", re.ASCII)}
_FORM = {"train": "<YouTube id>_<6 digits>_<6 digits>", "test": "<YouTube id>_<start second>"}
_ADVICE = (
    "Get the Kinetics-Sounds lists (my_train.txt, my_test.txt) from data/KineticSound of GeWu-Lab/OGM-GE_CVPR2022."
)


def missing(root: Path) -> str | None:
    """Why `root` holds no prepared Kinetics-Sounds, or None."""
    return missing_media("kinetics_sounds", root)


def notes(prepared: Prepared) -> list[str]:
    """The counts of a prepared Kinetics-Sounds beside the published ones; where it agrees with neither, by class."""
    split = of_train(prepared)
    found = (int(np.sum(split == "train")), int(np.sum(split == "test")))
    lists = "; ".join(f"{name} {train:,} and {test:,}" for name, (train, test) in ROWS.items())
    counts = f"kinetics_sounds: {found[0]:,} train and {found[1]:,} test clips; published lists: {lists}."
    return [counts, *([] if found in ROWS.values() else compare_counts(prepared, PUBLISHED))]


def media_source(folder: Path, options: Mapping[str, Any]) -> MediaSource:
    """The listed clips, found among raw Kinetics-400 clips or in the finished layout. Raises `DataError`.

    The finished layout is `{train,test}/audio/CLASS/ID.wav` and `{train,test}/video/CLASS/ID/frame_0.jpg ...`, in the
    folder or in its subfolder `kinetics_sound`.
    """
    if options["layout"] not in ("auto", "raw", "finished"):
        raise ParameterError(f"kinetics_sounds: option layout is {options['layout']!r}. Choose auto, raw or finished.")
    below = (folder, folder / "kinetics_sound")
    root = next((place for place in below if first_folder(place, ("train/audio", "test/audio"))), None)
    finished = options["layout"] == "finished" or (options["layout"] == "auto" and root is not None)
    beside = ("data/KineticSound", "kinetics_sound", "lists")
    clips: list[Clip] = []
    for split in ("train", "test"):
        path = find_list(f"my_{split}.txt", folder, options["lists"], _ADVICE, beside)
        rows = read_rows(path, 3, "ID,10,CLASS")
        clips += [_listed(name, label, split, f"{path.name} line {number}") for number, (name, _, label) in rows]
    locate = _finished(root or folder) if finished else _raw(folder)
    clips = mark_missing(mark_duplicates([clip if clip.problem else locate(clip) for clip in clips]))
    audit = audit_splits(clips, CLASSES, "source videos")
    settings = {"layout": "finished" if finished else "raw"}
    return MediaSource("kinetics_sounds", CLASSES, clips, options["preset"], settings=settings, audit=audit)


def _listed(name: str, label: str, split: str, where: str) -> Clip:
    form = _ID[split].fullmatch(name)
    number = int(label) if label.isdigit() and int(label) < len(CLASSES) else -1
    clip = Clip(name, number, split, form[1] if form else name)
    if form is None:
        return clip.skipped(Reason.WRONG_ID_FORM, f"{where}: a {split} id is {_FORM[split]}")
    if number < 0:
        return clip.skipped(Reason.UNKNOWN_CLASS, f"{where}: class {label!r} is none of 0 to {len(CLASSES) - 1}")
    return clip


def _raw(folder: Path) -> Any:
    """Finds a clip's video below `folder`, by full name or YouTube id, those in a folder `replacement` first."""
    found = Found(folder, VIDEOS)
    if not found.files:
        raise DataError(
            f"{folder} holds neither Kinetics-400 clips nor the finished layout (train/audio, train/video, ...). "
            "--source names the folder of either."
        )
    by_video: dict[str, list[Path]] = {}
    for stem, paths in found.files.items():
        by_video.setdefault(stem[:11], []).extend(paths)

    def locate(clip: Clip) -> Clip:
        paths = by_video.get(clip.group, [])
        if not paths:
            return clip.skipped(Reason.MISSING, f"no video of {clip.group} was found")
        best = min(paths, key=lambda path: (*_preference(path, clip, folder), str(path)))
        return replace(clip, sound=best, pictures=best)

    return locate


def _preference(path: Path, clip: Clip, folder: Path) -> tuple[bool, bool, bool]:
    parts = path.relative_to(folder).parts[:-1]
    return path.stem != clip.id, "replacement" not in parts, clip.split not in parts


def _finished(folder: Path) -> Any:
    """Finds a clip's wav and its folder of frames, by full name or, as published for test, by YouTube id."""

    def locate(clip: Clip) -> Clip:
        name = CLASSES[clip.label]
        sounds = [folder / clip.split / "audio" / name / f"{stem}.wav" for stem in (clip.id, clip.group)]
        frames = [folder / clip.split / "video" / name / stem for stem in (clip.id, clip.group)]
        sound = next((path for path in sounds if path.exists()), sounds[0])
        return replace(clip, sound=sound, pictures=next((path for path in frames if path.exists()), frames[0]))

    return locate
