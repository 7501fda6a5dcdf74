"""The index files: the published ones where they are at hand, and what is said of others that do not fit."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mmlib.data.av_cil import ave, check, files, kinetics_sounds, vggsound100
from mmlib.data.registry import DATASETS, missing, report
from mmlib.errors import DataError

SETS = {module.PUBLISHED.dataset: module.PUBLISHED for module in (ave, kinetics_sounds, vggsound100)}


def save(folder, name, value):
    (folder / f"{name}.json").unlink(missing_ok=True)
    np.save(folder / f"{name}.npy", value, allow_pickle=True)


@pytest.fixture
def index(tmp_path):
    """Three classes, a clip of each in every split."""
    ids = {"train": ["a", "b", "c"], "val": ["d", "e", "f"], "test": ["g", "h", "i"]}
    save(tmp_path, files.NUMBERS, {"Cat": 1, "Bark": 0, "Goat": 2})
    save(tmp_path, files.NAMES, {s: dict(zip(c, ["Bark", "Cat", "Goat"], strict=True)) for s, c in ids.items()})
    save(tmp_path, files.CLIPS, {s: {k: [clip] for k, clip in enumerate(c)} for s, c in ids.items()})
    return tmp_path


def test_counts_of_the_sets_are_those_of_the_papers():
    totals = {name: tuple(np.sum(list(s.counts.values()), axis=0).tolist()) for name, s in SETS.items()}
    assert totals == {
        "av_cil_ave": (3294, 391, 394),
        "av_cil_kinetics_sounds": (19_220, 1947, 1958),
        "av_cil_vggsound100": (51_195, 5000, 5000),
    }
    assert [(len(s.classes), s.steps, s.memory) for s in SETS.values()] == [(28, 4, 340), (30, 5, 500), (100, 10, 1500)]
    assert ave.PUBLISHED.classes[25] == "Accordion"
    assert kinetics_sounds.COUNTS["stomping grapes"][0] == min(c[0] for c in kinetics_sounds.COUNTS.values()) == 272
    assert vggsound100.TRAIN["air horn"] == min(vggsound100.TRAIN.values()) == 97
    for name in SETS:
        assert DATASETS[name].module.PUBLISHED is SETS[name]


@pytest.mark.parametrize("name", SETS)
def test_published_lists_are_as_published(lists, name):
    lines = report(name, lists.parent)
    published = SETS[name]
    assert lines[0] == f"{len(published.classes)} classes in {published.steps} steps, in the published order"
    assert [line.endswith("(as published)") for line in lines[1:4]] == [True] * 3
    assert "clips of every class and split: as published" in lines
    assert all("published" not in line.replace("as published", "").replace("the published", "") for line in lines)
    read = files.read_lists(lists / published.folder)
    assert read.classes == published.classes
    assert not read.generated


def test_published_clips_that_share_their_video(lists):
    assert report("av_cil_vggsound100", lists.parent)[-1] == (
        "1,671 validation and 1,627 test clips share their video with a train clip (as published)"
    )
    read = files.read_lists(lists / "VGGSound_100")
    assert read.id[0] == "X5p1pQzHKE0_000145"
    assert read.video[0] == "X5p1pQzHKE0"
    assert {len(video) for video in read.video.tolist()} == {11}


def test_pickled_and_json_lists_are_the_same(index):
    pickled = files.read_lists(index)
    for name in files.INDEX:
        content = np.load(index / f"{name}.npy", allow_pickle=True).item()
        (index / f"{name}.npy").unlink()
        (index / f"{name}.json").write_text(json.dumps(content))
    plain = files.read_lists(index)
    assert pickled.classes == plain.classes == ["Bark", "Cat", "Goat"]
    for column in ("id", "label", "split"):
        np.testing.assert_array_equal(getattr(pickled, column), getattr(plain, column))
    assert plain.id.tolist() == list("abcdefghi")
    assert plain.label.tolist() == [0, 1, 2] * 3
    assert plain.split.tolist() == ["train"] * 3 + ["validation"] * 3 + ["test"] * 3


def test_clips_come_by_class_number_and_in_the_order_of_the_list(index):
    clips = {"train": {2: ["c"], 0: ["z", "a"], 1: ["b"]}, "val": {}, "test": {}}
    save(index, files.CLIPS, clips)
    named = {"train": {"a": "Bark", "b": "Cat", "c": "Goat", "z": "Bark"}, "val": {}, "test": {}}
    save(index, files.NAMES, named)
    assert files.read_lists(index).id.tolist() == ["z", "a", "b", "c"]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (files.NUMBERS, {"Cat": 1, "Bark": 0, "Goat": 3}, "numbered from 0, each number once"),
        (files.NUMBERS, {"Cat": 1, "Bark": "0", "Goat": 2}, "numbered from 0"),
        (files.NUMBERS, ["Cat"], "not a dictionary saved by numpy"),
        (files.CLIPS, {"train": {}}, "has no split 'val'"),
        (files.CLIPS, {"train": {"x": []}, "val": {}, "test": {}}, "a class is no number"),
        (files.CLIPS, {"train": {3: []}, "val": {}, "test": {}}, "class 3 must lie between 0 and 2"),
        (files.CLIPS, {"train": {0: "abc"}, "val": {}, "test": {}}, "class 0 must .* have a list of clip ids"),
        (files.CLIPS, {"train": {0: [1]}, "val": {}, "test": {}}, "class 0 must .* have a list of clip ids"),
        (files.CLIPS, {"train": {0: []}, "val": {}, "test": {}}, "names no clips"),
        (files.NAMES, {"train": {"a": "Cat"}}, "clip 'a' is 'Cat', but all_classId_vid_dict says 'Bark'"),
        (
            files.NAMES,
            {"train": {"a": "Bark", "b": "Cat", "c": "Goat", "x": "Cat"}},
            "clip 'x' is 'Cat', but .* says None",
        ),
        (files.NAMES, {"train": {"a": "Bark", "b": "Cat", "c": "Goat"}}, "val: clip 'd' is None, but .* says 'Bark'"),
    ],
)
def test_lists_that_cannot_be_right_are_refused(index, name, value, message):
    save(index, name, value)
    with pytest.raises(DataError, match=message):
        files.read_lists(index)


def test_damaged_json_is_said(index):
    (index / f"{files.NUMBERS}.npy").unlink()
    (index / f"{files.NUMBERS}.json").write_text("{")
    with pytest.raises(DataError, match=r"category_encode_dict.json cannot be read as JSON"):
        files.read_lists(index)
    (index / f"{files.NUMBERS}.json").unlink()
    with pytest.raises(DataError, match=r"category_encode_dict.npy is missing: the number of every class"):
        files.read_lists(index)


def test_what_is_missing_is_named_first_to_last(copy):
    place = copy / "av_cil" / "AVE"
    assert missing("av_cil_ave", copy) is None
    assert missing("av_cil_ave", place) is None  # the folder itself will do
    (place / "visual_pretrained_feature" / "visual_pretrained_feature_dict.npy").unlink()
    (place / "all_classId_vid_dict.npy").unlink()
    reason = missing("av_cil_ave", copy)
    assert "all_classId_vid_dict.npy is missing: the clips of every split and class" in reason
    assert "(1 more: visual_pretrained_feature_dict.npy (or .h5, .npz))" in reason
    assert report("av_cil_ave", copy) == []
    assert "category_encode_dict.npy is missing" in missing("av_cil_kinetics_sounds", copy)


def test_a_pickle_of_features_is_named(copy):
    below = copy / "av_cil" / "AVE" / "audio_pretrained_feature"
    (below / "audio_pretrained_feature_dict.npy").rename(below / "audio_pretrained_feature_dict.pkl")
    assert "is a pickle, which can run code" in missing("av_cil_ave", copy)


def test_other_order_and_other_counts_are_said(index):
    classes = ["Cat", "Acoustic guitar", *ave.PUBLISHED.classes[2:]]
    label, split = np.arange(28), np.repeat("train", 28)
    lines = check.describe(ave.PUBLISHED, classes, label, split, np.zeros(28, bool))
    assert lines[0] == (
        "28 classes in 4 steps, in another order than published: class 0 is 'Cat', published 'Acoustic guitar'"
    )
    assert lines[1] == "train: 28 clips; by step 7, 7, 7, 7 (published 879, 897, 865, 653)"
    assert lines[4] == "train, Cat: 1 clips, published 48"
    assert lines[7] == "81 more classes and splits differ so"
