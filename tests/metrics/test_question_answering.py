"""Accuracies by type and modality: worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from mmlib.metrics.family import metric
from mmlib.metrics.question_answering import (
    ABOUT,
    TYPES,
    of_type,
    on_modality,
    question_floors,
    question_metric_names,
    question_metrics,
)

MODALITY = np.array(["Audio", "Audio", "Audio", "Audio-Visual", "Visual", "Audio-Visual"])
KIND = np.array(["Counting", "Counting", "Comparative", "Counting", "Location", "Temporal"])
RIGHT = np.array([1, 0, 1, 0, 1, 1], dtype=bool)


def test_questions_weigh_alike_and_types_weigh_alike():
    found = question_metrics(RIGHT, MODALITY, KIND)
    assert found["top1"] == pytest.approx(4 / 6)
    assert found["accuracy_on_audio"] == pytest.approx(2 / 3)  # not the mean of its types, 3/4
    assert found["accuracy_types"] == pytest.approx((0.5 + 1 + 0 + 1 + 1) / 5)
    assert found["accuracy_audio_counting"] == 0.5
    assert found["accuracy_audio_visual_counting"] == 0
    assert found["accuracy_on_audio_visual"] == 0.5


def test_names_and_their_unit():
    names = question_metric_names(MODALITY, KIND)
    assert set(names) == set(question_metrics(RIGHT, MODALITY, KIND))
    assert of_type("Audio-Visual", "Existential") == "accuracy_audio_visual_existential"
    assert on_modality("Audio-Visual") == "accuracy_on_audio_visual"
    for name in names:
        assert metric(name).known
        assert metric(name).unit.name == "percent"
        assert "alone" not in metric(name).title  # a type of question is no modality alone


def test_no_question_is_no_accuracy():
    empty = np.array([], dtype=str)
    assert question_metrics(np.array([]), empty, empty) == {"top1": None, "accuracy_types": None}


def test_floors_have_names_beside_those_of_accuracies():
    found = question_floors("majority", RIGHT, MODALITY, KIND)
    assert found["accuracy_majority"] == pytest.approx(4 / 6)
    assert found["accuracy_majority_on_audio"] == pytest.approx(2 / 3)
    assert found["accuracy_majority_audio_visual_counting"] == 0
    assert found["accuracy_majority_types"] == pytest.approx(0.7)
    assert all(metric(name).unit.name == "percent" for name in found)


def test_the_published_types_are_called_as_their_metrics():
    assert [of_type(*pair) for pair in TYPES.values()] == list(TYPES)
    assert [on_modality(name) for name in ABOUT.values()] == list(ABOUT)
