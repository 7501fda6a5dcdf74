"""GRID digits: windows, segments, views and noise by hand; the real recordings and a linear model if at hand."""

from types import SimpleNamespace

import numpy as np
import pytest

from mmlib.data import grid_digits
from mmlib.data.ave import load_segments
from mmlib.data.grid_digits import BACKGROUND
from mmlib.data.prepared import open_prepared
from mmlib.data.registry import prepare
from mmlib.errors import DataError


def frames_with(digit, first, last):
    frames = np.full((1, 75), BACKGROUND)
    frames[0, first : last + 1] = digit
    return frames


def test_words_become_digits():
    words = np.array(["bin", "two", "zero"])
    np.testing.assert_array_equal(grid_digits.frame_digits(np.array([[0, 1, 2]]), words), [[BACKGROUND, 2, 0]])


def test_segment_is_the_digit_when_half_of_it_is():
    frames = frames_with(3, 13, 16)  # window from 10: frames 3 to 6 of it, segments 1 (half), 2, 3 (half)
    segments = grid_digits.segment_digits(frames, np.array([10]))
    assert segments.dtype == np.int64
    np.testing.assert_array_equal(segments, [[10, 3, 3, 3, 10, 10, 10, 10, 10, 10]])


@pytest.mark.parametrize(("first", "last", "low", "high"), [(40, 45, 26, 40), (2, 8, 0, 2), (60, 66, 47, 55)])
def test_window_holds_the_digit_wherever_it_starts(first, last, low, high):
    onset, end = grid_digits.digit_extent("archive", frames_with(7, first, last))
    starts = [int(grid_digits.window_starts(onset, end, seed)[0]) for seed in range(200)]
    assert (min(starts), max(starts)) == (low, high)
    assert low == max(0, last + 1 - 20)


def test_a_window_depends_on_its_own_clip_alone():
    onset, end = np.array([40, 30, 20]), np.array([46, 36, 26])
    all_three = grid_digits.window_starts(onset, end, 0)
    np.testing.assert_array_equal(grid_digits.window_starts(onset[:2], end[:2], 0), all_three[:2])


@pytest.mark.parametrize("frames", [np.full((1, 75), BACKGROUND), frames_with(1, 10, 31)], ids=["none", "too long"])
def test_clip_without_a_fitting_digit(frames):
    with pytest.raises(DataError, match="archive: clip 0 has no digit, or one longer than 20 frames"):
        grid_digits.digit_extent("archive", frames)


@pytest.fixture(scope="module")
def seen():
    """Frames of moving light, whose first clips are the train split, and what places see of them."""
    generator = np.random.default_rng(0)
    mouth = generator.integers(0, 256, (12, 75, 24, 36), dtype=np.uint8)
    start, train = np.full(12, 55), np.arange(12) < 8
    return mouth, start, train, grid_digits.views(mouth, start, train)


