"""Why a listed clip is not in the prepared folder: the only words the manifest uses, each with its meaning."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """The reason a clip is skipped; its value stands in the manifest, `explain` says it in words."""

    MISSING = "missing"
    NO_AUDIO_STREAM = "no audio stream"
    NO_VIDEO_STREAM = "no video stream"
    TRUNCATED = "truncated"
    ZERO_LENGTH = "zero length"
    TOO_SHORT = "too short"
    TOO_LARGE = "too large"
    WRONG_ID_FORM = "wrong id form"
    DUPLICATE_ID = "duplicate id"
    UNKNOWN_CLASS = "unknown class"
    UNDECODABLE = "undecodable"
    TIME_LIMIT = "time limit"
    LFS_POINTER = "Git LFS pointer"

    @property
    def explain(self) -> str:
        return _EXPLAINED[self]


_EXPLAINED = {
    Reason.MISSING: "a file of the clip is not in the source",
    Reason.NO_AUDIO_STREAM: "the file holds no sound",
    Reason.NO_VIDEO_STREAM: "the file holds no pictures",
    Reason.TRUNCATED: "the file ends before what its own structure announces",
    Reason.ZERO_LENGTH: "an empty file, or one whose streams hold no sample or no frame",
    Reason.TOO_SHORT: "fewer frames or less sound than the preset needs",
    Reason.TOO_LARGE: "pictures or sound beyond what a decoder process may hold in memory",
    Reason.WRONG_ID_FORM: "the listed id does not have the data set's form",
    Reason.DUPLICATE_ID: "the id is listed more than once; the first row counts",
    Reason.UNKNOWN_CLASS: "the listed class is none of the data set's",
    Reason.UNDECODABLE: "no media file, or damaged inside",
    Reason.TIME_LIMIT: "decoding took longer than the limit for one clip",
    Reason.LFS_POINTER: "what Git LFS leaves in a file's place: run `git lfs pull` in its repository",
}


class SkippedClip(Exception):
    """Raised where a clip cannot be used: `reason`, and `detail` (one line: which file, what is wrong)."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason.value}: {detail}")
        self.reason, self.detail = reason, detail
