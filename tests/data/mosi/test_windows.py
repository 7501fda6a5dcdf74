"""Utterances as sequences: order, histories, labels, replaced steps, damaged files."""

from __future__ import annotations

import numpy as np
import pytest

from mmlib.data.mosi.windows import LIMIT, histories, labels_of, replace_steps
from mmlib.data.prepared import open_prepared
from mmlib.data.registry import missing, prepare
from mmlib.errors import DataError, ParameterError

VIDEOS = 18  # of 3 utterances each, 6 of them test


def write(path, **changed):
    rng = np.random.default_rng(0)
    count = 3 * VIDEOS
    order = rng.permutation(count)  # a file need not be in order
    video = np.repeat(np.arange(VIDEOS), 3)
    arrays = {
        "text": rng.standard_normal((count, 4)).astype(np.float32) + video[:, None],
        "audio": rng.standard_normal((count, 3)).astype(np.float32),
        "video": np.ones((count, 2), np.float32),
        "label": (np.arange(count) % 2).astype(np.int8),
        "is_test": video >= 12,
        "video_id": np.array([f"v{number:02d}" for number in video]),
        "position": np.tile([1, 2, 10], VIDEOS).astype(np.int16),
    }
    arrays["names"] = np.array([f"{v}_{p}" for v, p in zip(arrays["video_id"], arrays["position"], strict=True)])
    arrays["transcript"] = np.array([f"SAYS {name}" for name in arrays["names"]])
    arrays = {name: values[order] for name, values in (arrays | changed).items()}
    path.parent.mkdir(exist_ok=True)
    np.savez(path, **arrays)
    return arrays


@pytest.fixture
def root(tmp_path):
    write(tmp_path / "root" / "mosi" / "mosi_utterance.npz")
    return tmp_path / "root"


@pytest.fixture(autouse=True)
def _folder(tmp_path):
    (tmp_path / "root").mkdir()


def prepared(root, tmp_path, **options):
    return open_prepared(prepare("mosi_windows", data_root=root, store=tmp_path / "store", options=options))


def test_each_utterance_comes_with_those_before_it(root, tmp_path):
    found = prepared(root, tmp_path, window=2)
    index, text = found.index, found.arrays["text"]
    assert index["id"].tolist()[:4] == ["v00_1", "v00_2", "v00_10", "v01_1"]
    assert index["steps"].tolist()[:4] == [1, 2, 2, 1]
    np.testing.assert_array_equal(text[1, 1], text[0, 0])
    np.testing.assert_array_equal(text[2, 1], text[1, 0])
    assert not text[0, 1].any()
    assert index["transcript"][2] == "SAYS v00_10"
    assert not found.arrays["visual"].any()  # a column without a spread says nothing
    assert np.abs(found.arrays["text"]).max() <= LIMIT


def test_validation_is_made_of_whole_videos(root, tmp_path):
    index = prepared(root, tmp_path).index
    by_split = {split: set(index["group"][index["split"] == split]) for split in ("train", "validation", "test")}
    assert [len(by_split[split]) for split in ("train", "validation", "test")] == [2, 10, 6]
    assert not by_split["train"] & by_split["validation"]
    assert min(by_split["test"]) == "v12"


def test_histories_and_labels_by_hand():
    places, there = histories(np.array(["a", "a", "a", "b"]), 3)
    assert places[2].tolist() == [2, 1, 0]
    assert there.tolist() == [[True, False, False], [True, True, False], [True] * 3, [True, False, False]]
    labels = np.array([0, 1, 1, 0])
    assert labels_of(labels, places, there, "majority").tolist() == [0, 1, 1, 0]  # the second is a draw
    assert labels_of(labels, places, there, "utterance").tolist() == labels.tolist()


class TestReplaced:
    def test_rows_come_from_other_videos_of_the_split(self):
        videos = np.repeat([f"v{number}" for number in range(6)], 10)
        splits = np.repeat(["train", "test"], 30)
        features = np.repeat(np.arange(6.0), 10)[:, None]
        found, chosen = replace_steps(features, videos, splits, 0.3, np.random.default_rng(0))
        assert [int(chosen[videos == video].sum()) for video in np.unique(videos)] == [3] * 6
        assert (found[chosen] != features[chosen]).all()
        assert (found[~chosen] == features[~chosen]).all()
        assert ((found < 3) == (features < 3)).all()

    def test_places_are_marked_in_every_window_that_shows_them(self, root, tmp_path):
        found = prepared(root, tmp_path, window=3, replaced="audio", replaced_share=0.34)
        clean = prepared(root, tmp_path, window=3)
        noise, steps = found.arrays["audio_noise"].astype(bool), found.index["steps"]
        assert noise[:, 0].reshape(VIDEOS, 3).sum(axis=1).tolist() == [1] * VIDEOS
        assert noise[2, 1] == noise[1, 0]
        there = np.arange(3) < steps[:, None]
        same = (found.arrays["audio"] == clean.arrays["audio"]).all(axis=2)
        np.testing.assert_array_equal(same[there], ~noise[there])
        np.testing.assert_array_equal(found.arrays["text"], clean.arrays["text"])
        assert "text_noise" not in found.arrays

    def test_unknown_modality(self, root, tmp_path):
        with pytest.raises(ParameterError, match="name modalities among text, audio, visual"):
            prepared(root, tmp_path, replaced="video")


class TestFile:
    def test_missing(self, tmp_path):
        assert "mosi/mosi_utterance.npz is missing" in missing("mosi_windows", tmp_path)

    def test_pickled_objects_are_not_opened(self, tmp_path):
        path = tmp_path / "root" / "mosi" / "mosi_utterance.npz"
        write(path, transcript=np.array([{}] * 3 * VIDEOS, dtype=object))
        with pytest.raises(DataError, match="mosi_utterance.npz"):
            prepared(tmp_path / "root", tmp_path)

    def test_cut_short(self, root, tmp_path):
        path = root / "mosi" / "mosi_utterance.npz"
        path.write_bytes(path.read_bytes()[:500])
        with pytest.raises(DataError, match="mosi_utterance.npz"):
            prepared(root, tmp_path)
