"""MUSIC-AVQA, original release of the questions (folder `json/`), which IEMF uses; counted in its files and logs."""

from __future__ import annotations

from mmlib.data.avqa.published import PublishedSet
from mmlib.data.avqa.questions import QUESTION_TYPES

__all__ = ["LAYOUT", "PUBLISHED", "inputs", "missing", "notes", "prepare_folder", "report"]

PUBLISHED = PublishedSet(
    "music_avqa",
    "json",
    questions={"train": 32087, "validation": 4595, "test": 9185},
    videos={"validation": 3815, "test": 6399},
    types={
        "validation": dict(zip(QUESTION_TYPES, (515, 299, 600, 614, 499, 635, 462, 557, 414), strict=True)),
        "test": dict(zip(QUESTION_TYPES, (1022, 601, 1199, 1228, 995, 1274, 927, 1115, 824), strict=True)),
    },
)
LAYOUT = PUBLISHED.layout
missing, inputs, prepare_folder = PUBLISHED.missing, PUBLISHED.inputs, PUBLISHED.prepare_folder
report, notes = PUBLISHED.report, PUBLISHED.notes
