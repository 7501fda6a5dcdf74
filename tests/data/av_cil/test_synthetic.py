"""The generated incremental set: its form, what its knobs do, and that each modality tells what it is said to."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mmlib.data.av_cil.generator import CHUNK, OPTIONS, Generator, task_blocks
from mmlib.data.catalogue import DATASETS
from mmlib.data.loading import load_data
from mmlib.data.prepared import check_prepared, open_prepared
from mmlib.data.registry import prepare
from mmlib.errors import ParameterError

SMALL = {"train_clips": 6, "validation_clips": 2, "test_clips": 3}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return prepare("synthetic_incremental", data_root=None, store=tmp_path_factory.mktemp("incremental"), options=SMALL)


def rendered(generator):
    """Features of all clips by modality."""
    chunks = [features for _, features in generator.chunks()]
    return {name: np.concatenate([features[name] for features in chunks]) for name in ("audio", "visual")}


def test_is_a_sound_prepared_folder_of_these_shapes(folder):
    assert check_prepared(folder) == []
    prepared = open_prepared(folder)
    assert {name: (array.shape, array.dtype.name) for name, array in prepared.arrays.items()} == {
        "audio": ((132, 32), "float32"),
        "visual": ((132, 4, 6, 32), "float16"),
    }
    assert [len(prepared.rows(split)) for split in ("train", "validation", "test")] == [72, 24, 36]
    assert prepared.manifest["source"]["tasks"] == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9, 10, 11]]
    assert np.array_equal(prepared.index["task"], prepared.labels // 3)
    assert prepared.origin == "generated"
    for split, count in (("train", 6), ("validation", 2), ("test", 3)):
        assert np.bincount(prepared.labels[prepared.rows(split)]).tolist() == [count] * 12


def test_batches_are_float_vectors_and_tokens(folder, settings):
    options = {f"synthetic_{name}": value for name, value in OPTIONS.items() if name != "seed"}
    options |= {f"synthetic_{name}": value for name, value in SMALL.items()}
    parameters = settings(dataset="synthetic_incremental", **options)
    assert set(DATASETS["synthetic_incremental"].options) - set(OPTIONS) == {"storage"}
    batch = load_data(parameters)["train"][np.array([3, 0])]
    assert {name: (tuple(value.shape), value.dtype) for name, value in batch.inputs.items()} == {
        "audio": ((2, 32), torch.float32),
        "visual": ((2, 4, 6, 32), torch.float32),
    }
    stored = open_prepared(folder).arrays["visual"][[3, 0]]
    np.testing.assert_array_equal(batch.inputs["visual"].numpy(), stored.astype(np.float32))


@pytest.mark.parametrize("similarity", [0.0, 0.3, 1.0])
def test_similarity_is_the_cosine_of_counterparts(similarity):
    generator = Generator(OPTIONS | {"similarity": similarity})
    place = np.arange(12) % 3
    expected = np.where(place[:, None] == place[None, :], similarity, 0) + (1 - similarity) * np.eye(12)
    for prototypes in generator.prototypes.values():
        np.testing.assert_allclose(prototypes @ prototypes.T, expected, atol=1e-6)


def test_more_classes_than_channels_have_unit_prototypes_all_the_same():
    generator = Generator(OPTIONS | {"channels": 8, "similarity": 1.0})
    for prototypes in generator.prototypes.values():
        np.testing.assert_allclose(np.linalg.norm(prototypes, axis=1), 1, rtol=1e-6)
        np.testing.assert_allclose(prototypes[:3], prototypes[9:], atol=1e-6)  # counterparts are the same
        assert np.abs((prototypes[:3] @ prototypes[:3].T)[~np.eye(3, dtype=bool)]).max() < 0.99


def test_steps_of_unequal_size_take_every_class_once():
    assert task_blocks(5, 3) == [[0, 1], [2, 3], [4]]
    assert task_blocks(4, 1) == [[0, 1, 2, 3]]
    generator = Generator(OPTIONS | {"classes": 5, "steps": 3, "similarity": 1.0})
    prototypes = generator.prototypes["audio"]
    np.testing.assert_allclose(prototypes @ prototypes[0], [1, 0, 1, 0, 1], atol=1e-6)


def test_audio_is_the_prototype_at_its_strength_in_noise_of_deviation_one():
    loud = rendered(Generator(OPTIONS | SMALL | {"audio_strength": 1000.0}))["audio"]
    generator = Generator(OPTIONS | SMALL)
    label = generator.clips.label
    along = np.sum(loud * generator.prototypes["audio"][label], axis=1)
    assert 690 < along.min() < 750
    assert 1250 < along.max() < 1310
    residual = loud - along[:, None] * generator.prototypes["audio"][label]
    assert residual.std() == pytest.approx(np.sqrt(31 / 32), rel=0.03)


def test_object_is_seen_at_a_third_of_the_positions_in_consecutive_steps():
    visual = rendered(Generator(OPTIONS | SMALL | {"visual_strength": 1000.0, "time": 5}))["visual"]
    shown = np.linalg.norm(visual, axis=-1) > 100  # (N, T, P)
    time, place = shown.any(axis=2), shown.any(axis=1)
    np.testing.assert_array_equal(shown, time[:, :, None] & place[:, None, :])
    np.testing.assert_array_equal(place.sum(axis=1), 2)
    assert set(time.sum(axis=1)) == {3, 4, 5}
    edges = np.abs(np.diff(np.pad(time.astype(int), ((0, 0), (1, 1))), axis=1)).sum(axis=1)
    np.testing.assert_array_equal(edges, 2)  # it comes once and goes once


def test_modalities_are_told_apart_and_complete_each_other():
    """Nearest class mean on test clips: far above chance alone, better together; counterparts make it harder."""

    def accuracy(similarity):
        generator = Generator(OPTIONS | {"similarity": similarity})
        features, clips = rendered(generator), generator.clips
        inputs = {"audio": features["audio"], "visual": 4 * features["visual"].mean(axis=(1, 2))}
        inputs["both"] = np.concatenate(list(inputs.values()), axis=1)
        train, test, found = clips.split == "train", clips.split == "test", {}
        for name, values in inputs.items():
            means = np.stack([values[train & (clips.label == k)].mean(axis=0) for k in range(12)])
            distance = ((values[test][:, None] - means) ** 2).sum(axis=2)
            found[name] = np.mean(distance.argmin(axis=1) == clips.label[test])
        return found

    found, harder = accuracy(0.5), accuracy(0.9)
    assert 0.5 < found["visual"] < found["audio"] < found["both"]
    assert found["both"] > 0.9
    assert harder["both"] < found["both"] - 0.1


def test_same_seed_same_numbers_whatever_is_read_before():
    chunks = list(Generator(OPTIONS | SMALL).chunks())
    again = {rows.start: features for rows, features in Generator(OPTIONS | SMALL).chunks()}
    assert [rows.start for rows, _ in chunks] == list(range(0, 132, CHUNK))
    for rows, features in chunks:
        np.testing.assert_array_equal(features["visual"], again[rows.start]["visual"])
    other = next(Generator(OPTIONS | SMALL | {"seed": 1}).chunks())[1]
    assert not np.array_equal(other["audio"], chunks[0][1]["audio"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"classes": 1}, "classes is 1: it must lie between 2 and 1000"),
        ({"steps": 13}, "steps is 13: it must lie between 1 and 12"),
        ({"similarity": 1.5}, "similarity is 1.5"),
        ({"train_clips": 0}, "train_clips is 0"),
        ({"storage": "int8"}, "storage is 'int8'"),
    ],
)
def test_options_out_of_range(tmp_path, options, message):
    with pytest.raises(ParameterError, match=message):
        prepare("synthetic_incremental", data_root=None, store=tmp_path, options=options)
