"""AV-digits: pairing rules and splits; the real recordings where they are at hand."""

import gzip

import numpy as np
import pytest

from mmlib.data import av_digits
from mmlib.data.prepared import open_prepared
from mmlib.data.registry import missing, prepare
from mmlib.errors import DataError, ParameterError

LABELS = np.repeat(np.arange(10), 30)
IMAGE_LABELS = np.tile(np.arange(10), 400)[np.random.default_rng(0).permutation(4000)]


def test_pairs_share_the_class_and_no_image_repeats_or_crosses():
    split = np.where(np.arange(300) % 30 < 5, "test", "train")
    paired = av_digits.pair_images(LABELS, split, IMAGE_LABELS, seed=0)
    np.testing.assert_array_equal(IMAGE_LABELS[paired], LABELS)
    assert len(np.unique(paired)) == 300
    np.testing.assert_array_equal(paired % 5 == 0, split == "test")
    np.testing.assert_array_equal(paired, av_digits.pair_images(LABELS, split, IMAGE_LABELS, seed=0))
    assert not np.array_equal(paired, av_digits.pair_images(LABELS, split, IMAGE_LABELS, seed=1))


def test_too_few_images():
    with pytest.raises(DataError, match="images of digit"):
        av_digits.pair_images(LABELS, np.full(300, "test"), IMAGE_LABELS[:500], seed=0)


def test_splits():
    speaker = np.repeat(av_digits.SPEAKERS, 50)
    number = np.tile(np.arange(50), 6)
    official = av_digits.assign_splits("official", speaker, number)
    np.testing.assert_array_equal(official == "test", number < 5)
    held_out = av_digits.assign_splits("speaker", speaker, number)
    groups = {name: set(speaker[held_out == name]) for name in ("train", "validation", "test")}
    assert groups["test"] == {"theo", "yweweler"}
    assert groups["validation"] == {"nicolas"}
    assert groups["train"] == {"george", "jackson", "lucas"}
    with pytest.raises(ParameterError, match="official or speaker"):
        av_digits.assign_splits("actor", speaker, number)


def test_idx_files(tmp_path):
    images = np.arange(2 * 28 * 28, dtype=np.uint8)
    header = np.array([2051, 2, 28, 28], ">i4").tobytes()
    path = tmp_path / "images.gz"
    path.write_bytes(gzip.compress(header + images.tobytes()))
    np.testing.assert_array_equal(av_digits.read_images(path), images.reshape(2, 28, 28))
    with pytest.raises(DataError, match="not a sound idx file"):
        av_digits.read_labels(path)
    path.write_bytes(gzip.compress(header + images.tobytes()[:-1]))
    with pytest.raises(DataError, match="not a sound idx file"):
        av_digits.read_images(path)
    path.write_bytes(b"no gzip")
    with pytest.raises(DataError, match="not a sound idx file"):
        av_digits.read_images(path)


def test_half_present_root(tmp_path):
    assert "t10k-images" in missing("av_digits", tmp_path)
    (tmp_path / "mnist10k").mkdir()
    (tmp_path / av_digits.IMAGES).write_bytes(b"")
    assert "labels of the digit images" in missing("av_digits", tmp_path)
    (tmp_path / av_digits.LABELS).write_bytes(b"")
    assert "0_george_0.wav is missing: a spoken digit (3000 of 3000" in missing("av_digits", tmp_path)


@pytest.fixture(scope="module", params=["official", "speaker"])
def real(request, data_root, tmp_path_factory):
    store = tmp_path_factory.mktemp("store")
    return open_prepared(prepare("av_digits", data_root=data_root, store=store, options={"split": request.param}))


def test_real_sizes(real):
    sizes = {"official": {"train": 2700, "test": 300}, "speaker": {"train": 1500, "validation": 500, "test": 1000}}
    assert real.manifest["splits"] == sizes[real.manifest["source"]["split"]]
    assert real.arrays["waveform"].shape == (3000, av_digits.WINDOW)
    assert real.arrays["frames"].shape == (3000, 1, 28, 28)
    np.testing.assert_array_equal(np.bincount(real.labels), 300)
    assert len(real.manifest["source"]["pairs_sha256"]) == 64


def test_real_pairs(real, data_root):
    image = real.index["image"]
    labels = av_digits.read_labels(data_root / av_digits.LABELS)
    np.testing.assert_array_equal(labels[image], real.labels)
    assert len(np.unique(image)) == 3000
    np.testing.assert_array_equal(image % 5 == 0, real.index["split"] == "test")
    pixels = av_digits.read_images(data_root / av_digits.IMAGES)
    np.testing.assert_array_equal(real.arrays["frames"][:, 0], pixels[image])
    if real.manifest["source"]["split"] == "speaker":
        groups = [set(real.index["group"][real.rows(split)]) for split in ("train", "validation", "test")]
        assert sum(map(len, groups)) == len(set.union(*groups)) == 6
