"""The pickle in which MAG (Rahman et al., ACL 2020) and MIM publish CMU-MOSI and CMU-MOSEI; it is never unpickled.

{"train" | "dev" | "test": [((words, visual, acoustic), label, segment), ...]}: words are strings, visual (T, D_v) and
acoustic (T, D_a) hold one row per word, the label is a number or an array of one, the segment names the utterance.
What is read is plain data (`mmlib.data.features.pickled`); anything else is refused, and nothing of it runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from mmlib.data.features.pickled import StoredArray, read_pickle
from mmlib.errors import DataError

SPLITS = {"train": "train", "dev": "validation", "test": "test"}  # in the file: here
PAUSE = re.compile(r"\[\d+\]$|_\d+$")  # what a segment's name ends with, after that of its video


@dataclass(frozen=True)
class Utterance:
    """One entry: rows of `visual` (T, D_v) and `acoustic` (T, D_a) belong to `words` (T)."""

    words: list[str]
    visual: np.ndarray
    acoustic: np.ndarray
    score: float
    segment: str
    split: str

    @property
    def video(self) -> str:
        return PAUSE.sub("", self.segment)


def read_utterances(path: Path) -> list[Utterance]:
    """All utterances, split by split, in the file's order.

    Raises `DataError`: no such pickle, damaged, anything in it that is no plain data, rows that do not fit the words.
    """
    found = read_pickle(path)
    if not isinstance(found, dict) or set(found) != set(SPLITS) or any(type(v) is not list for v in found.values()):
        held = ", ".join(map(repr, found)) if isinstance(found, dict) else f"one {type(found).__name__}"
        raise DataError(
            f"{path} holds {held}; expected lists 'train', 'dev' and 'test'. Is this the pickle of MAG's multimodal "
            "data (mosi.pkl, mosei.pkl)?"
        )
    with open(path, "rb") as stream:
        utterances = list(_utterances(path, found, stream))
    widths = {(one.visual.shape[1], one.acoustic.shape[1]) for one in utterances}
    if len(widths) != 1:
        raise DataError(f"{path}: rows of {sorted(widths)} visual and acoustic values. Get the published file.")
    return utterances


def _utterances(path: Path, found: dict[str, list[Any]], stream: BinaryIO) -> Iterator[Utterance]:
    for name, split in SPLITS.items():
        for number, entry in enumerate(found[name]):
            try:
                yield _utterance(entry, split, stream)
            except (ValueError, TypeError, IndexError) as error:
                raise DataError(
                    f"{path}: entry {number} of {name!r} is no utterance ({error!s:.200}); expected ((words, visual, "
                    "acoustic), label, segment) with a row of each for every word. Get the published file."
                ) from error


def _utterance(entry: Any, split: str, stream: BinaryIO) -> Utterance:
    (words, visual, acoustic), label, segment = entry
    words = [_text(word) for word in words]
    rows = [_array(values, stream) for values in (visual, acoustic)]
    if not words or any(values.ndim != 2 or len(values) != len(words) for values in rows):
        raise ValueError(f"{len(words)} words, rows {[values.shape for values in rows]}")
    score = float(_array(label, stream).reshape(())) if isinstance(label, StoredArray) else float(label)
    if not np.isfinite(score):
        raise ValueError(f"a label of {score}")
    return Utterance(words, rows[0], rows[1], score, _text(segment), split)


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if not isinstance(value, str):
        raise TypeError(f"a {type(value).__name__} where text belongs")
    return value


def _array(value: Any, stream: BinaryIO) -> np.ndarray:
    if not isinstance(value, StoredArray) or value.dtype.kind not in "fiu":
        raise TypeError(f"a {type(value).__name__} where numbers belong")
    found = value.read(stream)
    return found.reshape(()) if found.size == 1 and found.ndim < 2 else found.astype(np.float32, copy=False)
