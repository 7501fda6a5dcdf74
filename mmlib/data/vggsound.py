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

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from mmlib.data.listed import VIDEOS, Found, find_list, read_rows
from mmlib.data.media.reasons import Reason
from mmlib.data.media.source import Clip, MediaSource, mark_duplicates, mark_missing
from mmlib.data.prepared import Prepared
from mmlib.data.published import Layout, missing_published
from mmlib.data.split_audit import audit_splits
from mmlib.errors import DataError

CLASSES = 309
SAMPLE_RATE = 16_000  # Hz
SAMPLES = 160_000  # 10 s stored; 5 s are shown
# About what OGM-GE's paper reports as usable; recalled, not read: compared loosely, never enforced.
REPORTED = {"train": 168_618, "test": 13_954}
LAYOUT: Layout = {
    "waveform": (("int16", "float32"), (SAMPLES,)),
    "frames": (("uint8",), (None, None, None, 3)),
}
SECONDS = 10  # length of a clip
_ID = re.compile(r"[A-Za-z0-9_-]{11}")
_ADVICE = "Get vggsound.csv from its authors."


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


def media_source(folder: Path, options: Mapping[str, Any]) -> MediaSource:
    """The clips of a VGGSound download, wherever below `folder` they are, by YouTube id and start second.

    A clip's files may be called `ID_START` or `ID_000START` (as downloaders write it), with the end after it or not,
    a video or its frames in a folder `ID_START.mp4` with the sound in `ID_START.wav` (OGM-GE's layout); a whole video
    `ID` is cut from START on for 10 s. Raises `DataError`.
    """
    path = find_list("vggsound.csv", folder, options["lists"], _ADVICE, ("lists", "data/VGGSound"))
    rows = read_rows(path, 4, "id,start,label,train|test")
    wrong = next(((number, row) for number, row in rows if row[3] not in ("train", "test")), None)
    if wrong:
        raise DataError(f"{path} line {wrong[0]}: the split is {wrong[1][3]!r}, not train or test. {_ADVICE}")
    found = Found(folder, (*VIDEOS, ".wav"), image_folders=True)
    classes = sorted({row[2] for _, row in rows})
    numbers = {name: number for number, name in enumerate(classes)}
    clips = []
    for number, (video, start, label, split) in rows:
        clip = Clip(f"{video}_{start}", numbers[label], split, video)
        if not _ID.fullmatch(video) or not start.isdigit():
            clip = clip.skipped(Reason.WRONG_ID_FORM, f"line {number}: expected a YouTube id and a start second")
        else:
            clip = _located(clip, video, int(start), found)
        clips.append(clip)
    clips = mark_missing(mark_duplicates(clips))
    audit = audit_splits(clips, classes, "source videos")
    return MediaSource("vggsound", classes, clips, options["preset"], audit=audit)


def _located(clip: Clip, video: str, start: int, found: Found) -> Clip:
    """The clip with the files that were found for it."""
    end = start + SECONDS
    for stem in (
        f"{video}_{start}",
        f"{video}_{start:06d}",
        f"{video}_{start:06d}_{end:06d}",
        f"{video}_{start}_{end}",
    ):
        files = found.files.get(stem, [])
        videos = [path for path in files if path.suffix.lower() in VIDEOS]
        sounds = [path for path in files if path.suffix.lower() == ".wav"]
        frames = [path for name in (f"{stem}.mp4", stem) for path in found.folders.get(name, [])]
        if videos or sounds or frames:
            pictures = (videos or frames or [None])[0]
            sound = (sounds or videos or [None])[0]
            return replace(clip, sound=sound, pictures=pictures)
    whole = [path for path in found.files.get(video, []) if path.suffix.lower() in VIDEOS]
    if whole:
        return replace(clip, sound=whole[0], pictures=whole[0], start_s=float(start), end_s=float(end))
    return clip
