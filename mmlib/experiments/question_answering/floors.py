"""What answers without looking or listening are worth on the test questions, learned on the training questions."""

from __future__ import annotations

import numpy as np

from mmlib.data.dataset import MultimodalDataset
from mmlib.metrics.question_answering import question_floors
from mmlib.metrics.question_floors import constant_answer, majority_answers


def floor_metrics(train: MultimodalDataset, test: MultimodalDataset) -> dict[str, float | None]:
    """`accuracy_constant` and `accuracy_majority`, and both by modality and type (`question_floors`).

    Two questions are the same where all their tokens are: a template with its places filled.
    """
    learned, asked = asked_as(train, test)
    answers = {
        "constant": constant_answer(train.targets, len(test)),
        "majority": majority_answers(learned, train.targets, asked),
    }
    about = test.column("modality"), test.column("type")
    found: dict[str, float | None] = {}
    for name, given in answers.items():
        found |= question_floors(name, given == test.targets, *about)
    return found


def asked_as(train: MultimodalDataset, test: MultimodalDataset) -> tuple[np.ndarray, np.ndarray]:
    """A number for each training and each test question, the same where the tokens are."""
    tokens = train.prepared.arrays["question"]
    _, numbers = np.unique(np.concatenate([tokens[train.rows], tokens[test.rows]]), axis=0, return_inverse=True)
    numbers = numbers.reshape(-1)
    return numbers[: len(train)], numbers[len(train) :]
