"""What a slot is seen as, and what a person hears and sees of it; the real recordings where they are."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from mmlib.data import grid_questions, grid_words
from mmlib.data.avqa import question_types, vocabulary
from mmlib.data.grid_questions import features, media, slots
from mmlib.data.loading import load_data
from mmlib.data.prepared import SPLITS, check_prepared, open_prepared
from mmlib.data.registry import missing, notes, prepare
from mmlib.errors import DataError, ParameterError


def test_slots_take_the_features_of_their_recordings():
    values = 1 + np.arange(3 * 64 * 2, dtype=np.float32).reshape(3, 64, 1, 2)
    clips = np.array([[2, -1, 0, 0, -1, -1, -1, -1, -1, 1], [-1] * 10])
    found = features.in_slots(values, clips)
    assert (found.shape, found.dtype) == ((2, 10, 64, 1, 2), np.dtype(np.float32))
    for slot, clip in enumerate(clips[0]):
        np.testing.assert_array_equal(found[0, slot], values[clip] if clip >= 0 else 0)
    assert not found[1].any()
    np.testing.assert_array_equal(features.in_slots(values[:, :, 0, 0], clips), found[..., 0, 0])


def test_pieces_are_centred_and_long_ones_lose_both_ends():
    slot = np.zeros(6, np.int64)
    media._centre(slot, np.array([1, 2, 3]))
    assert slot.tolist() == [0, 1, 2, 3, 0, 0]
    media._centre(slot, np.arange(10))
    assert slot.tolist() == [2, 3, 4, 5, 6, 7]


def test_options_and_absence(tmp_path):
    assert "grid_s1_mouth24x36.npz is missing" in missing("grid_questions", tmp_path)
    options = {"train_questions": 8000, "storage": "float16", "seed": 0}
    for change, message in (
        ({"storage": "int8"}, "storage is 'int8'"),
        ({"train_questions": 100}, "train_questions is 100; it must be a multiple of 64"),
        ({"train_questions": 0}, "train_questions is 0"),
    ):
        with pytest.raises(ParameterError, match=message):
            grid_questions.prepare_folder(tmp_path / "x", tmp_path, options | change, "")


def test_other_data_sets_show_no_clips(tmp_path):
    with pytest.raises(DataError, match="holds synthetic_avqa, no clips that GRID"):
        media.read_clip(tmp_path, SimpleNamespace(dataset="synthetic_avqa", folder=tmp_path), 0)


@pytest.fixture(scope="module")
def real(data_root, tmp_path_factory):
    store = tmp_path_factory.mktemp("store")
    return open_prepared(prepare("grid_questions", data_root=data_root, store=store))


def test_counts_of_the_real_set(real):
    assert check_prepared(real.folder) == []
    assert real.manifest["splits"] == {"train": 8000, "validation": 1000, "test": 2000}
    assert real.classes == slots.ANSWERS
    assert len(vocabulary(real)) == 38
    items = len(real.arrays["heard"])
    shapes = {name: (array.shape, array.dtype.name) for name, array in real.arrays.items()}
    assert shapes == {
        "audio": ((items, 10, 64), "float16"),
        "visual": ((items, 10, 64, 2, 3), "float16"),
        "question": ((11_000, 11), "int32"),
        "heard": ((items, 10), "int8"),
        "mouthed": ((items, 10), "int8"),
        "heard_clip": ((items, 10), "int16"),
        "mouthed_clip": ((items, 10), "int16"),
    }
    groups = [set(real.index["group"][real.rows(split)].tolist()) for split in SPLITS]
    assert len(set.union(*groups)) == sum(map(len, groups)), "no clip is in two splits"
    assert set(question_types(real)) == set(slots.TYPES)
    assert real.origin == "recorded"
    lines = notes(real.folder)
    assert lines[0] == "clips are composed from recordings of single digits: no natural scenes"
    assert lines[1].startswith("11,000 questions on ")
    assert lines[2].startswith("blind floor on test, ")


def test_digits_of_the_recordings(real, data_root):
    """The truth says what the alignment says, and recordings are of the split of the clip."""
    archive = data_root / grid_words.FOLDER / grid_words.ARCHIVE
    tokens = features.digit_tokens(archive)
    digit = features.digits_of(archive, tokens)
    assert np.bincount(digit).tolist() == [100] * 10
    assert (tokens[:, 2] - tokens[:, 1]).max() <= 10_000
    for name in ("heard", "mouthed"):
        digits, clips = np.asarray(real.arrays[name]), np.asarray(real.arrays[f"{name}_clip"])
        there = clips >= 0
        np.testing.assert_array_equal(digit[clips[there]], digits[there])


def test_digits_are_learnable_from_a_slot(real):
    """A linear discriminant on train slots, as a linear probe: heard nearly always, mouthed mostly."""
    of_item = np.empty(len(real.arrays["heard"]), object)
    of_item[real.index["item"]] = real.index["split"]
    found = {}
    for name, truth in (("audio", "heard"), ("visual", "mouthed")):
        values = np.asarray(real.arrays[name], np.float32)[:, :, :63]
        values = values.mean(axis=(3, 4)) if name == "visual" else values
        digits = np.asarray(real.arrays[truth])
        level = np.asarray(real.arrays[name])[:, :, 63].reshape(*digits.shape, -1)
        np.testing.assert_array_equal(
            level, np.where(digits >= 0, features.LEVEL, 0)[:, :, None].repeat(level.shape[2], 2)
        )
        train, test = ((digits >= 0) & (of_item == split)[:, None] for split in ("train", "test"))
        means = np.stack([values[train][digits[train] == k].mean(axis=0) for k in range(10)])
        within = values[train] - means[digits[train]]
        weights = np.linalg.solve(within.T @ within / len(within) + 1e-3 * np.eye(63), means.T)
        scores = values[test] @ weights - 0.5 * np.sum(means.T * weights, axis=0)
        found[truth] = np.mean(scores.argmax(axis=1) == digits[test])
    assert found["heard"] > 0.9
    assert 0.6 < found["mouthed"] < found["heard"]


def test_a_clip_is_heard_and_seen(real, data_root):
    heard, mouthed = (np.asarray(real.arrays[name]) for name in ("heard", "mouthed"))
    item = int(np.argmax(((heard >= 0).sum(axis=1) == 3) & ((mouthed >= 0).sum(axis=1) == 2)))
    clip = media.read_clip(data_root, real, item)
    assert (clip.sound.shape, clip.sound.dtype, clip.rate) == ((64_000,), np.dtype(np.int16), 16_000)
    assert (clip.pictures.shape, clip.pictures.dtype) == ((100, 24, 36), np.dtype(np.uint8))
    np.testing.assert_array_equal(clip.heard, heard[item])
    loud = np.abs(clip.sound.reshape(10, -1).astype(np.int64)).max(axis=1)
    np.testing.assert_array_equal(loud > 0, clip.heard >= 0)
    bright = clip.pictures.reshape(10, -1).max(axis=1)
    np.testing.assert_array_equal(bright > 0, clip.mouthed >= 0)


def test_batches_of_the_real_set(real, data_root):
    values = {"data_root": str(data_root), "data_store": str(real.folder.parent), "data_seed": 0, "split": "official"}
    options = {"grid_train_questions": 8000, "feature_storage": "float16"}
    batch = load_data(SimpleNamespace(dataset="grid_questions", **values, **options))["test"][np.arange(3)]
    assert {name: (tuple(value.shape), value.dtype) for name, value in batch.inputs.items()} == {
        "audio": ((3, 10, 64), torch.float32),
        "visual": ((3, 10, 64, 2, 3), torch.float32),
        "question": ((3, 11), torch.int64),
    }
