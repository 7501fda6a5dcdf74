"""One-off conversion: exact content, published order, leaks, resuming, counts."""

import shutil

import h5py
import numpy as np
import pytest

from mmlib.data.ave import check, files, load_segments
from mmlib.data.ave.annotations import Annotations, read_annotations
from mmlib.data.ave.conversion import arrange
from mmlib.data.features import conversion as converting
from mmlib.data.prepared import open_prepared
from mmlib.data.registry import notes, prepare, prepared_folders, report
from mmlib.errors import ParameterError


@pytest.fixture(scope="module")
def converted(tiny, tmp_path_factory):
    return open_prepared(prepare("ave", data_root=tiny.parent, store=tmp_path_factory.mktemp("store")), verify=True)


def stored(folder, name):
    with h5py.File(folder / name) as file:
        return next(iter(file.values()))[...]


def test_every_number_arrives(tiny, converted):
    clips = ~converted.index["background_only"]
    for name, dtype in (("audio", np.float32), ("visual", np.float16)):
        expected = np.concatenate([stored(tiny, files.FEATURES[name]), stored(tiny, files.BACKGROUND_FEATURES[name])])
        np.testing.assert_array_equal(converted.arrays[name], expected.astype(dtype))
        assert converted.arrays[name].dtype == dtype
    labels = stored(tiny, "labels.h5")
    np.testing.assert_array_equal(converted.arrays["segments"][clips], labels.argmax(axis=2))
    np.testing.assert_array_equal(converted.labels[clips], stored(tiny, "mil_labels.h5").argmax(axis=1))
    assert (converted.arrays["segments"][~clips] == 28).all()
    assert converted.origin == "stand-in"  # generated content in the name of AVE is marked so


def test_order_files_are_kept(tiny, converted):
    for split, name in files.ORDERS.items():
        rows = converted.rows(split)
        rows = rows[~converted.index["background_only"][rows]]
        in_order = rows[np.argsort(converted.index["order"][rows])]
        np.testing.assert_array_equal(converted.index["sample"][in_order], stored(tiny, name))


def test_pieces_do_not_matter(tiny, converted, tmp_path, monkeypatch):
    monkeypatch.setattr(converting, "PIECE_BYTES", 7 * 10 * 49 * 16 * 8)  # seven clips
    again = open_prepared(prepare("ave", data_root=tiny.parent, store=tmp_path))
    assert again.manifest_hash == converted.manifest_hash


class Killed(BaseException):
    """What a kill looks like from inside: nothing catches it."""


@pytest.mark.parametrize("survived", [0, 1, 4, 5])
def test_killed_conversion_goes_on(tiny, converted, tmp_path, monkeypatch, capsys, survived):
    monkeypatch.setattr(converting, "PIECE_BYTES", 8 * 10 * 49 * 16 * 8)  # eight clips of the visual features
    read, pieces = converting.stored, []

    def counted(source, values, dtype):
        if source.path.name.startswith("visual"):
            if len(pieces) == survived:
                raise Killed
            pieces.append(source)
        return read(source, values, dtype)

    monkeypatch.setattr(converting, "stored", counted)
    with pytest.raises(Killed):
        prepare("ave", data_root=tiny.parent, store=tmp_path)
    (partial,) = tmp_path.glob(".ave-*.partial")
    with open(partial / "visual.npy", "r+b") as stream:  # a piece cut off in the middle of its write
        stream.seek(-5000, 2)
        stream.write(b"x" * 100)
    monkeypatch.setattr(converting, "stored", read)
    again = open_prepared(prepare("ave", data_root=tiny.parent, store=tmp_path), verify=True)
    assert again.manifest_hash == converted.manifest_hash
    assert ("visual features: going on after" in capsys.readouterr().out) == (survived > 0)
    assert not list(tmp_path.glob(".ave-*.partial"))


def test_clips_in_no_order_are_left_out_and_counted(copy, tmp_path, rewrite):
    rewrite(copy / "train_order.h5", lambda order: order[3:], key="order")
    smaller = open_prepared(prepare("ave", data_root=copy.parent, store=tmp_path))
    assert smaller.manifest["counts"] == {"listed": 40, "found": 40, "decoded": 37, "skipped": 3}
    assert "3 clips are in no order file" in smaller.manifest["skipped"][0]["reason"]
    sample = smaller.index["sample"][~smaller.index["background_only"]]
    np.testing.assert_array_equal(
        smaller.arrays["audio"][: len(sample)], stored(copy, "audio_feature.h5")[sample].astype(np.float32)
    )


def test_without_optional_files(copy, tmp_path):
    for name in ("labels.h5", "mil_labels.h5", "prob_label.h5", "labels_closs.h5", "audio_feature_noisy.h5"):
        (copy / name).unlink()
    bare = open_prepared(prepare("ave", data_root=copy.parent, store=tmp_path))
    assert not bare.index["background_only"].any()
    assert bare.manifest["source"]["labels_differing"] == {}
    assert "background-only clips: 0, published 178 (audio_feature_noisy.h5" in "\n".join(notes(bare.folder))


