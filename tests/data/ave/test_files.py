"""The published files: keys, orders, and one clear message for each kind of damage."""

import errno
import os

import h5py
import numpy as np
import pytest

from mmlib.data.ave import files
from mmlib.data.features.resumable import ResumableArray
from mmlib.data.features.sources import open_source
from mmlib.data.registry import missing, prepare
from mmlib.errors import BlockedError, DataError, OutputsError

VISUAL, AUDIO, TRAIN = "visual_feature.h5", "audio_feature.h5", "train_order.h5"


def convert(folder, tmp_path, **options):
    return prepare("ave", data_root=folder.parent, store=tmp_path / "store", options=options)


def failure(folder, tmp_path):
    """The message of a conversion that must fail, leaving nothing that looks prepared."""
    with pytest.raises(DataError) as caught:
        convert(folder, tmp_path)
    assert not list((tmp_path / "store").glob("*/manifest.json"))
    message = str(caught.value)
    assert "Traceback" not in message
    assert "\n" not in message
    return message


@pytest.mark.parametrize("key", ["avadataset", "dataset", "anything"])
def test_either_key_or_the_only_dataset(tmp_path, key):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file[key] = np.arange(3)
    np.testing.assert_array_equal(open_source(tmp_path / "x.h5", files.KEYS).read(), [0, 1, 2])


