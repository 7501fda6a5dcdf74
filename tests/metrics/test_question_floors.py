"""Floors of questions: by hand, ties, questions never learned, and accuracy on a set whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest

from mmlib.errors import UsageError
from mmlib.metrics.question_floors import constant_answer, majority_answers

LEARNED = np.array(["how many?", "is it?", "is it?", "how many?", "how many?", "is it?"])
ANSWERS = np.array([3, 0, 1, 2, 3, 1])


def test_one_answer_for_all():
    assert constant_answer(np.array([2, 0, 2, 1]), 3).tolist() == [2, 2, 2]
    assert constant_answer(ANSWERS, 1).tolist() == [1], "1 and 3 are as frequent: the lowest"


def test_majority_of_each_question():
    asked = np.array(["is it?", "how many?", "where is the cello in this long question?", "a", "is it?"])
    assert majority_answers(LEARNED, ANSWERS, asked).tolist() == [1, 3, 1, 1, 1]
    assert majority_answers(LEARNED[:2], ANSWERS[:2], asked[:2]).tolist() == [0, 3]


def test_ties_and_whole_numbers_for_questions():
    learned = np.array([7, 7, 5])
    assert majority_answers(learned, np.array([4, 2, 0]), np.array([7, 5, 6])).tolist() == [2, 0, 0]


def test_learning_on_other_questions_is_what_makes_it_a_floor():
    """Answers drawn at random: learned on themselves the majority looks better than the chance it is."""
    rng = np.random.default_rng(0)
    texts, answers = rng.integers(200, size=(2, 1000)).astype(str), rng.integers(10, size=(2, 1000))
    own = majority_answers(texts[0], answers[0], texts[0]) == answers[0]
    other = majority_answers(texts[0], answers[0], texts[1]) == answers[1]
    assert own.mean() > 0.3
    assert other.mean() == pytest.approx(0.1, abs=0.03)


def test_what_cannot_be_learned_is_said():
    with pytest.raises(UsageError, match="needs answers to learn from"):
        constant_answer(np.array([], int), 3)
    with pytest.raises(UsageError, match="3 questions for 2 answers"):
        majority_answers(np.array(["a", "b", "c"]), np.array([0, 1]), np.array(["a"]))
