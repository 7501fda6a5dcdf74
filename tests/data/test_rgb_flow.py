"""RGB and flow: displacements worked out by hand, crops that move; the known answers on the 25 real clips."""

from __future__ import annotations

import numpy as np
import pytest

from mmlib.data import rgb_flow
from mmlib.data.phase_correlation import displacement, flow_field
from mmlib.data.prepared import check_prepared, open_prepared
from mmlib.data.registry import missing, prepare


def picture(height=96, width=96, seed=0):
    """A grey texture with detail at every scale."""
    rng = np.random.default_rng(seed)
    fine, coarse = rng.random((height, width)), rng.random((height // 8, width // 8))
    return 100 * (fine + 2 * np.kron(coarse, np.ones((8, 8)))[:height, :width])


@pytest.mark.parametrize("shift", [(0, 0), (2, 0), (-2, 0), (0, 2), (0, -2), (5, -3)])
def test_a_shift_is_found_with_its_sign(shift):
    right, down = shift
    big = picture()
    first, second = big[20:84, 20:84], big[20 - down : 84 - down, 20 - right : 84 - right]
    assert displacement(first, second).tolist() == [right, down]


def test_flow_is_window_by_window():
    """The left half stands still, the right half goes down by three pixels."""
    still, moving = picture(64, 32), picture(96, 32, seed=1)
    frames = np.stack([np.concatenate([still, moving[10 - 3 * t : 74 - 3 * t]], axis=1) for t in range(3)])
    flow = flow_field(frames[None], 32, 32)
    assert flow.shape == (1, 2, 2, 2, 2)
    assert (flow[0, 0] == 0).all()
    assert (flow[0, 1, :, :, 0] == 0).all()
    assert (flow[0, 1, :, :, 1] == 3).all()


@pytest.mark.parametrize("direction", rgb_flow.DIRECTIONS)
def test_a_crop_goes_against_what_its_class_says_of_the_content(direction):
    """Every pixel knows its own place."""
    rows, columns = np.mgrid[:288, :360]
    place = np.random.default_rng(3)
    label = 4 + list(rgb_flow.DIRECTIONS).index(direction)
    down = rgb_flow.cut(np.stack([rows] * 9), label, np.random.default_rng(3))[:, 0, 0]
    right = rgb_flow.cut(np.stack([columns] * 9), label, place)[:, 0, 0]
    moved = rgb_flow.DIRECTIONS[direction]
    assert np.diff(right).tolist() == [-2 * moved[0]] * 6
    assert np.diff(down).tolist() == [-2 * moved[1]] * 6
    assert abs(down[3] + 32 - 190) <= 8
    assert abs(right[3] + 32 - 180) <= 8


def test_missing_videos_are_counted(tmp_path):
    assert "25 of 25 videos (.mpg) are missing" in missing("rgb_flow", tmp_path)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_known_answers(data_root, tmp_path):
    """One frame holds no direction, displacement no region, both together all; held-out videos, a linear model."""
    linear = pytest.importorskip("sklearn.linear_model")
    reason = missing("rgb_flow", data_root)
    if reason:
        pytest.skip(reason)
    prepared = open_prepared(prepare("rgb_flow", data_root=data_root, store=tmp_path))
    assert check_prepared(prepared.folder) == []
    split, group, label = (prepared.index[name] for name in ("split", "group", "label"))
    assert [len(np.unique(group[split == s])) for s in ("train", "validation", "test")] == [15, 3, 7]
    assert all(len(np.unique(split[group == name])) == 1 for name in np.unique(group))
    assert {name: array.shape[1:] for name, array in prepared.arrays.items()} == {
        "visual": (1, 1, 64, 64),
        "flow": (2, 6, 5, 5),
    }
    median = np.median(prepared.arrays["flow"].reshape(len(label), 2, -1), axis=2)  # (N, 2)
    moved = 2 * np.array(list(rgb_flow.DIRECTIONS.values()))[label % 4]
    assert (median == moved).all(axis=1).mean() > 0.97

    train, test = split != "test", split == "test"
    pixels = prepared.arrays["visual"].reshape(len(label), -1)[:, ::4] / 255.0
    both = np.concatenate([pixels, median], axis=1)

    def accuracy(features, wanted):
        model = linear.LogisticRegression(C=0.1, max_iter=300).fit(features[train], wanted[train])
        return float((model.predict(features[test]) == wanted[test]).mean())

    region, direction = label // 4, label % 4
    assert accuracy(pixels, region) > 0.98
    assert accuracy(pixels, direction) < 0.4
    assert accuracy(median, direction) > 0.97
    assert accuracy(median, region) < 0.62
    fused = accuracy(both, label)
    assert fused > 0.95
    assert fused - max(accuracy(pixels, label), accuracy(median, label)) > 0.3
