"""VGGSound as OGM-GE prepares it (whose data SimAM^2 copies): published list, prepared layout.

Published code does: 16 kHz mono, the signal doubled until 10 s are there, 5 s taken from a random start **also at
test time**; three frames of a 1-per-second extraction, the first of an unsorted folder; class numbers in the order in
which labels first appear among the files one happens to have.
We do: the same length and frames, sorted by name; the middle 5 s at test time (`test_crop="random"`: a start drawn once
per clip); class numbers by sorted label name, stored in the manifest, so they do not depend on the download.

Prepared layout: `waveform` (N, 160000) int16 or float32; `frames` (N, S, H, W, 3) uint8 with column `frames`; `group`
is the YouTube id. VGGSound's videos disappear: counts differ between downloads, the manifest records them.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mmlib.data.prepared import Prepared
from mmlib.data.published import Layout, missing_published
from mmlib.errors import DataError

CLASSES = 309
SAMPLE_RATE = 16_000  # Hz
SAMPLES = 160_000  # 10 s stored; 5 s are shown
MINIMUM_FRAMES = 4  # upstream keeps a clip only if it has more than three frames
# About what OGM-GE's paper reports as usable; recalled, not read: compared loosely, never enforced.
REPORTED = {"train": 168_618, "test": 13_954}
LAYOUT: Layout = {
    "waveform": (("int16", "float32"), (SAMPLES,)),
    "frames": (("uint8",), (None, None, None, 3)),
}


class Clip(NamedTuple):
    """One row of the list."""

    stem: str  # <YouTube id>_<start second>: the stem of its media files
    label: str
    split: str


def missing(root: Path) -> str | None:
    """Why `root` holds no prepared VGGSound, or None."""
    return missing_published("vggsound", root, LAYOUT, SAMPLE_RATE)


def notes(prepared: Prepared) -> list[str]:
    """How a prepared VGGSound differs from what is reported; empty when it agrees."""
    split = np.where(prepared.index["split"] == "validation", "train", prepared.index["split"])
    found = {name: int(np.sum(split == name)) for name in REPORTED}
    result = [
        f"vggsound: {found[name]} {name} clips, OGM-GE reports about {count}; downloads differ."
        for name, count in REPORTED.items()
        if found[name] != count
    ]
    if len(prepared.classes) != CLASSES:
        result.append(f"vggsound: {len(prepared.classes)} classes, published {CLASSES}.")
    return result


def read_list(path: str | Path) -> list[Clip]:
    """The rows of `vggsound.csv`: YouTube id, start second, label, train or test. Raises `DataError` with the line."""
    path = Path(path)
    try:
        with open(path, newline="", encoding="utf-8-sig") as stream:
            rows = [(number, row) for number, row in enumerate(csv.reader(stream), 1) if row]
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}). Get vggsound.csv from its authors.") from error
    clips = []
    for number, row in rows:
        if len(row) != 4 or not row[1].strip().isdigit() or row[3] not in ("train", "test"):
            raise DataError(
                f"{path} line {number}: expected id,start,label,train|test, found {','.join(row)!r}. "
                "Get vggsound.csv from its authors again."
            )
        clips.append(Clip(f"{row[0]}_{row[1].strip()}", row[2].strip(), row[3]))
    return clips


def class_names(clips: list[Clip]) -> list[str]:
    """Label names, sorted: the class number is the place in this list."""
    return sorted({clip.label for clip in clips})


def fixed_length(sound: np.ndarray) -> np.ndarray:
    """Mono sound at 16 kHz in [-1, 1] (not empty) to `SAMPLES`: doubled until 10 s are there, cut, clipped."""
    if not len(sound):
        raise DataError("a VGGSound clip has no sound samples. Skip it and record the reason in the manifest.")
    while len(sound) < SAMPLES:
        sound = np.concatenate([sound, sound])
    return np.clip(sound[:SAMPLES], -1.0, 1.0)
