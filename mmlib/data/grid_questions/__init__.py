"""GRID questions: eight types of questions on clips of ten slots, put together from spoken and mouthed digits.

Source: GRID corpus, speaker 1 (Cooke et al. 2006). A small real set, composed from real recordings and no natural
scenes: its numbers say nothing of MUSIC-AVQA, whose form it has.

We do: a clip has ten slots of 0.4 s; a slot holds the voice of a digit, the lips of one, both, or nothing. Voice and
lips of a slot come from two recordings drawn apart, so that they share the digit or not, and nothing else. Recordings
are divided 800 / 100 / 100 (`grid_words.clip_splits`), and a clip is put together from those of its own split. `slots`
draws clips and asks, so that every answer is known; `features` makes what a network sees; `media` gives a person the
sound and the pictures back. Of `train_questions` (a multiple of 64) an eighth more are asked of validation and a
quarter of test, all types equally often; about 1.7 questions share a clip.

Arrays by item, beside those that `mmlib.data.avqa` names: `heard` and `mouthed` (items, 10) int8, the digit of each
slot or -1, and `heard_clip`, `mouthed_clip` (items, 10) int16, the recordings they are of.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mmlib.data.avqa.asked import ask, question_types
from mmlib.data.features.checks import check_storage
from mmlib.data.grid_questions import features, slots
from mmlib.data.grid_words import ARCHIVE, FOLDER, clip_splits, inputs, missing, read_archive
from mmlib.data.prepared import SPLITS, Prepared, PreparedWriter
from mmlib.data.ranges import narrowed
from mmlib.errors import ParameterError
from mmlib.metrics.question_floors import majority_answers

__all__ = ["LAYOUT", "SHARES", "inputs", "missing", "notes", "prepare_folder"]

LAYOUT = 2  # raise when the same options would write other content
SHARES = {"train": 1.0, "validation": 1 / 8, "test": 1 / 4}  # questions, in those of train
CHUNK = 500  # clips put together at a time


def prepare_folder(folder: Path, root: Path, options: dict[str, Any], inputs_hash: str) -> Path:
    """Compute features of all digits, draw clips, ask, and write the prepared folder (half a minute).

    Raises `DataError`, `ParameterError` for an option out of range.
    """
    import soundfile

    check_storage("grid_questions", options["storage"])
    if options["train_questions"] < 64 or options["train_questions"] % 64:
        raise ParameterError(
            f"grid_questions: train_questions is {options['train_questions']}; it must be a multiple of 64, so that "
            "all types are asked equally often in every split."
        )
    archive = root / FOLDER / ARCHIVE
    tokens = features.digit_tokens(archive)  # (clips, 4)
    digit = features.digits_of(archive, tokens)
    split = clip_splits(len(read_archive(archive, "names")), options["seed"])
    drawn, questions = draw(digit, split, options["train_questions"], options["seed"])
    asked = ask(questions, "published", slots.ANSWERS, drawn.names)
    encoded = features.encode(root, tokens, split == "train")
    with PreparedWriter(folder, dataset="grid_questions", classes=asked.answers, replace=True) as writer:
        for name, values in encoded.items():
            shape = (len(drawn), slots.SLOTS, *values.shape[1:])
            array = writer.array(name, shape, options["storage"], by_item=True)
            chosen = drawn.heard_clip if name == "audio" else drawn.mouthed_clip
            for first in range(0, len(drawn), CHUNK):
                rows = slice(first, first + CHUNK)
                array[rows] = narrowed(features.in_slots(values, chosen[rows]), array.dtype, f"{name} of the digits")
        writer.array("question", asked.tokens.shape, asked.tokens.dtype)[...] = asked.tokens
        for name, values in drawn.arrays.items():
            writer.array(name, values.shape, values.dtype, by_item=True)[...] = values
        return writer.finish(
            index=asked.index,
            source={"layout": LAYOUT, "inputs_sha256": inputs_hash, **asked.source, **options},
            versions={"soundfile": soundfile.__version__, "libsndfile": soundfile.__libsndfile_version__},
        )


def draw(digit: np.ndarray, split: np.ndarray, count: int, seed: int) -> tuple[slots.Slots, list[slots.Question]]:
    """Clips and questions of all splits: `count` questions of train, the shares of `SHARES` of the others.

    `digit` and `split` (recordings,): what is said in each, and where it belongs. Items are by split, as drawn.
    """
    parts, questions = [], []
    for number, name in enumerate(SPLITS):
        recordings = [np.flatnonzero((split == name) & (digit == value)) for value in range(len(slots.DIGITS))]
        each = round(count * SHARES[name]) // len(slots.ASKING)
        rng = np.random.default_rng([seed, 6, number])
        part = slots.draw_slots(rng, each, name).filled(rng, recordings)
        questions += slots.ask_about(rng, part, each, name, len(questions))
        parts.append(part)
    return slots.Slots.joined(parts), questions


def notes(prepared: Prepared) -> list[str]:
    """What is composed, how many questions share a clip, and what can be answered without it; a sentence each."""
    text, label, train, test = prepared.index["text"], prepared.labels, prepared.rows("train"), prepared.rows("test")
    right = majority_answers(text[train], label[train], text[test]) == label[test]
    types = question_types(prepared)[test]
    floors = ", ".join(f"{kind} {right[types == kind].mean():.3f}" for kind in slots.TYPES)
    items = len(prepared.arrays["heard"])
    return [
        "clips are composed from recordings of single digits: no natural scenes",
        f"{len(prepared):,} questions on {items:,} clips, {len(prepared) / items:.1f} each",
        f"blind floor on test, the answer each question most often has in train: {right.mean():.3f} ({floors})",
    ]
