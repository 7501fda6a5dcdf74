"""What splits share: counted by hand, and on the published lists where they are at hand."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from mmlib.data import cremad, kinetics_sounds
from mmlib.data.listed import read_rows
from mmlib.data.media.reasons import Reason
from mmlib.data.media.source import Clip, mark_duplicates
from mmlib.data.split_audit import MANY_CLASSES, audit_lines, audit_splits
from mmlib.data.splits import disjoint_groups


def clips(*rows):
    return [Clip(name, label, split, group) for name, label, split, group in rows]


ROWS = clips(
    ("a", 0, "train", "ann"),
    ("b", 1, "train", "bob"),
    ("c", 0, "test", "ann"),
    ("a", 0, "test", "ann"),
    ("d", 1, "test", "cy"),
)


def test_counted_by_hand():
    audit = audit_splits(mark_duplicates(ROWS), ["x", "y"], "speakers")
    assert audit["clips"] == {"train": 2, "test": 2}
    assert audit["clips_by_class"] == {"train": {"x": 1, "y": 1}, "test": {"x": 1, "y": 1}}
    assert audit["groups"] == {"train": 2, "test": 2}
    assert audit["shared_ids"] == {"train and test": 1}, "a duplicate across splits is a shared id"
    assert audit["shared_groups"] == {"train and test": 1}
    assert audit["test_clips_of_groups_in_train"] == 1
    assert audit_lines(audit) == [
        "train: 2 clips of 2 speakers (x 1, y 1)",
        "test: 2 clips of 2 speakers (x 1, y 1)",
        "train and test: ids in both 1, speakers in both 1",
        "1 of 2 test clips belong to speakers that train has too",
    ]


def test_where_groups_mean_nothing_they_are_not_mentioned():
    lines = audit_lines(audit_splits(ROWS[:3], ["x", "y", "z"], ""))
    assert lines[0] == "train: 2 clips (x 1, y 1; 1 classes absent)"
    assert lines[-1] == "train and test: ids in both 0"
    assert audit_lines({}) == []


def test_many_classes_are_summed_up():
    names = [str(number) for number in range(MANY_CLASSES + 1)]
    counts = audit_splits(ROWS[:2], names, "")["clips_by_class"]
    assert counts == {"train": {"classes present": 2, "fewest clips": 1, "most clips": 1}}


def test_actors_held_out_share_none():
    many = clips(*((f"{n}", 0, "train", f"actor{n % 20}") for n in range(200)))
    spoiled = [many[0].skipped(Reason.MISSING, ""), *many[1:]]
    divided = disjoint_groups(spoiled, seed=1)
    audit = audit_splits(divided, ["x"], "actors")
    assert audit["groups"] == {"train": 16, "validation": 2, "test": 2}
    assert set(audit["shared_groups"].values()) == {0}
    assert disjoint_groups(spoiled, seed=1) == divided
    assert disjoint_groups(spoiled, seed=2) != divided
    assert divided[0] == spoiled[0]


@pytest.fixture(scope="module")
def cremad_folder(tmp_path_factory, data_root):
    """The published lists over files that are there and empty: nothing is decoded here."""
    folder = tmp_path_factory.mktemp("cremad")
    for name, suffix in (("AudioWAV", "wav"), ("VideoFlash", "flv")):
        (folder / name).mkdir()
        for _, (clip, _) in read_rows(data_root / "lists" / "cremad_ogm" / "data.csv", 2, "id,emotion"):
            (folder / name / f"{clip}.{suffix}").touch()
    return folder


def test_published_cremad_lists(cremad_folder, data_root):
    options = {"preset": "ogm_head", "lists": str(data_root / "lists" / "cremad_ogm"), "split": "official", "seed": 0}
    options |= {"layout": "auto"}
    source = cremad.media_source(cremad_folder, options)
    audit = source.audit
    assert not any(clip.problem for clip in source.clips)
    assert audit["clips"] == {"train": 6698, "test": 744}
    assert audit["clips_by_class"] == cremad.PUBLISHED
    assert audit["groups"] == {"train": 91, "test": 91}
    assert audit["shared_groups"] == {"train and test": 91}
    assert audit["shared_ids"] == {"train and test": 0}
    assert audit["test_clips_of_groups_in_train"] == 744
    assert audit["test_clips_like_a_train_clip"] == 128
    assert audit_lines(audit)[-1].startswith("128 test clips: train has the same actor")
    apart = cremad.media_source(cremad_folder, options | {"split": "actors"})
    assert apart.audit["groups"] == {"train": 73, "validation": 9, "test": 9}
    assert set(apart.audit["shared_groups"].values()) == {0}


def test_published_kinetics_sounds_lists(tmp_path, data_root):
    """All rows have the right form; labels are the classes that another project's lists name for the same videos."""
    (tmp_path / "x.mp4").touch()
    options = {"preset": "ks_fbank", "lists": str(data_root / "lists" / "kinetics_sounds_ogm"), "layout": "auto"}
    listed = kinetics_sounds.media_source(tmp_path, options).clips
    assert {clip.problem for clip in listed} == {Reason.MISSING}
    found = [replace(clip, problem=None) for clip in listed]
    audit = audit_splits(found, kinetics_sounds.CLASSES, "source videos")
    assert audit["clips"] == dict(zip(("train", "test"), kinetics_sounds.ROWS["OGM-GE"], strict=True))
    assert audit["shared_groups"] == {"train and test": 0}
    named = json.loads((data_root / "lists" / "av_cil" / "kinetics-sounds" / "all_id_category_dict.json").read_text())
    names = {video: name for part in named.values() for video, name in part.items()}
    both = [(kinetics_sounds.CLASSES[clip.label], names[clip.group]) for clip in found if clip.group in names]
    assert len(both) > 10_000
    assert all(one == other for one, other in both)
    assert sum(kinetics_sounds.PUBLISHED["train"].values()) == kinetics_sounds.ROWS["IEMF"][0]
    assert sum(kinetics_sounds.PUBLISHED["test"].values()) == kinetics_sounds.ROWS["IEMF"][1]
    # IEMF's lists are OGM-GE's less 27 train and 3 test rows
    by_class = audit["clips_by_class"]
    assert all(
        0 <= by_class[split][name] - count <= 7
        for split, counts in kinetics_sounds.PUBLISHED.items()
        for name, count in counts.items()
    )
