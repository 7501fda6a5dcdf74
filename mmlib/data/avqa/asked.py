"""Questions on clips as a prepared folder holds them: index, ids of words, answers; and what is read back from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mmlib.data.avqa.questions import Question
from mmlib.data.avqa.tokens import Rule, build_vocabulary, encode, question_words
from mmlib.data.prepared import SPLITS, Prepared
from mmlib.errors import DataError

MODALITIES = {"audio": "features", "visual": "features", "question": "tokens"}  # how each array is shown
CODES = {"train": "train", "validation": "val", "test": "test"}  # of splits, in names of files and ids


@dataclass(frozen=True)
class Asked:
    """N questions on M clips: `index` columns (N,), `tokens` (N, L) int32, `videos` the name of each item."""

    index: dict[str, np.ndarray]
    tokens: np.ndarray
    vocabulary: list[str]
    answers: list[str]
    videos: list[str]

    @property
    def source(self) -> dict[str, Any]:
        """What the manifest's source says of them."""
        return {"modalities": MODALITIES, "vocabulary": self.vocabulary}


def ask(
    questions: Sequence[Question], rule: Rule, answers: Sequence[str] | None = None, videos: Sequence[str] | None = None
) -> Asked:
    """Questions in the order of their splits, as listed within each.

    `answers`: the classes; those of training as they first appear unless given. `videos`: the items in order; as they
    first appear unless given. Raises `DataError`: an answer or (rule `published`) a word that training lacks, no
    training question.
    """
    ordered = [question for split in SPLITS for question in questions if question.split == split]
    training = [question for question in ordered if question.split == "train"]
    if not training:
        raise DataError("there is no training question, so no word and no answer is known. Get the training file.")
    answers = list(dict.fromkeys(question.answer for question in training)) if answers is None else list(answers)
    videos = list(dict.fromkeys(question.video for question in ordered)) if videos is None else list(videos)
    words = [question_words(q.content, q.values, rule, q.where) for q in ordered]
    vocabulary = build_vocabulary(words[: len(training)], rule)
    item = {video: number for number, video in enumerate(videos)}
    index = {
        "id": [f"{CODES[q.split]}-{q.number}" for q in ordered],
        "label": _labels(ordered, answers),
        "split": [q.split for q in ordered],
        "group": [q.video for q in ordered],
        "item": [item[q.video] for q in ordered],
        "modality": [q.modality for q in ordered],
        "type": [q.type for q in ordered],
        "question_id": [q.number for q in ordered],
        "text": [" ".join(spoken) + "?" for spoken in words],
    }
    columns = {name: np.asarray(values) for name, values in index.items()}
    return Asked(columns, encode(words, vocabulary, [q.where for q in ordered]), vocabulary, answers, videos)


def _labels(questions: Sequence[Question], answers: Sequence[str]) -> list[int]:
    number = {answer: place for place, answer in enumerate(answers)}
    unknown = next((q for q in questions if q.answer not in number), None)
    if unknown is not None:
        count = sum(q.answer not in number for q in questions)
        raise DataError(
            f"{unknown.where}: no training question has the answer {unknown.answer!r}, so it cannot be learned "
            f"({count:,} such questions). Use the training file of the same release, or correct the record."
        )
    return [number[q.answer] for q in questions]


def question_types(prepared: Prepared) -> np.ndarray:
    """The type of every row, `(N,)`, such as "Audio Counting"; `QUESTION_TYPES` holds them in the table's order."""
    pairs = zip(prepared.index["modality"].tolist(), prepared.index["type"].tolist(), strict=True)
    return np.array([f"{modality} {kind}" for modality, kind in pairs])


def vocabulary(prepared: Prepared) -> list[str]:
    """The word of every token id, `<pad>` first. Raises `DataError` for a folder that holds no questions."""
    words = prepared.manifest["source"].get("vocabulary")
    if not words:
        raise DataError(f"{prepared.folder} holds no vocabulary of questions. Prepare it again.")
    return words
