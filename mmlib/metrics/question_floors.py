"""What can be answered without looking or listening: floors beside which the accuracy of an answer is read.

Paper says (MUSIC-AVQA, Li et al. 2022): a question-only network answers 54.09 % of the test questions.
We do: besides such a network two floors without any, which give answers that any accuracy can be taken of. The majority
answer of each question with its places filled, learned on questions other than those that are answered; and one answer
for all.
"""

from __future__ import annotations

import numpy as np

from mmlib.errors import UsageError


def constant_answer(answers: np.ndarray, count: int) -> np.ndarray:
    """The most frequent of `answers` (N,) int, `count` times; of several the lowest. Raises `UsageError` (none)."""
    return np.full(count, _most_frequent(answers))


def majority_answers(learned: np.ndarray, answers: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """For every question of `asked` (M,) the most frequent answer it had among `learned` (N,), `(M,)` int64.

    Args:
        learned: texts of questions, or anything else that says which are the same (any dtype that can be sorted).
        answers: (N,) int, the answer of each.
        asked: (M,) as `learned`. One that was never learned gets the answer that is most frequent of all.

    Of several answers as frequent it is the lowest. Raises `UsageError` where nothing is learned.
    """
    learned, answers, asked = np.asarray(learned), np.asarray(answers), np.asarray(asked)
    default = _most_frequent(answers)
    if learned.shape != answers.shape:
        raise UsageError(f"{len(learned)} questions for {len(answers)} answers: give one answer for each.")
    names, number = np.unique(learned, return_inverse=True)
    counts = np.zeros((len(names), int(answers.max()) + 1), np.int64)
    np.add.at(counts, (number, answers), 1)
    majority = counts.argmax(axis=1)
    place = np.minimum(np.searchsorted(names, asked), len(names) - 1)
    return np.where(names[place] == asked, majority[place], default)


def _most_frequent(answers: np.ndarray) -> int:
    answers = np.asarray(answers)
    if not len(answers):
        raise UsageError("a floor needs answers to learn from: give those of the training questions.")
    return int(np.bincount(answers).argmax())
