"""GRID words: cutting by hand-computed timing, splits by clip; the real recordings where they are at hand."""

import numpy as np
import pytest
import soundfile

from mmlib.data import grid_words
from mmlib.data.prepared import open_prepared
from mmlib.data.registry import missing, prepare
from mmlib.errors import DataError


def test_frames_are_the_centres_of_equal_parts():
    mouth = np.arange(2 * 75, dtype=np.uint8).reshape(2, 75, 1, 1) * np.ones((1, 1, 24, 36), np.uint8)
    tokens = np.array([[0, 10_000, 20_000, 0], [1, 23_000, 24_000, 0], [0, 70_000, 80_000, 0]])
    frames = grid_words.cut_frames(mouth, tokens)
    assert frames.shape == (3, 5, 24, 36)
    np.testing.assert_array_equal(frames[0, :, 0, 0], [11, 13, 15, 17, 19])  # centres 11,000, 13,000, ...
    np.testing.assert_array_equal(frames[1, :, 0, 0], [75 + 23] * 5)  # a token of one frame shows it five times
    np.testing.assert_array_equal(frames[2, :, 0, 0], [71, 73, 74, 74, 74])  # the clip ends at frame 74


def test_sound_is_centred_and_nothing_beside_it_is_kept():
    sound = np.arange(1, 20_001, dtype=np.int16)
    window, samples, clipped = grid_words.cut_sound(sound, 100, 200)
    assert (samples, clipped) == (100, False)
    np.testing.assert_array_equal(np.flatnonzero(window), np.arange(3950, 4050))
    np.testing.assert_array_equal(window[3950:4050], sound[100:200])
    window, samples, clipped = grid_words.cut_sound(sound, 0, 10_000)
    assert (samples, clipped) == (8000, True)
    np.testing.assert_array_equal(window, sound[1000:9000])
    assert grid_words.cut_sound(sound, 19_990, 30_000)[1] == 10


def test_clips_are_divided_by_seed():
    split = grid_words.clip_splits(1000, 0)
    assert {name: int(np.sum(split == name)) for name in grid_words.CLIPS} == grid_words.CLIPS
    np.testing.assert_array_equal(split, grid_words.clip_splits(1000, 0))
    assert not np.array_equal(split, grid_words.clip_splits(1000, 1))


def write_tiny(root, clips=10):
    """A root in the layout of the real one: two words per clip, told apart by pitch."""
    base = root / "grid_s1"
    (base / "audio16k").mkdir(parents=True)
    names = np.array([f"clip{i}" for i in range(clips)])
    align = [[i, *times] for i in range(clips) for times in ((0, 5_000, 1), (5_000, 12_500, 0), (12_500, 20_000, 2))]
    mouth = np.random.default_rng(0).integers(0, 256, (clips, 75, 24, 36), dtype=np.uint8)
    archive = {
        "mouth": mouth,
        "names": names,
        "words": np.array(["bin", "sil", "zero"]),
        "align": np.array(align, np.int32),
    }
    np.savez(base / grid_words.ARCHIVE, **archive)
    for name in names:
        tone = np.sin(np.arange(47_648) * 0.2).astype(np.float32) * 0.3
        soundfile.write(base / "audio16k" / f"{name}.ogg", tone, 16_000)
    return root


def test_tiny_root(tmp_path):
    root = write_tiny(tmp_path / "root")
    assert missing("grid_words", root) is None
    prepared = open_prepared(prepare("grid_words", data_root=root, store=tmp_path / "store"), verify=True)
    assert prepared.classes == ["bin", "zero"]
    assert prepared.manifest["splits"] == {"train": 16, "validation": 2, "test": 2}
    np.testing.assert_array_equal(prepared.labels, [0, 1] * 10)
    np.testing.assert_array_equal(prepared.index["samples"], 4800)  # 7,500 units of 1/25,000 s
    assert prepared.index["id"][:3].tolist() == ["clip0_0", "clip0_1", "clip1_0"]


def test_half_present_root(tmp_path):
    root = write_tiny(tmp_path / "root")
    (root / "grid_s1" / "audio16k" / "clip3.ogg").unlink()
    reason = missing("grid_words", root)
    assert "clip3.ogg is missing" in reason
    assert "1 of 10 clips" in reason
    (root / "grid_s1" / grid_words.ARCHIVE).write_bytes(b"PK no archive")
    assert "cannot be read" in missing("grid_words", root)
    (root / "grid_s1" / grid_words.ARCHIVE).unlink()
    assert "the mouth frames" in missing("grid_words", root)


def test_damaged_recording(tmp_path):
    root = write_tiny(tmp_path / "root")
    (root / "grid_s1" / "audio16k" / "clip3.ogg").write_bytes(b"no sound")
    with pytest.raises(DataError, match="clip3.ogg cannot be decoded"):
        prepare("grid_words", data_root=root, store=tmp_path / "store")
    assert not [path for path in (tmp_path / "store").iterdir() if path.is_dir()]


@pytest.fixture(scope="module")
def real(data_root, tmp_path_factory):
    return open_prepared(prepare("grid_words", data_root=data_root, store=tmp_path_factory.mktemp("store")))


def test_counts_of_the_real_set(real):
    assert real.manifest["splits"] == {"train": 4800, "validation": 600, "test": 600}
    assert len(real.classes) == 51
    assert "sil" not in real.classes
    counts = dict(zip(real.classes, np.bincount(real.labels).tolist(), strict=True))
    digits = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    assert all(counts[digit] == 100 for digit in digits)
    letters = [name for name in counts if len(name) == 1]
    assert len(letters) == 25
    assert "w" not in letters
    assert all(counts[letter] == 40 for letter in letters)


def test_no_clip_crosses_splits(real):
    groups = {split: set(real.index["group"][real.rows(split)]) for split in ("train", "validation", "test")}
    assert {split: len(found) for split, found in groups.items()} == grid_words.CLIPS
    assert len(set.union(*groups.values())) == 1000


def test_sound_lies_inside_the_token(real):
    seconds = real.index["end_s"] - real.index["start_s"]
    np.testing.assert_allclose(np.minimum(seconds * 16_000, 8000), real.index["samples"], atol=1)
    assert real.manifest["source"]["clipped"] == np.sum(seconds * 16_000 > 8000.5)
    assert (np.abs(real.arrays["waveform"]).max(axis=1) > 0).all()


def test_an_archive_of_other_bytes_is_not_taken_for_a_pickle(tmp_path):
    archive = tmp_path / "grid_s1" / "grid_s1_mouth24x36.npz"
    archive.parent.mkdir()
    archive.write_bytes(b"garbage" * 100)
    message = missing("grid_words", tmp_path)
    assert "not an .npz archive, or cut short" in message
    assert "pickle" not in message