def test_components_are_of_the_train_clips(seen):
    mouth, start, train, found = seen
    assert found.shape == (12, 10, 4, 6, 64)
    assert found.dtype == np.float32
    values = found[train].reshape(-1, 64)
    np.testing.assert_allclose(values.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(values.T @ values / len(values), np.eye(64), atol=1e-3)
    other = mouth.copy()
    other[~train] = 255 - other[~train]
    np.testing.assert_array_equal(grid_digits.views(other, start, train)[train], found[train])


def test_a_place_sees_its_own_view_of_both_frames(seen):
    mouth, start, train, found = seen
    for pixel, places in (((0, 0), {(0, 0)}), ((23, 35), {(3, 5)}), ((4, 0), {(0, 0), (1, 0), (2, 0)})):
        for frame in (0, 1):
            other = mouth.copy()
            other[11, 55 + 2 * 4 + frame, pixel[0], pixel[1]] ^= 128  # a test clip, its fifth segment
            changed = np.abs(grid_digits.views(other, start, train) - found).max(axis=-1) > 1e-6
            assert {tuple(place) for place in np.argwhere(changed).tolist()} == {(11, 4, *place) for place in places}


def test_views_do_not_depend_on_how_many_are_computed_at_once(seen, monkeypatch):
    mouth, start, train, found = seen
    monkeypatch.setattr(grid_digits, "CHUNK", 5)
    np.testing.assert_allclose(grid_digits.views(mouth, start, train), found, atol=1e-4)


def test_noise_is_a_share_of_the_sounds_own_strength():
    windows = (8000 * np.sin(np.arange(3 * 13_312) / 7)).astype(np.int16).reshape(3, -1)
    assert grid_digits.with_noise(windows, 0.0, 0, 0) is windows
    noisy = grid_digits.with_noise(windows, 0.5, 0, 10)
    added = noisy.astype(float) - windows
    np.testing.assert_allclose(added.std(axis=1) / windows.astype(float).std(axis=1), 0.5, rtol=0.02)
    np.testing.assert_array_equal(grid_digits.with_noise(windows[1:], 0.5, 0, 11), noisy[1:])  # a clip has its own
    assert (grid_digits.with_noise(windows, 0.5, 1, 10) != noisy).any()


def test_sound_of_a_window():
    sound = np.arange(1, 47_649, dtype=np.int32).astype(np.int16)
    window = grid_digits.sound_window(sound, 2)
    assert len(window) == 12_800 + 512
    assert window[256] == sound[1280]  # the window proper starts after half an FFT
    assert grid_digits.sound_window(sound, 0)[:256].tolist() == [0] * 256
    assert grid_digits.sound_window(sound, 55)[-512:].tolist() == [0] * 512  # the recording is shorter than the film


def test_log_mel_finds_the_click():
    windows = np.zeros((1, 13_312), np.int16)
    windows[0, 256 + 160 * 20] = 30_000  # 10 ms frame 20: segment 2, its fifth frame
    bands = grid_digits.log_mel(windows)
    assert bands.shape == (1, 80, 40)
    assert int(bands.sum(axis=2).argmax()) == 20
    statistics = grid_digits.segment_statistics(bands)
    assert statistics.shape == (1, 10, 80)
    assert set(np.flatnonzero(statistics[0, :, 40:].sum(axis=1) > 1e-4)) == {2}
    np.testing.assert_allclose(statistics[0, 2, :40], bands[0, 16:24].mean(axis=0), rtol=1e-5)


@pytest.fixture(scope="module")
def real(data_root, tmp_path_factory):
    return prepare("grid_digits", data_root=data_root, store=tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def datasets(data_root, real):
    return load_segments(
        SimpleNamespace(
            dataset="grid_digits",
            data_root=str(data_root),
            data_store=str(real.parent),
            data_seed=0,
            grid_noise=0.0,
            feature_storage="float16",
            supervision="full",
            background_clips=True,
        )
    )


def test_real_counts(real):
    prepared = open_prepared(real, verify=True)
    assert prepared.manifest["splits"] == {"train": 800, "validation": 100, "test": 100}
    assert (prepared.classes[0], prepared.classes[-1]) == ("zero", "background")
    np.testing.assert_array_equal(np.bincount(prepared.labels), [100] * 10)
    segments = prepared.arrays["segments"]
    assert np.mean(segments == BACKGROUND) == pytest.approx(0.616, abs=0.005)
    inside = segments != BACKGROUND
    assert (inside.sum(axis=1) >= 1).all()
    assert (segments[inside] == np.repeat(prepared.labels, inside.sum(axis=1))).all()


def test_real_batches(datasets):
    batch = datasets["train"][[0, 5, 9]]
    assert {name: tuple(values.shape) for name, values in batch.inputs.items()} == {
        "audio": (3, 10, 80),
        "visual": (3, 10, 4, 6, 64),
    }
    assert tuple(batch.targets.shape) == (3, 10)
    audio = datasets["train"].prepared.arrays["audio"][datasets["train"].rows]
    np.testing.assert_allclose(audio.reshape(-1, 80).mean(axis=0), 0, atol=1e-3)
    np.testing.assert_allclose(audio.reshape(-1, 80).std(axis=0), 1, atol=1e-3)


def test_a_linear_model_needs_both(datasets):
    """An untuned linear model of a segment and its neighbours; published for this set: .814, .755, both .873."""
    from sklearn.linear_model import LogisticRegression

    train, test = datasets["train"], datasets["test"]
    reduced = {name: _reduced(train, test, name) for name in ("audio", "visual")}
    reduced["both"] = [np.concatenate(parts, axis=1) for parts in zip(*reduced.values(), strict=True)]
    found = {
        name: LogisticRegression(max_iter=200).fit(seen, train.targets.ravel()).score(unseen, test.targets.ravel())
        for name, (seen, unseen) in reduced.items()
    }
    assert found["audio"] == pytest.approx(0.814, abs=0.03)
    assert found["visual"] == pytest.approx(0.755, abs=0.03)
    assert found["both"] == pytest.approx(0.873, abs=0.03)
    assert found["both"] > max(found["audio"], found["visual"]) + 0.02


def _reduced(train, test, name):
    """Two neighbours on either side, standardised, 60 principal components, `(10 N, 60)` of train and of test."""
    from sklearn.decomposition import PCA
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    stacked = []
    for rows in (train, test):
        values = rows[np.arange(len(rows))].inputs[name].numpy().reshape(len(rows), 10, -1)
        padded = np.pad(values, ((0, 0), (2, 2), (0, 0)), mode="edge")
        stacked.append(np.concatenate([padded[:, i : i + 10] for i in range(5)], axis=2).reshape(len(rows) * 10, -1))
    reduce = make_pipeline(StandardScaler(), PCA(60, svd_solver="randomized", random_state=0))
    seen, unseen = reduce.fit_transform(stacked[0]), reduce.transform(stacked[1])
    return seen / seen[:, 0].std(), unseen / seen[:, 0].std()
