"""Questions as MUSIC-AVQA writes them: one record, and the nine types in the order of the published table."""

from __future__ import annotations

import ast
import json
from dataclasses import dataclass
from typing import Any

from mmlib.errors import DataError
from mmlib.metrics.question_answering import ABOUT, TYPES

MODALITIES = tuple(ABOUT.values())
QUESTION_TYPES = tuple(" ".join(kind) for kind in TYPES.values())  # in the order of the published table
FIELDS = ("video_id", "question_id", "type", "question_content", "templ_values", "anser")  # anser: as published
AGAIN = "Get the file again, or correct the record."


@dataclass(frozen=True)
class Question:
    """One question on a clip. `values` fill the places of `content`; `where` is file and record, for messages."""

    split: str
    number: int
    video: str
    modality: str
    type: str
    content: str
    values: tuple[str, ...]
    answer: str
    where: str

    @property
    def record(self) -> dict[str, Any]:
        """The record as a published file holds it."""
        return {
            "video_id": self.video,
            "question_id": self.number,
            "type": json.dumps([self.modality, self.type]),
            "question_content": self.content,
            "templ_values": json.dumps(list(self.values)),
            "question_deleted": 0,
            "anser": self.answer,
        }


def read_record(record: Any, split: str, file: str, place: int) -> Question:
    """A question from record number `place` of a file. Raises `DataError`: a field that is missing or malformed."""
    if not isinstance(record, dict):
        raise DataError(f"{file}, record {place}: {str(record)[:80]!r} is no record of a question. {AGAIN}")
    where = f"{file}, record {place}, question {record.get('question_id')}"
    answer = record.get("anser")
    if not isinstance(answer, str) or not answer.strip():
        raise DataError(f"{where}: it has no answer (anser is {answer!r}). {AGAIN}")
    lacking = next((name for name in FIELDS if not _there(record.get(name))), None)
    if lacking is not None:
        raise DataError(f"{where}: {lacking} is missing or empty. {AGAIN}")
    if type(record["question_id"]) is not int:
        raise DataError(f"{where}: question_id is no whole number. {AGAIN}")
    kind = _listed(record["type"], "type", where)
    if " ".join(kind) not in QUESTION_TYPES:
        raise DataError(f"{where}: the type {kind} is none of the nine ({', '.join(QUESTION_TYPES)}). {AGAIN}")
    values = tuple(_listed(record["templ_values"], "templ_values", where))
    content = str(record["question_content"])
    video = str(record["video_id"])
    return Question(split, record["question_id"], video, kind[0], kind[1], content, values, answer, where)


def _there(value: Any) -> bool:
    return value is not None and bool(str(value).strip())


def _listed(text: Any, field: str, where: str) -> list[str]:
    """A list of words that a field holds as text, in JSON or as Python prints it; nothing of it is run."""
    value = text
    if isinstance(text, str):
        try:
            value = json.loads(text)
        except ValueError:
            try:
                value = ast.literal_eval(text)
            except (ValueError, SyntaxError, MemoryError, RecursionError):
                value = None
    if not isinstance(value, list) or not all(isinstance(part, str) for part in value):
        raise DataError(f"{where}: {field} is {str(text)[:80]!r}, expected a list of words as text. {AGAIN}")
    return value