@pytest.mark.parametrize("name", ["ave", "synthetic_ave"])
def test_unknown_storage(tiny, tmp_path, name):
    with pytest.raises(ParameterError, match=f"{name}: storage is 'int8', choose one of: float16, float32"):
        prepare(name, data_root=tiny.parent, store=tmp_path, options={"storage": "int8"})


def test_leaks_are_marked():
    annotations = Annotations(np.array([1, 2, 3, 4]), np.array(["a", "b", "a", "b"]), np.zeros(4, int), np.ones(4, int))
    orders = {"train": np.array([3, 0]), "validation": np.array([1]), "test": np.array([2])}
    rows = arrange(annotations, orders, 2)
    np.testing.assert_array_equal(rows.columns["leaky"], [False, True, True, False, False, False])
    np.testing.assert_array_equal(rows.columns["order"], [1, 0, 0, 0, 2, 3])
    np.testing.assert_array_equal(rows.columns["background_only"], [False] * 4 + [True] * 2)
    assert len(set(rows.columns["id"].tolist())) == 6


def test_the_published_lists_give_the_published_counts(lists):
    annotations = read_annotations(lists / "Annotations.txt")
    rows = arrange(annotations, files.read_orders(lists, len(annotations)), 178)
    text = "\n".join(check.describe(rows))
    assert "train: 3,339 clips, 33,390 segments, 16.86% background" in text
    assert "test: 402 clips, 4,020 segments, 17.79% background" in text
    assert "every class and split: as published" in text
    assert "8 test clips share their video with a train clip (as published): 339, 680," in text
    assert "10 validation clips share their video with a train clip (as published): 936," in text
    test = rows.segments[rows.columns["split"] == "test"]
    histogram = "140 126 89 160 128 135 133 151 161 152 139 124 88 75 178 158 160 175 89 63 36 126 33 43 109 80 107 147"
    assert np.bincount(test.ravel()).tolist() == [*map(int, histogram.split()), 715]


def test_published_lists_with_features_beside_them(lists, tmp_path, settings):
    """The whole data set but for the size of its features: every count of the prepared folder is the published one."""
    folder = shutil.copytree(lists, tmp_path / "root" / "ave", copy_function=shutil.copy)
    marked = np.arange(4143, dtype=np.float64).reshape(-1, 1, 1).repeat(10, axis=1)  # (N, 10, 1)
    with h5py.File(folder / "audio_feature.h5", "w") as audio, h5py.File(folder / "visual_feature.h5", "w") as visual:
        audio["avadataset"], visual["dataset"] = marked, marked[..., None, None]
    (folder / "audio_feature_noisy.h5").unlink()
    prepared = open_prepared(prepare("ave", data_root=tmp_path / "root", store=tmp_path / "store"))
    assert prepared.manifest["source"]["labels_differing"] == {"mil_labels.h5": 0, "labels_closs.h5": 0}
    assert prepared.manifest["splits"] == {"train": 3339, "validation": 402, "test": 402}
    text = "\n".join(notes(prepared.folder))
    assert text.count("as published") == 3
    data = load_segments(settings(data_root=str(tmp_path / "root"), data_store=str(tmp_path / "store")))
    assert {split: int(rows.column("leaky").sum()) for split, rows in data.items()} == {
        "train": 0,
        "validation": 10,
        "test": 8,
    }
    assert data["train"].column("sample")[:5].tolist() == [40, 30, 69, 91, 90]
    np.testing.assert_array_equal(data["train"][[0, 4]].inputs["audio"][:, 0, 0].numpy(), [40, 90])
    assert data["train"].targets.shape == (3339, 10)


def test_published_numbers_are_float32_in_float64(lists):
    """Why audio features are stored as float32 and nothing is lost: the real background-only features."""
    values = files.read_labels(lists / "audio_feature_noisy.h5", 178, (10, 128))
    assert values.dtype == np.float64
    np.testing.assert_array_equal(values.astype(np.float32), values)
    assert values.min() == 0


def test_report_of_files(copy, lists):
    text = "\n".join(report("ave", copy.parent))
    assert "40 clips of 40 videos, 40 of 4,143 published" in text
    assert "labels.h5: differs from Annotations.txt in 0 of 40 clips" in text
    assert "visual_feature.h5: float64 (40, 10, 7, 7, 16)" in text
    assert "train, Church bell: 3 clips" in text
    assert "0 test clips share" in text
    assert "a stand-in for AVE" in text
    half = "\n".join(report("ave", lists.parent))
    assert "4,143 clips of 4,097 videos; without an event: clip 26" in half
    assert "stand-in" not in half
    shutil.rmtree(copy)
    assert report("ave", copy.parent) == []


def test_found_in_a_store(converted):
    assert prepared_folders("ave", converted.folder.parent) == [converted.folder]
    assert prepared_folders("cremad", converted.folder.parent) == []
