"""Generated clips: reproducible, in the published format, and of no use to one modality alone."""

import h5py
import numpy as np
import pytest

from mmlib.data.ave import conversion
from mmlib.data.ave.annotations import read_annotations
from mmlib.data.ave.generator import OPTIONS, Generator, draw_clips
from mmlib.data.ave.synthetic import write_files
from mmlib.data.prepared import open_prepared
from mmlib.data.registry import prepare
from mmlib.errors import ParameterError, UsageError

TINY = {"clips": 40, "audio_features": 8, "visual_features": 16}


@pytest.fixture(scope="module")
def drawn():
    classes = np.arange(8)
    return draw_clips(np.random.default_rng(0), classes, 4000)


def test_published_names_keys_shapes_and_types(tmp_path):
    folder = write_files(tmp_path / "ave", {"clips": 12, "classes": 4, "audio_features": 128, "visual_features": 512})
    expected = {
        "audio_feature.h5": ((12, 10, 128), "float64"),
        "visual_feature.h5": ((12, 10, 7, 7, 512), "float64"),
        "labels.h5": ((12, 10, 29), "float64"),
        "mil_labels.h5": ((12, 29), "float32"),
        "prob_label.h5": ((12, 29), "float64"),
        "labels_closs.h5": ((12, 10), "float32"),
        "audio_feature_noisy.h5": ((4, 10, 128), "float64"),
        "visual_feature_noisy.h5": ((4, 10, 7, 7, 512), "float64"),
        "labels_noisy.h5": ((4, 29), "float32"),
    }
    for name, (shape, dtype) in expected.items():
        with h5py.File(folder / name) as file:
            assert list(file) == ["avadataset"]
            assert (file["avadataset"].shape, file["avadataset"].dtype) == (shape, dtype), name
            assert file["avadataset"].chunks is None  # contiguous, as published
    for name in ("train_order.h5", "val_order.h5", "test_order.h5"):
        with h5py.File(folder / name) as file:
            assert list(file) == ["order"]
            assert file["order"].dtype == np.int64
    assert {path.name for path in folder.iterdir()} == {
        *expected,
        *("train_order.h5", "val_order.h5", "test_order.h5", "Annotations.txt"),
    }


def test_same_seed_same_numbers(tiny, tmp_path):
    again = write_files(tmp_path / "again", TINY)
    other = write_files(tmp_path / "other", TINY | {"seed": 1})
    for name in ("audio_feature.h5", "visual_feature.h5", "train_order.h5"):
        with h5py.File(tiny / name) as a, h5py.File(again / name) as b, h5py.File(other / name) as c:
            first, second, third = (next(iter(file.values()))[...] for file in (a, b, c))
            np.testing.assert_array_equal(first, second)
            assert not np.array_equal(first, third)


def test_names_map_through_the_canonical_list(tiny):
    """Only some classes occur, so numbers by first appearance would be wrong."""
    labels = np.unique(read_annotations(tiny / "Annotations.txt").label)
    assert labels.tolist() == [0, 4, 8, 12, 15, 19, 23, 27]


