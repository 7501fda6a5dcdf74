"""MOSI's utterances: splits by whole videos, standardised by train; the known answers on the recordings themselves."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from mmlib.data.mosi_utterances import MODALITIES, VALIDATION, notes, standardised
from mmlib.data.prepared import check_prepared, open_prepared
from mmlib.data.registry import missing, prepare


def write_tiny(root, videos=17, each=3):
    """A root in the layout of the real one; the last four videos are test."""
    rng = np.random.default_rng(0)
    count = videos * each
    video = np.repeat([f"v{i:02d}" for i in range(videos)], each)[::-1]
    (root / "mosi").mkdir(parents=True)
    np.savez(
        root / "mosi" / "mosi_utterance.npz",
        names=np.array([f"u{i}" for i in range(count)]),
        video_id=video,
        position=np.tile(np.arange(each), videos).astype(np.int16),
        label=(np.arange(count) % 3 > 0).astype(np.int8),
        is_test=np.isin(video, [f"v{i:02d}" for i in range(videos - 4, videos)]),
        text=rng.standard_normal((count, 4)).astype(np.float32),
        audio=(300 + 50 * rng.standard_normal((count, 3))).astype(np.float32),
        video=np.zeros((count, 2), np.float32),
    )
    return root


def test_standardising_by_train_alone():
    values = np.array([[1.0, 5.0], [3.0, 5.0], [100.0, 7.0]])
    assert standardised(values, np.array([True, True, False])).tolist() == [[-1, 0], [1, 0], [98, 2]]


def test_a_small_copy(tmp_path):
    assert "mosi_utterance.npz is missing" in missing("mosi_utterances", tmp_path)
    folder = prepare("mosi_utterances", data_root=write_tiny(tmp_path / "root"), store=tmp_path / "store")
    assert check_prepared(folder) == []
    prepared = open_prepared(folder)
    groups = {split: set(prepared.index["group"][prepared.rows(split)]) for split in ("train", "validation", "test")}
    assert [len(groups[split]) for split in groups] == [17 - 4 - VALIDATION, VALIDATION, 4]
    assert not groups["train"] & groups["test"]
    assert np.abs(prepared.arrays["audio"][prepared.rows("train")].mean(axis=0)).max() < 1e-6
    assert np.array_equal(prepared.index["position"], np.tile(np.arange(3), 17))


def test_the_linear_model_gives_the_known_answers(data_root, tmp_path):
    """Accuracy of every subset, features of the others at zero; exact, as the model is convex and the data fixed."""
    linear = pytest.importorskip("sklearn.linear_model")
    reason = missing("mosi_utterances", data_root)
    if reason:
        pytest.skip(reason)
    prepared = open_prepared(prepare("mosi_utterances", data_root=data_root, store=tmp_path))
    index, labels = prepared.index, prepared.labels
    assert prepared.manifest["splits"]["test"] == 752
    assert [len(np.unique(index["group"][prepared.rows(s)])) for s in ("train", "validation", "test")] == [52, 10, 31]
    test, train = index["split"] == "test", index["split"] != "test"
    assert train.sum() == 1447
    features = {m: standardised(prepared.arrays[m], train) for m in MODALITIES}
    joined = np.concatenate(list(features.values()), axis=1)
    model = linear.LogisticRegression(C=0.01, max_iter=5000).fit(joined[train], labels[train])
    edges = np.cumsum([0, *(values.shape[1] for values in features.values())])
    parts = {m: features[m] @ model.coef_[0, a:b] for m, a, b in zip(features, edges[:-1], edges[1:], strict=True)}

    def right(*shown):
        return ((sum(parts[m] for m in shown) + model.intercept_[0] > 0) == labels)[test]

    found = {shown: right(*shown).mean() for r in (1, 2, 3) for shown in combinations(MODALITIES, r)}
    expected = [0.757, 0.492, 0.524, 0.753, 0.778, 0.520, 0.767]
    assert list(found.values()) == pytest.approx(expected, abs=0.0015)
    assert notes(prepared) == ["always 'positive' is right for 62.1 % of test."]
