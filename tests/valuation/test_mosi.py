"""Three modalities of people (CMU-MOSI, by utterance), a head that is linear on all of them: the figures of D2."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch

from mmlib.valuation.contributions import contributions
from mmlib.valuation.resampling import copies_of
from mmlib.valuation.subsets import subset_scores

NAMES = ("text", "audio", "video")


@pytest.fixture(scope="module")
def valued(data_root):
    """Contributions to train and test of a logistic regression on the standardised features side by side."""
    linear_model = pytest.importorskip("sklearn.linear_model")
    with np.load(data_root / "mosi" / "mosi_utterance.npz", allow_pickle=False) as stored:
        features = np.concatenate([stored[name].astype(np.float64) for name in NAMES], axis=1)
        sizes, labels, test = [stored[name].shape[1] for name in NAMES], stored["label"], stored["is_test"].astype(bool)
    train = features[~test]
    scaled = (features - train.mean(axis=0)) / np.maximum(train.std(axis=0), 1e-12)
    scaled = np.where(train.std(axis=0) > 0, scaled, 0)
    model = linear_model.LogisticRegression(C=0.01, max_iter=2000).fit(scaled[~test], labels[~test])
    weight, bias = torch.from_numpy(model.coef_[0]), torch.from_numpy(model.intercept_)

    def head(kept):
        score = torch.cat([kept[name] for name in NAMES], dim=1) @ weight + bias
        return torch.stack([torch.zeros_like(score), score], dim=1)

    found = {}
    for split, rows in (("train", ~test), ("test", test)):
        parts = dict(zip(NAMES, torch.from_numpy(scaled[rows]).split(sizes, dim=1), strict=True))
        truth = torch.from_numpy(labels[rows].astype(np.int64))
        right = [scores.argmax(dim=1) == truth for _, scores in subset_scores(head, parts, affine=True)]
        found[split] = contributions(torch.stack(right, dim=1), NAMES)
    return found


def test_contributions_add_up_to_three_times_the_accuracy(valued):
    for found in valued.values():
        assert sum(found.means().values()) == Fraction(3 * int(found.correct[:, -1].sum()), len(found))


def test_accuracies_and_means_are_those_of_the_spec(valued):
    test, right = valued["test"], valued["test"].accuracies()
    expected = {("text",): 0.757, ("audio",): 0.492, ("video",): 0.524, ("text", "audio"): 0.753, NAMES: 0.767}
    expected |= {("text", "video"): 0.778, ("audio", "video"): 0.520}
    assert {subset: round(right[subset], 3) for subset in expected} == pytest.approx(expected, abs=0.003)
    means = {name: float(value) for name, value in test.means().items()}
    assert means == pytest.approx({"text": 1.0137, "audio": 0.6234, "video": 0.6647}, abs=0.01)
    assert right[("text",)] > right[("audio",)]
    means = {name: float(value) for name, value in valued["train"].means().items()}
    assert means == pytest.approx({"text": 1.1454, "audio": 0.8216, "video": 1.0123}, abs=0.01)


def test_copies_on_train(valued):
    assert len(valued["train"]) == 1447
    assert copies_of(valued["train"]).sum(axis=0).tolist() == pytest.approx([47, 687, 163], abs=8)
