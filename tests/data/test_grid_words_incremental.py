"""GRID words in steps: parts, components and tokens by hand, stratified splits; the real recordings where they are."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from mmlib.data import grid_words_incremental as grid
from mmlib.data.loading import load_data
from mmlib.data.prepared import SPLITS, check_prepared, open_prepared
from mmlib.data.registry import missing, prepare
from mmlib.errors import DataError, ParameterError

ARCHIVE = Path("archive.npz")


def clip_names(clips_of_a_letter=40):
    return np.array([f"bba{letter}{i % 10}{i // 10}" for letter in grid.LETTERS for i in range(clips_of_a_letter)])


def test_tasks_are_51_words_in_8_steps():
    assert [len(task) for task in grid.TASKS] == [10, 8, 8, 5, 5, 5, 5, 5]
    assert len({word for task in grid.TASKS for word in task}) == 51
    assert grid.TASKS[3] == ("a", "b", "c", "d", "e")
    assert grid.TASKS[-1] == ("u", "v", "x", "y", "z")


def test_every_letter_has_32_4_4_clips():
    names = clip_names()
    split = grid.stratified_splits(ARCHIVE, names, 0)
    letters = np.array([name[3] for name in names])
    for name, count in zip(SPLITS, (32, 4, 4), strict=True):
        assert set(np.unique(letters[split == name], return_counts=True)[1]) == {count}
        assert len(np.unique(letters[split == name])) == 25
    np.testing.assert_array_equal(split, grid.stratified_splits(ARCHIVE, names, 0))
    assert not np.array_equal(split, grid.stratified_splits(ARCHIVE, names, 1))
    with pytest.raises(DataError, match=r"archive.npz: 39 clips have the letter 'z', expected 40"):
        grid.stratified_splits(ARCHIVE, names[:-1], 0)


def test_parts_average_frames_by_their_shares():
    bands = np.arange(51, dtype=np.float32)[None, :, None].repeat(2, axis=0) * np.ones(40, np.float32)
    # 1280 samples are 8 hops and begin at sample 3360, hop 21: every part covers half of two frames. 640 samples begin
    # at hop 23; a part covers a half of one frame: [23.5, 24), [24, 24.5), [24.5, 25), ...
    parts = grid.averaged_parts(bands, np.array([1280, 640]))
    assert parts.shape == (2, 8, 40)
    np.testing.assert_allclose(parts[0, :, 7], 21.5 + np.arange(8))
    np.testing.assert_allclose(parts[1, :, 7], [23, 24, 24, 25, 25, 26, 26, 27])
    whole = grid.averaged_parts(bands, np.array([8000, 8000]))[0, :, 0]  # edges 0.5, 6.75, 13, ...
    assert whole[0] == pytest.approx((0.5 * 0 + 1 + 2 + 3 + 4 + 5 + 0.75 * 6) / 6.25)


def test_frames_are_the_centres_of_six_parts():
    mouth = np.arange(75, dtype=np.uint8).reshape(1, 75, 1, 1) * np.ones((1, 1, 24, 36), np.uint8)
    frames = grid.cut_frames(mouth, np.array([[0, 10_000, 22_000, 0], [0, 70_000, 82_000, 0]]))
    np.testing.assert_array_equal(frames[:, :, 0, 0], [[11, 13, 15, 17, 19, 21], [71, 73, 74, 74, 74, 74]])


def test_components_are_those_of_a_singular_value_decomposition():
    rng = np.random.default_rng(0)
    for shape in ((400, 150), (200, 600)):  # through either product
        values = rng.standard_normal(shape) * np.geomspace(5, 0.5, shape[1]) + 3
        mean, basis = grid.components(values)
        _, sizes, rows = np.linalg.svd(values - values.mean(axis=0), full_matrices=False)
        scale = np.sqrt((sizes[:128] ** 2 / len(values)).mean())
        np.testing.assert_allclose(mean, values.mean(axis=0))
        np.testing.assert_allclose(np.abs((rows[:128] * basis.T).sum(axis=1)) * scale, 1, rtol=1e-4)
        assert ((values - mean) @ basis).var(axis=0).mean() == pytest.approx(1)


def test_tokens_average_to_the_projection_of_the_whole_word():
    frames = np.random.default_rng(0).integers(0, 256, (160, 6, 24, 36), dtype=np.uint8)
    fitted = np.arange(160) < 140
    tokens = grid.patch_tokens(frames, fitted)
    assert tokens.shape == (160, 6, 6, 128)
    flat = frames.reshape(160, -1).astype(np.float64)
    np.testing.assert_allclose(tokens.mean(axis=(1, 2)), grid.project(flat, fitted), atol=1e-4)
    changed = frames.copy()
    changed[150, 2, 12:, 24:] = 0  # the last patch of the third frame
    moved = np.abs(grid.patch_tokens(changed, fitted) - tokens).max(axis=3) > 1e-6
    assert np.argwhere(moved).tolist() == [[150, 2, 5]]


def test_components_see_no_other_rows():
    rng = np.random.default_rng(0)
    values = rng.standard_normal((300, 140))
    fitted = np.arange(300) < 200
    others = np.where(fitted[:, None], values, 100 * values)
    np.testing.assert_array_equal(grid.project(values, fitted)[:200], grid.project(others, fitted)[:200])


def test_storage_is_checked_and_absence_said(tmp_path):
    assert "grid_s1_mouth24x36.npz is missing" in missing("grid_words_incremental", tmp_path)
    with pytest.raises(ParameterError, match="storage is 'int8'"):
        grid.prepare_folder(tmp_path / "x", tmp_path, {"storage": "int8", "seed": 0}, "")


@pytest.fixture(scope="module")
def real(data_root, tmp_path_factory):
    store = tmp_path_factory.mktemp("store")
    return open_prepared(prepare("grid_words_incremental", data_root=data_root, store=store))


def test_counts_of_the_real_set(real):
    assert check_prepared(real.folder) == []
    assert real.manifest["splits"] == {"train": 4800, "validation": 600, "test": 600}
    assert real.classes == [word for task in grid.TASKS for word in task]
    assert [len(task) for task in real.manifest["source"]["tasks"]] == [10, 8, 8, 5, 5, 5, 5, 5]
    assert sum(real.manifest["source"]["tasks"], []) == list(range(51))
    counts = np.bincount(real.labels)
    assert counts[:10].tolist() == [100] * 10
    assert counts[26:].tolist() == [40] * 25
    assert abs(counts[10:26] - 250).max() <= 10
    for split, least in (("train", 32), ("validation", 4), ("test", 4)):
        rows = real.rows(split)
        assert np.bincount(real.labels[rows], minlength=51).min() >= least
    assert real.manifest["source"]["fitted_on"] == 800  # every clip speaks one digit
    groups = [set(real.index["group"][real.rows(split)]) for split in SPLITS]
    assert [len(group) for group in groups] == [800, 100, 100]
    assert len(set.union(*groups)) == 1000


def test_scale_is_set_on_the_first_task(real):
    first = (real.index["task"] == 0) & (real.index["split"] == "train")
    tokens = np.asarray(real.arrays["visual"][first], np.float32).mean(axis=(1, 2))
    for values in (real.arrays["audio"][first], tokens):
        np.testing.assert_allclose(values.mean(axis=0), 0, atol=0.01)
        assert values.var(axis=0).mean() == pytest.approx(1, rel=1e-3)


def test_words_are_learnable_from_all_data(real):
    """A linear discriminant with the classes' common covariance, as a linear probe: sound, lips, both."""
    train, test = real.rows("train"), real.rows("test")
    tokens = np.asarray(real.arrays["visual"], np.float32).mean(axis=(1, 2))
    inputs = {"audio": np.asarray(real.arrays["audio"]), "visual": tokens}
    inputs["both"] = np.concatenate(list(inputs.values()), axis=1)
    found = {}
    for name, values in inputs.items():
        label = real.labels[train]
        means = np.stack([values[train][label == k].mean(axis=0) for k in range(51)])
        within = values[train] - means[label]
        common = within.T @ within / len(within) + 1e-3 * np.eye(values.shape[1])
        weights = np.linalg.solve(common, means.T)
        scores = values[test] @ weights - 0.5 * np.sum(means.T * weights, axis=0)
        right = scores.argmax(axis=1) == real.labels[test]
        found[name] = np.mean([right[real.labels[test] == k].mean() for k in range(51)])
    assert found["both"] > 0.95
    assert found["audio"] > 0.9
    assert 0.5 < found["visual"] < found["audio"]


def test_batches_of_the_real_set(real, data_root):
    values = {"data_root": str(data_root), "data_store": str(real.folder.parent), "data_seed": 0, "split": "official"}
    parameters = SimpleNamespace(dataset="grid_words_incremental", feature_storage="float16", **values)
    batch = load_data(parameters)["test"][np.arange(3)]
    assert {name: (tuple(value.shape), value.dtype) for name, value in batch.inputs.items()} == {
        "audio": ((3, 128), torch.float32),
        "visual": ((3, 6, 6, 128), torch.float32),
    }