def test_every_class_has_its_own_pair():
    for classes in (4, 8, 28):
        pairs = {(c % (classes // 2), c // 2) for c in range(classes)}
        assert len(pairs) == classes


def test_events(drawn):
    length = drawn.offset - drawn.onset
    assert np.mean(length == 10) == pytest.approx(0.6, abs=0.03)
    assert set(np.unique(length)) == set(range(2, 11))
    inside = drawn.segments != 28
    np.testing.assert_array_equal(drawn.audible & drawn.visible, inside)  # an event is both heard and seen
    partial = length < 10
    heard, seen = (drawn.audible & ~inside).any(axis=1), (drawn.visible & ~inside).any(axis=1)
    assert not (heard & seen).any()
    assert np.mean(heard[partial]) == pytest.approx(0.25, abs=0.03)
    assert np.mean(seen[partial]) == pytest.approx(0.25, abs=0.03)


def test_features_look_like_relu_outputs():
    generator = Generator(OPTIONS | {"clips": 48})
    for _, features in generator.chunks(generator.clips, 0):
        for values in features.values():
            assert values.dtype == np.float32
            assert values.min() == 0
            assert 0.2 < np.mean(values == 0) < 0.8


def test_strength_zero_hides_the_class():
    quiet = Generator(OPTIONS | {"clips": 48, "snr_audio": 0.0, "noise": 0.0})
    _, features = next(quiet.chunks(quiet.clips, 0))
    np.testing.assert_array_equal(features["audio"], features["audio"][:, :1].repeat(10, axis=1))  # ambient sound only
    assert (features["visual"].std(axis=1) > 0).any()


def test_visible_in_one_patch():
    clear = Generator(OPTIONS | {"clips": 48, "noise": 0.0, "snr_visual": 50.0})
    _, features = next(clear.chunks(clear.clips, 0))
    bright = features["visual"][clear.clips.visible[:32]].max(axis=-1) > 15  # (n, H, W)
    np.testing.assert_array_equal(bright.sum(axis=(1, 2)), 9)


def test_orders_hold_every_clip_once_sorted_by_class():
    generator = Generator(OPTIONS)
    orders = generator.orders()
    assert {split: len(order) for split, order in orders.items()} == {"validation": 80, "test": 80, "train": 320}
    np.testing.assert_array_equal(np.sort(np.concatenate(list(orders.values()))), np.arange(480))
    for order in orders.values():
        assert (np.diff(generator.clips.label[order]) >= 0).all()
    large = Generator(OPTIONS | {"clips": 4143})
    assert {split: len(order) for split, order in large.orders().items()}["test"] == 408  # a tenth of every class


def test_data_set_is_the_files_converted(tmp_path):
    options = {"clips": 40, "audio_features": 8, "visual_features": 16, "storage": "float32"}
    ours = open_prepared(prepare("synthetic_ave", data_root=None, store=tmp_path / "a", options=options), verify=True)
    folder = write_files(tmp_path / "root" / "ave", TINY)
    theirs = open_prepared(conversion.convert(tmp_path / "b", folder, "ave", "float32", {}, {}))
    for name in ("audio", "visual", "segments"):
        np.testing.assert_array_equal(ours.arrays[name], theirs.arrays[name])
    assert ours.index["id"].tolist() == theirs.index["id"].tolist()
    assert not [path for path in (tmp_path / "a").iterdir() if path.suffix in (".tmp", ".partial")]


def test_neither_modality_alone_suffices(tmp_path):
    """A linear model of one segment, medium difficulty: both far above either alone."""
    from sklearn.linear_model import LogisticRegression

    folder = prepare("synthetic_ave", data_root=None, store=tmp_path, options={"audio_features": 16, "clips": 240})
    prepared = open_prepared(folder)
    visual = prepared.arrays["visual"].astype(np.float32).reshape(len(prepared), 10, 49, -1)
    inputs = {"audio": prepared.arrays["audio"], "visual": visual.mean(axis=2)}
    inputs["both"] = np.concatenate(list(inputs.values()), axis=2)
    train, test = (prepared.rows(split) for split in ("train", "test"))
    targets = prepared.arrays["segments"]
    found = {}
    for name, values in inputs.items():
        model = LogisticRegression(C=0.1, max_iter=100)
        model.fit(values[train].reshape(-1, values.shape[2]), targets[train].ravel())
        found[name] = model.score(values[test].reshape(-1, values.shape[2]), targets[test].ravel())
    assert found["audio"] <= 0.6
    assert found["visual"] <= 0.6
    assert found["both"] > max(found["audio"], found["visual"]) + 0.1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"classes": 7}, "classes is 7: it must be even"),
        ({"classes": 30}, "classes is 30"),
        ({"clips": 20}, "clips is 20: it must lie between 24"),
        ({"map": 2}, "map is 2"),
        ({"noise": -1.0}, "noise is -1.0"),
    ],
)
def test_options_out_of_range(tmp_path, options, message):
    with pytest.raises(ParameterError, match=message):
        write_files(tmp_path / "x", options)
    with pytest.raises(ParameterError, match=message):
        prepare("synthetic_ave", data_root=None, store=tmp_path / "store", options=options)


def test_existing_folder_is_not_overwritten(tiny):
    with pytest.raises(UsageError, match="already exists"):
        write_files(tiny, TINY)
