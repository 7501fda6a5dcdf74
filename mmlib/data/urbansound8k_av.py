"""UrbanSound8K-AV (10 classes): one image for every sound of UrbanSound8K.

Published code does (IEMF): in every class folder the first 70 % of the directory listing is training, the rest test,
the edges rounded over all classes together; the order of a listing is whatever the file system returns. Images and
spectrograms are kept after augmentation, three copies each.
We do: the same shares of the *sorted* names, so the split cannot be that of the paper's machine, and augmentation at
every step (as published with `frozen_copies=3` of a run). It is not UrbanSound8K's protocol of ten folds: slices of one
recording fall on both sides, which the audit counts; `split="group"` of a run holds whole recordings out instead.

Layout: `Dataset_v3_vision/CLASS/STEM.jpg` and `Dataset_v3_sound/CLASS/STEM.wav`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mmlib.data.listed import first_folder, paired
from mmlib.data.media.reasons import Reason
from mmlib.data.media.source import Clip, MediaSource, mark_duplicates, mark_missing
from mmlib.data.prepared import Prepared
from mmlib.data.published import compare_totals, missing_media
from mmlib.data.split_audit import audit_splits
from mmlib.errors import DataError

CLASSES = (
    "air_conditioner",
    "car_horn",
    "children_playing",
    "dog_bark",
    "drilling",
    "engine_idling",
    "gun_shot",
    "jackhammer",
    "siren",
    "street_music",
)
COUNTS = (1000, 429, 1000, 1000, 1000, 1000, 374, 1000, 929, 1000)  # clips of each class, train and test together
TRAIN_SHARE = 0.7
ROWS = {"train": 6112, "test": 2620}
_SLICE = re.compile(r"(\d+)-\d+-\d+-\d+")  # <recording>-<class>-<occurrence>-<slice>


def missing(root: Path) -> str | None:
    """Why `root` holds no prepared UrbanSound8K-AV, or None."""
    return missing_media("urbansound8k_av", root)


def notes(prepared: Prepared) -> list[str]:
    """The counts of a prepared UrbanSound8K-AV beside the published ones, and how its classes differ."""
    found = np.bincount(prepared.labels, minlength=len(CLASSES))
    protocol = "train is the first 70 % of the sorted names of each class, which is not the official ten folds"
    return [*compare_totals(prepared, ROWS), f"urbansound8k_av: {protocol}."] + [
        f"urbansound8k_av: {count} clips of {name}, published {expected}."
        for name, count, expected in zip(CLASSES, found.tolist(), COUNTS, strict=True)
        if count != expected
    ]


def media_source(folder: Path, options: Mapping[str, Any]) -> MediaSource:
    """Every image and every sound of the class folders, paired by name. Raises `DataError`."""
    root = folder / "UrbanSound8K-AV" if (folder / "UrbanSound8K-AV").is_dir() else folder
    images, sounds = first_folder(root, ("Dataset_v3_vision",)), first_folder(root, ("Dataset_v3_sound",))
    if images is None or sounds is None:
        absent = "Dataset_v3_vision" if images is None else "Dataset_v3_sound"
        raise DataError(f"{root} has no folder {absent}. --source names the folder of UrbanSound8K-AV.")
    clips: list[Clip] = []
    for label, name in enumerate(CLASSES):
        clips += _of_class(images / name, sounds / name, label, offset=len(clips))
    clips = mark_missing(mark_duplicates(clips))
    audit = audit_splits(clips, CLASSES, "recordings")
    settings = {"train_share": TRAIN_SHARE, "order": "sorted names"}
    return MediaSource("urbansound8k_av", CLASSES, clips, options["preset"], settings=settings, audit=audit)


def first_of_test(offset: int, count: int) -> int:
    """The first place that is test, of a class of `count` names beginning at place `offset` of all classes."""
    return round(offset + TRAIN_SHARE * count)


def _of_class(images: Path, sounds: Path, label: int, offset: int) -> list[Clip]:
    """The clips of one class, in order of their names; `offset` counts those of the classes before it."""
    files = paired(images, sounds)
    edge = first_of_test(offset, len(files))
    clips = []
    for place, (stem, picture, sound) in enumerate(files, offset):
        form = _SLICE.fullmatch(stem)
        split = "train" if place < edge else "test"
        clip = Clip(stem, label, split, form[1] if form else stem, sound, picture)
        if picture is None or sound is None:
            what = "image" if picture is None else "wav"
            clip = clip.skipped(Reason.MISSING, f"it has no {what}")
        clips.append(clip)
    return clips
