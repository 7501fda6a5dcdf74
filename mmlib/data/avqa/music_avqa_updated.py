"""MUSIC-AVQA, corrected release of the questions (folder `json_update/`); features are those of the original."""

from __future__ import annotations

from mmlib.data.avqa.published import PublishedSet
from mmlib.data.avqa.questions import QUESTION_TYPES

__all__ = ["LAYOUT", "PUBLISHED", "inputs", "missing", "notes", "prepare_folder", "report"]

PUBLISHED = PublishedSet(
    "music_avqa_updated",
    "json_update",
    questions={"validation": 4568, "test": 9129},
    videos={},
    types={"test": dict(zip(QUESTION_TYPES, (1017, 594, 1197, 1225, 988, 1265, 920, 1101, 822), strict=True))},
)
LAYOUT = PUBLISHED.layout
missing, inputs, prepare_folder = PUBLISHED.missing, PUBLISHED.inputs, PUBLISHED.prepare_folder
report, notes = PUBLISHED.report, PUBLISHED.notes