def test_published_key_comes_first(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["dataset"], file["avadataset"], file["other"] = [1], [2], [3]
    assert open_source(tmp_path / "x.h5", files.KEYS).read().tolist() == [2]


def test_wrong_key(copy, tmp_path):
    with h5py.File(copy / AUDIO, "a") as file:
        file["features"], file["more"] = file["avadataset"][...], [1]
        del file["avadataset"]
    message = failure(copy, tmp_path)
    assert f"{AUDIO} holds 'features', 'more'; expected a dataset 'avadataset' or 'dataset'" in message


def test_empty_file_and_group_in_place_of_a_dataset(copy, tmp_path):
    with h5py.File(copy / AUDIO, "w") as file:
        file.create_group("avadataset")
    assert "holds 'avadataset'; expected a dataset" in failure(copy, tmp_path)
    with h5py.File(copy / AUDIO, "w"):
        pass
    assert "holds nothing; expected a dataset" in failure(copy, tmp_path)


@pytest.mark.parametrize(
    ("name", "change", "shape"),
    [
        (VISUAL, lambda x: x[:-1], "(39, 10, 7, 7, 16), expected numbers of shape (40, 10, any, any, any)"),
        (VISUAL, lambda x: x[:, :9], "(40, 9, 7, 7, 16)"),
        (VISUAL, lambda x: x.mean(axis=(2, 3)), "(40, 10, 16)"),
        (AUDIO, lambda x: x[..., None], "(40, 10, 8, 1), expected numbers of shape (40, 10, any)"),
        (AUDIO, lambda x: x.astype("S8"), "|S8 (40, 10, 8), expected numbers"),
        ("mil_labels.h5", lambda x: x[:, :28], "(40, 28), expected numbers of shape (40, 29)"),
    ],
)
def test_wrong_shape(copy, tmp_path, rewrite, name, change, shape):
    rewrite(copy / name, change)
    message = failure(copy, tmp_path)
    assert name in message
    assert shape in message


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", [VISUAL, AUDIO])
def test_not_a_number(copy, tmp_path, rewrite, name, value):
    def spoil(values):
        values[23].flat[5] = value
        return values

    rewrite(copy / name, spoil)
    assert f"{name}: row 23 holds a NaN or an infinity" in failure(copy, tmp_path)


def test_infinities_that_cancel(copy, tmp_path, rewrite):
    def spoil(values):
        values[3].flat[0], values[4].flat[0] = np.inf, -np.inf
        return values

    rewrite(copy / AUDIO, spoil)
    assert "row 3 holds" in failure(copy, tmp_path)


def test_too_large_for_float16(copy, tmp_path, rewrite):
    rewrite(copy / VISUAL, lambda values: values * 1e6)
    assert "more than float16 can store. Convert with --set storage=float32" in failure(copy, tmp_path)
    assert convert(copy, tmp_path, storage="float32").is_dir()


@pytest.mark.parametrize("name", [VISUAL, AUDIO, TRAIN, "mil_labels.h5"])
@pytest.mark.parametrize("keep", [0, 7, 0.5, 0.99])
def test_truncated(copy, tmp_path, name, keep):
    content = (copy / name).read_bytes()
    (copy / name).write_bytes(content[: keep if keep in (0, 7) else int(keep * len(content))])
    message = failure(copy, tmp_path)
    assert f"{name} cannot be read as HDF5" in message
    assert "cut short or damaged: copy or download it again" in message


def test_damage_inside_the_file(copy, tmp_path):
    """Bytes overwritten in the file's own bookkeeping: a message or, where it does not matter, a result."""
    draw = np.random.default_rng(0)
    sound = (copy / AUDIO).read_bytes()
    told = 0
    for _ in range(60):
        damaged = bytearray(sound)
        for place in draw.integers(2200, size=12):
            damaged[place] = draw.integers(256)
        (copy / AUDIO).write_bytes(damaged)
        try:
            convert(copy, tmp_path)
        except DataError as error:
            told += AUDIO in str(error)
    assert told > 30


def test_full_disk_is_not_blamed_on_the_file(copy, tmp_path, monkeypatch):
    def full(self, rows):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(ResumableArray, "append", full)
    with pytest.raises(OutputsError, match="cannot write the prepared data in .*: No space left on device"):
        convert(copy, tmp_path)


def test_other_bytes(copy, tmp_path):
    (copy / VISUAL).write_bytes(b"<!DOCTYPE html><title>Quota exceeded</title>" * 50)  # what a failed download leaves
    assert f"{VISUAL} cannot be read as HDF5" in failure(copy, tmp_path)


@pytest.mark.parametrize("number", [40, -1, 10**12])
def test_order_out_of_range(copy, tmp_path, rewrite, number):
    rewrite(copy / TRAIN, lambda order: np.r_[order[:5], number], key="order")
    message = failure(copy, tmp_path)
    assert f"{TRAIN}: entry 5 is {number}, but Annotations.txt has 40 clips (0 to 39)" in message


def test_clip_in_two_splits_or_twice(copy, tmp_path, rewrite):
    with h5py.File(copy / "test_order.h5") as file:
        taken = int(file["order"][0])
    rewrite(copy / "val_order.h5", [taken], key="order")
    assert f"test_order.h5: clip {taken} is already in val_order.h5" in failure(copy, tmp_path)
    rewrite(copy / TRAIN, lambda order: np.r_[order, order[2]], key="order")
    assert "is already in train_order.h5" in failure(copy, tmp_path)


@pytest.mark.parametrize("order", [np.zeros(0, int), np.array([0.5, 1.0]), np.zeros((2, 2), int)])
def test_order_that_is_no_list(copy, tmp_path, rewrite, order):
    rewrite(copy / TRAIN, order, key="order")
    assert f"{TRAIN} is" in failure(copy, tmp_path)


def test_order_longer_than_the_annotations(copy, tmp_path, rewrite):
    rewrite(copy / TRAIN, np.arange(41), key="order")
    assert f"{TRAIN} has 41 entries, but Annotations.txt only 40 clips" in failure(copy, tmp_path)


def test_malformed_annotation_reaches_the_user(copy, tmp_path):
    path = copy / "Annotations.txt"
    path.write_text(path.read_text().replace("&good&", "&good&7&", 1))
    assert "Annotations.txt line 1: 6 fields, expected 5" in failure(copy, tmp_path)


def test_unpaired_background_features(copy, tmp_path, rewrite):
    rewrite(copy / "visual_feature_noisy.h5", lambda values: values[:-1])
    assert "has 3 clips and audio_feature_noisy.h5 4: they must belong together" in failure(copy, tmp_path)


def test_missing_files_are_counted(copy, tmp_path):
    assert missing("ave", copy.parent) is None
    assert missing("ave", copy) is None  # the folder itself will do as a data root
    (copy / VISUAL).unlink()
    (copy / TRAIN).unlink()
    reason = missing("ave", copy.parent)
    assert reason.startswith(f"{copy / VISUAL} is missing: the visual features (4143, 10, 7, 7, 512), 7.7 GB (1 more")
    with pytest.raises(BlockedError, match=VISUAL):
        convert(copy, tmp_path)


def test_published_orders(lists):
    orders = files.read_orders(lists, 4143)
    assert {split: len(order) for split, order in orders.items()} == {"train": 3339, "validation": 402, "test": 402}
    assert orders["train"][:5].tolist() == [40, 30, 69, 91, 90]
    assert orders["train"][-3:].tolist() == [4106, 4082, 4116]
    assert orders["validation"][:5].tolist() == [139, 121, 137, 167, 56]
    assert orders["test"][-2:].tolist() == [4079, 4073]
    assert [int(order.sum()) for order in orders.values()] == [6_915_221, 831_979, 832_953]
