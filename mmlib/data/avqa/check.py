"""What `mmlib data check` says of MUSIC-AVQA: questions by split and type beside published counts, words, answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mmlib.data.avqa import files
from mmlib.data.avqa.asked import question_types, vocabulary
from mmlib.data.avqa.conversion import is_generated, read_all
from mmlib.data.avqa.published import ANSWERS, WORDS, PublishedSet
from mmlib.data.avqa.questions import QUESTION_TYPES
from mmlib.data.avqa.tokens import PAD, UNKNOWN, question_words
from mmlib.data.prepared import SPLITS, Prepared
from mmlib.errors import DataError
from mmlib.metrics.question_floors import constant_answer, majority_answers

SHOWN = 5  # names listed one by one
STANDIN = "these clips are generated, a stand-in: a number obtained on them says nothing of the published set"


def report(published: PublishedSet, place: Path) -> list[str]:
    """What the published files in a folder hold, a sentence each; nothing where the questions are not all there.

    Features are not read beyond their names. Raises `DataError` for malformed files.
    """
    paths = files.question_files(place, published.release)
    if not all(path.is_file() for path in paths.values()):
        return []
    questions = read_all(place, published)
    columns = {name: np.array([getattr(q, name) for q in questions]) for name in ("split", "video", "answer")}
    types = np.array([f"{q.modality} {q.type}" for q in questions])
    training = [q for q in questions if q.split == "train"]
    words = [word for q in training for word in question_words(q.content, q.values, "published", q.where)]
    answers = list(dict.fromkeys(q.answer for q in training))
    lines = [STANDIN] if is_generated(questions[0].video) else []
    lines += describe(published, columns["split"], types, columns["video"], [PAD, *dict.fromkeys(words)], answers)
    unlearned = Counter(columns["answer"][~np.isin(columns["answer"], answers)].tolist())
    lines += [f"no training question is answered by {_few(list(unlearned))}: conversion refuses"] if unlearned else []
    return lines + [line for modality in files.FEATURES for line in _features(place, modality, set(columns["video"]))]


def notes(published: PublishedSet, prepared: Prepared) -> list[str]:
    """The same of a prepared folder, and what can be answered blindly. Raises `DataError` (not of this set)."""
    if not set(files.FEATURES) | {"question"} <= set(prepared.arrays) or "text" not in prepared.index:
        raise DataError(f"{prepared.folder}: its arrays are not those of {published.dataset}. Prepare it again.")
    visual, error = prepared.arrays["visual"], prepared.manifest["source"]["rounding_error"]
    cost = f"; {visual.dtype} costs a relative error of {error:.1e} per feature (root mean square)" if error else ""
    index = prepared.index
    return [
        *([STANDIN] if prepared.origin == "stand-in" else []),
        *describe(
            published,
            index["split"],
            question_types(prepared),
            index["group"],
            vocabulary(prepared),
            prepared.classes,
        ),
        *_floors(prepared),
        f"visual maps: {visual.dtype} {visual.shape}{cost}",
    ]


def describe(
    published: PublishedSet,
    split: np.ndarray,
    types: np.ndarray,
    video: np.ndarray,
    words: Sequence[str],
    answers: Sequence[str],
) -> list[str]:
    """Questions and videos by split, questions by type, beside published counts; words and answers; shared videos."""
    lines = []
    for name in SPLITS:
        inside = split == name
        told = published.types.get(name, {})
        found = {kind: int(np.sum(types[inside] == kind)) for kind in QUESTION_TYPES}
        questions = _beside(int(inside.sum()), published.questions.get(name))
        videos = _beside(len(np.unique(video[inside])), published.videos.get(name))
        lines.append(f"{name}: {questions} questions on {videos} videos")
        lines.append(f"{name}, by type: " + ", ".join(f"{k} {_beside(n, told.get(k))}" for k, n in found.items()))
    known = set(words) - {UNKNOWN}
    lines.append(f"{len(words)} words, {_compared(known, set(WORDS))}")
    lines.append(f"{len(answers)} answers, {_compared(set(answers), set(ANSWERS))}")
    for name in SPLITS[1:]:
        shared = np.isin(video[split == name], video[split == "train"])
        lines.append(f"{name}: {shared.sum():,} of {len(shared):,} questions are on videos that train asks about too")
    return lines


def _beside(found: int, told: int | None) -> str:
    return f"{found:,}" if told in (None, found) else f"{found:,} (published {told:,})"


def _compared(found: set[str], told: set[str]) -> str:
    """How names differ from the published ones."""
    lacking, other = sorted(told - found), sorted(found - told)
    if not lacking and not other:
        return "the published ones"
    parts = [f"{len(found & told)} of the {len(told)} published"]
    parts += [f"without {_few(lacking)}"] if lacking else []
    parts += [f"and {len(other)} others: {_few(other)}"] if other else []
    return ", ".join(parts)


def _few(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(repr(name) for name in names[:SHOWN]) + more


def _features(place: Path, modality: str, videos: set[str]) -> list[str]:
    where = files.features_place(place, modality)
    if where is None:
        return []
    if not where.is_dir():
        return [f"{modality}: {where.name}, one file for all videos"]
    there = {path.stem for path in where.iterdir()}
    lacking = sorted(videos - there)
    if not lacking:
        return [f"{modality}: {where.name} has a file for every video"]
    return [f"{modality}: {where.name} lacks {len(lacking):,} of {len(videos):,} videos, such as {lacking[0]}"]


def _floors(prepared: Prepared) -> list[str]:
    """What test questions are worth that are answered without the clip."""
    text, label, train, test = prepared.index["text"], prepared.labels, prepared.rows("train"), prepared.rows("test")
    one = constant_answer(label[train], len(test))
    each = majority_answers(text[train], label[train], text[test])
    right = [100 * float(np.mean(answer == label[test])) for answer in (one, each)]
    return [
        f"blind floors on test: {right[0]:.2f} % for always {prepared.classes[one[0]]!r}, {right[1]:.2f} % for the "
        "answer each question most often has in train"
    ]
