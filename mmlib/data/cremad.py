"""CREMA-D as OGM-GE prepares it (whose data SimAM^2 copies): published lists, prepared layout, published counts.

Paper says (SimAM^2): the preprocessing of OGM-GE. Published code does: sound at 22,050 Hz, tiled three times, the
first 3 s kept; frames at 1 per second, of which training reads **one** (the setting of three is ignored); rows whose
media are missing are skipped silently; no validation split; all 91 actors occur in train and in test.
We do: the same, with what is skipped recorded in the manifest, the first frame by name (`frame_pick`), and a
validation split carved from train. `split="speaker"` divides actors instead, which is harder and comparable to no
published number.

Prepared layout: `waveform` (N, 66150) int16 or float32; `frames` (N, S, H, W, 3) uint8, S stored frames of which the
index column `frames` says how many are real; `group` is the actor; classes in the order of `EMOTIONS`.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from mmlib.data.prepared import Prepared
from mmlib.data.published import Layout, compare_counts, missing_published
from mmlib.errors import DataError

EMOTIONS = ("NEU", "HAP", "SAD", "FEA", "DIS", "ANG")  # label 0..5
SAMPLE_RATE = 22_050  # Hz
SAMPLES = 66_150  # 3 s
TILES = 3
PUBLISHED = {
    "train": {"NEU": 973, "HAP": 1148, "SAD": 1131, "FEA": 1138, "DIS": 1142, "ANG": 1166},
    "test": {"NEU": 114, "HAP": 123, "SAD": 140, "FEA": 133, "DIS": 129, "ANG": 105},
}
ACTORS = 91
LAYOUT: Layout = {
    "waveform": (("int16", "float32"), (SAMPLES,)),
    "frames": (("uint8",), (None, None, None, 3)),
}


def missing(root: Path) -> str | None:
    """Why `root` holds no prepared CREMA-D, or None."""
    return missing_published("cremad", root, LAYOUT, SAMPLE_RATE)


def notes(prepared: Prepared) -> list[str]:
    """How a prepared CREMA-D differs from the published counts; empty when it agrees."""
    found = len(np.unique(prepared.index["group"]))
    actors = [f"cremad: {found} actors, published {ACTORS}."] if found != ACTORS else []
    return compare_counts(prepared, PUBLISHED) + actors


def read_list(path: str | Path) -> list[tuple[str, int]]:
    """Clip ids and labels of a published list (`train.csv`, `test.csv`, `data.csv`): no header, id and emotion.

    The id `ACTOR_SENTENCE_EMOTION_LEVEL` must agree with the emotion. Raises `DataError` with the line.
    """
    path = Path(path)
    try:
        # newline="" and utf-8-sig: the files have CRLF line ends, and one begins with a byte order mark
        with open(path, newline="", encoding="utf-8-sig") as stream:
            rows = [(number, row) for number, row in enumerate(csv.reader(stream), 1) if row]
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}). Get the CREMA-D lists of OGM-GE.") from error
    clips = []
    for number, row in rows:
        fields = row[0].split("_")
        if len(row) != 2 or row[1] not in EMOTIONS or len(fields) != 4 or fields[2] != row[1]:
            raise DataError(
                f"{path} line {number}: expected ACTOR_SENTENCE_EMOTION_LEVEL,EMOTION, found {','.join(row)!r}. "
                "Get the CREMA-D lists of OGM-GE again."
            )
        clips.append((row[0], EMOTIONS.index(row[1])))
    return clips


def actor(clip: str) -> str:
    """The actor's number, e.g. `1001` of `1001_IEO_NEU_XX`."""
    return clip.split("_")[0]


def fixed_length(sound: np.ndarray) -> np.ndarray:
    """Sound at 22,050 Hz in [-1, 1] (any length) to `SAMPLES`: tiled three times, cut, clipped; zeros if too short."""
    tiled = np.clip(np.tile(sound, TILES)[:SAMPLES], -1.0, 1.0)
    return np.pad(tiled, (0, SAMPLES - len(tiled)))
