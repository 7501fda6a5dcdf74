"""Metrics against scikit-learn on hostile inputs, and against values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as reference

from mmlib.metrics import classification as metrics

SCORES = np.array([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.4, 0.35, 0.25], [0.2, 0.3, 0.5], [0.5, 0.3, 0.2]])
LABELS = np.array([0, 1, 2, 2, 1])


def hostile(kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Scores (N, K) and labels (N,) of the kinds that break implementations."""
    generator = np.random.default_rng(0)
    scores, labels = generator.normal(size=(200, 7)), generator.integers(0, 7, 200)
    if kind == "ties":
        scores = scores.round()
    elif kind == "constant":
        scores = np.zeros_like(scores)
    elif kind == "absent":
        labels = generator.choice([0, 2, 5], 200)
    elif kind == "huge":
        scores = scores * 1e4
    elif kind == "one_class":
        labels = np.full(200, 3)
    elif kind == "float32_logits":
        scores = (scores * 30).astype(np.float32)
    return scores, labels


KINDS = ["plain", "ties", "constant", "absent", "huge", "one_class", "float32_logits"]


def test_golden_example():
    positives = metrics.one_hot(LABELS, 3)
    np.testing.assert_allclose(metrics.average_precision(SCORES, positives), [1, 0.75, 0.833333], atol=1e-6)
    expected = {"macro": 0.861111, "weighted": 0.833333, "micro": 0.738889, "samples": 0.766667}
    for average, value in expected.items():
        assert metrics.mean_average_precision(SCORES, LABELS, average) == (pytest.approx(value, abs=1e-6), 3)
    assert metrics.top1(SCORES, LABELS) == pytest.approx(0.6)


def test_confusion_by_hand():
    confusion = metrics.confusion_matrix(SCORES.argmax(1), LABELS, 3)
    np.testing.assert_array_equal(confusion, [[1, 0, 0], [1, 1, 0], [1, 0, 1]])
    assert metrics.macro_f1(confusion) == pytest.approx((1 / 2 + 2 / 3 + 2 / 3) / 3)


@pytest.mark.parametrize("kind", KINDS)
def test_average_precision_equals_scikit_learn(kind):
    scores, labels = hostile(kind)
    positives = metrics.one_hot(labels, 7)
    ours = metrics.average_precision(scores, positives)
    for column in range(7):
        if not positives[:, column].any():
            assert np.isnan(ours[column])
            continue
        expected = reference.average_precision_score(positives[:, column], scores[:, column])
        assert ours[column] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("average", ["macro", "weighted", "micro", "samples"])
def test_mean_average_precision_equals_scikit_learn(kind, average):
    scores, labels = hostile(kind)
    positives = metrics.one_hot(labels, 7)
    present = positives.any(axis=0)
    value, count = metrics.mean_average_precision(scores, labels, average)
    assert count == present.sum()
    columns = present if average in ("macro", "weighted") else slice(None)
    expected = reference.average_precision_score(positives[:, columns], scores[:, columns], average=average)
    assert value == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_accuracy_and_f1_equal_scikit_learn(kind):
    scores, labels = hostile(kind)
    predictions = scores.argmax(1)
    confusion = metrics.confusion_matrix(predictions, labels, 7)
    np.testing.assert_array_equal(confusion, reference.confusion_matrix(labels, predictions, labels=range(7)))
    assert metrics.top1(scores, labels) == reference.accuracy_score(labels, predictions)
    present = np.unique(labels)
    expected = reference.f1_score(labels, predictions, labels=present, average="macro", zero_division=0)
    assert metrics.macro_f1(confusion) == pytest.approx(expected, abs=1e-12)


def test_huge_logits_neither_overflow_nor_tie():
    logits = np.array([[900.0, 0.0, -900.0], [0.0, 800.0, 900.0], [950.0, 0.0, 1.0]], dtype=np.float32)
    labels = np.array([0, 2, 1])
    values = metrics.classification_metrics(logits, labels)
    assert all(np.isfinite(value) for value in values.values())
    assert values["loss"] == pytest.approx(950 / 3)
    log_probabilities = metrics.log_softmax(logits)
    assert np.exp(log_probabilities[:, 2])[0] == 0.0  # a probability would tie with others here
    assert np.isfinite(log_probabilities).all()


def test_loss_and_map_equal_scikit_learn_on_softmax():
    generator = np.random.default_rng(1)
    logits, labels = generator.normal(size=(150, 5)).astype(np.float32), generator.integers(0, 5, 150)
    probabilities = np.exp(metrics.log_softmax(logits))
    values = metrics.classification_metrics(logits, labels)
    assert values["loss"] == pytest.approx(reference.log_loss(labels, probabilities, labels=range(5)), abs=1e-9)
    expected = reference.average_precision_score(metrics.one_hot(labels, 5), probabilities, average="macro")
    assert values["map"] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_order_of_samples_does_not_matter(kind):
    scores, labels = hostile(kind)
    order = np.random.default_rng(2).permutation(len(labels))
    assert metrics.classification_metrics(scores[order], labels[order]) == pytest.approx(
        metrics.classification_metrics(scores, labels), rel=1e-12
    )


def test_batches_equal_the_whole():
    scores, labels = hostile("absent")
    parts = np.array_split(np.arange(200), 7)
    summed = sum(metrics.confusion_matrix(scores[part].argmax(1), labels[part], 7) for part in parts)
    np.testing.assert_array_equal(summed, metrics.confusion_matrix(scores.argmax(1), labels, 7))
    gathered = np.concatenate([scores[part] for part in parts])
    assert metrics.classification_metrics(gathered, labels) == metrics.classification_metrics(scores, labels)


def test_weighted_f1_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    predicted, targets = rng.integers(4, size=200), rng.integers(3, size=200)
    confusion = metrics.confusion_matrix(predicted, targets, 4)
    expected = reference.f1_score(targets, predicted, average="weighted")
    assert metrics.weighted_f1(confusion) == pytest.approx(expected)
