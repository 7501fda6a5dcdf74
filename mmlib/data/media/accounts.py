"""What an index and a manifest of media say of the listed clips: columns, counts, and every clip that was skipped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mmlib.data.media.decode import COLUMNS
from mmlib.data.media.journal import Row
from mmlib.data.media.reasons import Reason
from mmlib.data.media.source import Clip, MediaSource
from mmlib.data.prepared_check import INDEX_COLUMNS

NOT_FOUND = {Reason.MISSING, Reason.WRONG_ID_FORM, Reason.DUPLICATE_ID, Reason.UNKNOWN_CLASS}


def listed_skips(source: MediaSource, decoded: Iterator[Row]) -> Iterator[dict[str, str]]:
    """Every listed clip that is not in the folder, in the order of the list; `decoded`: rows of the rest."""
    for clip in source.clips:
        if clip.problem is not None:
            reason, detail = clip.problem.value, clip.detail
        else:
            row = next(decoded)
            reason, detail = row.reason, row.detail
        if reason:
            yield {"id": clip.id, "split": clip.split, "reason": reason, "detail": detail}


def counts_of(source: MediaSource, kept: list[Row], skipped: list[dict[str, str]]) -> dict[str, int]:
    """Listed: rows of the lists. Found: those whose files were there. Decoded: rows of the folder.

    Of the decoded, how many are damaged in places, and how many have sound that silence was put into, if any.
    """
    placed = sum(any(name not in COLUMNS for name in row.columns) for row in kept)
    return {
        "listed": len(source.clips),
        "found": len(source.clips) - sum(entry["reason"] in NOT_FOUND for entry in skipped),
        "decoded": len(kept),
        "skipped": len(skipped),
        "decoded_with_damage": sum(row.columns["damaged"] > 0 for row in kept),
    } | ({"placed_by_time_stamps": placed} if placed else {})


def index_columns(clips: list[Clip], columns: list[Mapping[str, int | float]]) -> dict[str, list]:
    """The index: the four fixed columns, the reader's, then what decoding measured."""
    index: dict[str, list] = {name: [getattr(clip, name) for clip in clips] for name in INDEX_COLUMNS}
    for name in clips[0].columns:
        index[name] = [clip.columns[name] for clip in clips]
    for name in COLUMNS:
        index[name] = [entry[name] for entry in columns]
    return index
