"""AVE's `Annotations.txt`: one clip per line, `category&video id&quality&onset&offset`, times in whole seconds.

Two copies are in circulation, with a header line and without; both are read. Category names hold commas and
parentheses, so `&` is the only separator. The line number (header apart) is the sample number of every other file.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmlib.data.ave.classes import EVENTS, SEGMENTS
from mmlib.data.ave.labels import segment_classes
from mmlib.errors import DataError

FIELDS = ("category", "video id", "quality", "onset", "offset")


@dataclass(frozen=True)
class Annotations:
    """All clips: class `label` (N,), `video` (N,) str, event from `onset` (N,) to before `offset` (N,), seconds."""

    label: np.ndarray
    video: np.ndarray
    onset: np.ndarray
    offset: np.ndarray

    def __len__(self) -> int:
        return len(self.label)

    @property
    def segments(self) -> np.ndarray:
        """Class of every one-second segment, `(N, 10)` int64; 28 is background."""
        return segment_classes(self.label, self.onset, self.offset)


def read_annotations(path: str | Path) -> Annotations:
    """Read the file. Raises `DataError` with line, what was found and what was expected."""
    path = Path(path)
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{path} cannot be read ({reason}). Get AVE's Annotations.txt again.") from error
    numbered = [(number, line.split("&")) for number, line in enumerate(lines, 1) if line.strip()]
    if numbered and _is_header(numbered[0][1]):
        numbered = numbered[1:]
    if not numbered:
        raise DataError(f"{path} has no lines of annotations. Get AVE's Annotations.txt again.")
    clips = [_clip(path, number, fields) for number, fields in numbered]
    label, video, onset, offset = zip(*clips, strict=True)
    return Annotations(np.array(label), np.array(video), np.array(onset), np.array(offset))


def _is_header(fields: list[str]) -> bool:
    """The dataset's own archive starts its copy with column names, `VideoID` among them."""
    return len(fields) == len(FIELDS) and not fields[3].strip().isdigit() and fields[0].strip() not in EVENTS


def _clip(path: Path, number: int, fields: list[str]) -> tuple[int, str, int, int]:
    if len(fields) != len(FIELDS):
        raise _malformed(path, number, f"{len(fields)} fields, expected 5 ({'&'.join(FIELDS)})")
    category, video, _, onset, offset = (field.strip() for field in fields)
    if category not in EVENTS:
        raise _malformed(path, number, f"category {category!r} is none of AVE's 28 events")
    if not video:
        raise _malformed(path, number, "the video id is empty")
    if not (onset.isascii() and onset.isdigit() and offset.isascii() and offset.isdigit()):
        raise _malformed(path, number, f"onset {onset!r} and offset {offset!r} must be whole seconds")
    if not 0 <= int(onset) <= int(offset) <= SEGMENTS:
        raise _malformed(path, number, f"the event from {onset} to {offset} s does not lie within 0 to {SEGMENTS} s")
    return EVENTS.index(category), video, int(onset), int(offset)


def _malformed(path: Path, number: int, what: str) -> DataError:
    return DataError(f"{path} line {number}: {what}. Correct the line, or get AVE's Annotations.txt again.")


def write_annotations(path: Path, annotations: Annotations) -> None:
    """Write without a header, as the file in the authors' repository."""
    rows = zip(annotations.label, annotations.video, annotations.onset, annotations.offset, strict=True)
    lines = [f"{EVENTS[label]}&{video}&good&{onset}&{offset}\n" for label, video, onset, offset in rows]
    path.write_text("".join(lines), encoding="ascii")
