"""MM-Debiased's list: forms of ids by hand, families, the audit of the published file, clips found among raw files."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mmlib.commands import data as commands
from mmlib.data import mm_debiased
from mmlib.data.catalogue import DATASETS
from mmlib.data.media.reasons import Reason
from mmlib.data.mm_debiased.audit import audit_listing, start_families
from mmlib.data.mm_debiased.generated import generated_listing
from mmlib.data.mm_debiased.listing import parse_key, read_listing
from mmlib.errors import DataError, UsageError

A, B, C, D = "aaaaaaaaaaa", "b_b-bbbbbb0", "ccccccccccc", "d__________"
LIST = {
    f"{A}_000010_000020": ("training", "singing"),
    B: ("testing", "singing"),
    f"{C}_30": ("training", "bowling"),
    f"{C}_90": ("validation", "bowling"),
    f"{D}_0": ("training", "bowling"),
    f"{D}_3": ("training", "bowling"),
    f"{D}_4": ("testing", "bowling"),
    "eeeeeeeeeee_7": ("training", "singing"),
    "eeeeeeeeeee_25": ("training", "singing"),
}


@pytest.fixture
def root(tmp_path):
    listed = {key: {"subset": subset, "label": label} for key, (subset, label) in LIST.items()}
    (tmp_path / "MM-Debiased.json").write_text(json.dumps(listed))
    return tmp_path


@pytest.fixture
def listing(root):
    return read_listing(root / "MM-Debiased.json")


@pytest.mark.parametrize(
    ("key", "parsed"),
    [
        (f"{A}_000010_000020", ("span", A, 10)),
        (f"{A}_000010_000021", None),
        (B, ("bare", B, -1)),
        (f"{B}_0", ("start", B, 0)),
        (f"{B}_1105", ("start", B, 1105)),
        (f"{B}_07", None),
        ("a_000010_000020", None),
        ("", None),
    ],
)
def test_the_form_of_an_id(key, parsed):
    assert parse_key(key) == parsed


def test_families_of_ids_with_a_start(listing):
    assert start_families(listing).tolist() == ["", "", "two", "two", *["segments"] * 3, "ambiguous", "ambiguous"]


def test_what_is_resolved_with_and_without_other_lists(listing):
    alone = audit_listing(listing)
    assert alone.status.tolist() == ["resolved", *["presumed"] * 3, *["unresolved"] * 5]
    known = audit_listing(listing, {B: 4}, {(C, 30), (D, 4)}, {f"{A}_000010_000020"})
    assert known.status.tolist() == ["resolved"] * 3 + ["unresolved"] * 3 + ["resolved"] + ["unresolved"] * 2
    assert known.kinetics().to_dict() == {"train": {"singing": 1}, "validation": {"singing": 0}, "test": {"singing": 0}}
    assert known.shared_videos() == {"train and validation": 1, "train and test": 1, "validation and test": 0}
    table = known.statuses()
    assert table.loc["bowling", ("train", "resolved")] == 1
    assert table.loc["bowling", ("train", "unresolved")] == 2
    assert table.to_numpy().sum() == len(LIST)
    assert "not at hand: the lists of Kinetics-400 validation, VGGSound, Kinetics-Sounds." in alone.lines()
    assert not any("not at hand: the lists" in line for line in known.lines())


@pytest.mark.parametrize(
    "text",
    ["{", "[]", "{}", '{"x": {"subset": "training", "label": "a"}}', f'{{"{B}": {{"subset": "dev", "label": "a"}}}}'],
)
def test_a_file_that_is_not_the_list(tmp_path, text):
    (tmp_path / "MM-Debiased.json").write_text(text)
    with pytest.raises(DataError, match="Get MM-Debiased.json from GeWu-Lab"):
        read_listing(tmp_path / "MM-Debiased.json")


def test_an_id_listed_twice(tmp_path):
    entry = f'"{B}": {{"subset": "training", "label": "a"}}'
    (tmp_path / "MM-Debiased.json").write_text(f"{{{entry}, {entry}}}")
    with pytest.raises(DataError, match="or an id twice"):
        read_listing(tmp_path / "MM-Debiased.json")


def test_clips_are_found_by_every_name_and_cut_from_whole_videos(root):
    (root / "vggsound.csv").write_text(f"{C},30,bowling,train\n{C},90,bowling,train\neeeeeeeeeee,7,singing,train\n")
    (root / "kinetics400_val.csv").write_text(f"label,youtube_id,time_start,time_end,split\nsinging,{B},33,43,val\n")
    for name in (f"{A}_000010_000020", f"{B}_000033_000043", C, f"{D}_3", "eeeeeeeeeee_000007"):
        (root / f"{name}.mp4").touch()
    source = mm_debiased.media_source(root, dict(DATASETS["mm_debiased"].media))
    clips = {clip.id: clip for clip in source.clips}
    assert source.classes == ["bowling", "singing"]
    assert clips[f"{A}_000010_000020"].start_s is None
    assert clips[B].pictures.stem == f"{B}_000033_000043"
    assert (clips[f"{C}_90"].start_s, clips[f"{C}_90"].end_s, clips[f"{C}_90"].split) == (90.0, 100.0, "validation")
    assert clips[f"{D}_3"].pictures.stem == f"{D}_3"  # unresolved, but somebody has it
    assert clips["eeeeeeeeeee_7"].sound.stem == "eeeeeeeeeee_000007"
    skipped = {name: clip.detail for name, clip in clips.items() if clip.problem is Reason.MISSING}
    assert set(skipped) == {f"{D}_0", f"{D}_4", "eeeeeeeeeee_25"}
    assert set(skipped.values()) == {"no public list says where this clip begins, and no file is called like it"}
    assert source.settings["ids"] == {"resolved": 5, "unresolved": 4}
    assert source.audit["shared_groups"]["train and validation"] == 1


def test_the_command(root, capsys, tmp_path):
    commands.audit("mm_debiased", root)
    assert "9 clips of 5 videos, 2 classes: 6 train, 1 validation, 2 test." in capsys.readouterr().out
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="holds no list of mm_debiased"):
        commands.audit("mm_debiased", tmp_path / "empty")


def test_a_generated_list_has_every_form():
    listing = generated_listing()
    assert len(listing) == 240
    assert set(listing.forms) == {"span", "bare", "start"}
    assert {"", "alone", "two", "segments"} <= set(start_families(listing))
    assert audit_listing(listing).shared_videos()["train and test"] > 0


def test_known_answers_of_the_published_list(data_root):
    """Every count of the report on it, which was made independently."""
    path = data_root / "lists" / "mm_debiased" / "MM-Debiased.json"
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    audit = mm_debiased.audit_of(path, data_root, "")
    listing = audit.listing
    assert np.bincount(listing.subsets).tolist() == [11_368, 1_185, 1_472]
    assert len(np.unique(listing.videos)) == 10_199
    classes = audit.classes()
    assert classes.loc["bowling"].tolist() == [1369, 143, 159]
    assert classes.loc["writing on blackboard"].tolist() == [816, 85, 98]
    assert classes.index.tolist() == sorted(classes.index)
    assert len(classes) == 10
    by_subset = audit.forms_by_subset()
    assert by_subset.loc["span"].tolist()[:3] == [2112, 373, 204]
    assert by_subset.loc["bare"].tolist()[:3] == [63, 12, 132]
    assert by_subset.loc["start"].tolist()[:3] == [9193, 800, 1136]
    assert by_subset.loc["start: segments"].tolist() == [3792, 94, 290, 1188]
    assert int(by_subset.loc[["start: two", "start: ambiguous"], "videos"].sum()) == 820
    assert by_subset.loc["start: ambiguous", "videos"] == 373
    forms = audit.forms()
    assert forms.loc["whistling"].tolist() == [235, 47, 1155]
    assert forms.loc["cleaning floor"].tolist() == [0, 0, 1564]
    assert audit.shared_videos() == {"train and validation": 177, "train and test": 7, "validation and test": 1}
    of_lists = audit.kinetics()
    if of_lists is None:
        pytest.skip("the list of Kinetics-Sounds is not there")
    assert of_lists.sum(axis=1).to_dict() == {"bowling": 606, "singing": 503}
    assert of_lists["test"].to_dict() == {"bowling": 53, "singing": 55}
