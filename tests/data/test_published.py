"""CREMA-D and VGGSound: list readers, counts, fixed lengths, and the published lists where they are at hand."""

import numpy as np
import pytest

from mmlib.data import cremad, vggsound
from mmlib.data.prepared import open_prepared
from mmlib.data.published import compare_counts
from mmlib.data.standins import write_standin
from mmlib.errors import DataError, ParameterError


def test_cremad_list_with_byte_order_mark_and_crlf(tmp_path):
    path = tmp_path / "data.csv"
    path.write_bytes(b"\xef\xbb\xbf1001_IEO_NEU_XX,NEU\r\n1001_IEO_ANG_LO,ANG\r\n\r\n")
    assert cremad.read_list(path) == [("1001_IEO_NEU_XX", 0), ("1001_IEO_ANG_LO", 5)]
    assert cremad.actor("1001_IEO_NEU_XX") == "1001"


@pytest.mark.parametrize("line", ["1001_IEO_NEU_XX,HAP", "1001_IEO_NEU_XX", "1001_NEU,NEU", "1001_IEO_JOY_XX,JOY"])
def test_cremad_list_with_a_wrong_line(tmp_path, line):
    path = tmp_path / "train.csv"
    path.write_text(f"1001_IEO_NEU_XX,NEU\n{line}\n")
    with pytest.raises(DataError, match="train.csv line 2"):
        cremad.read_list(path)


def test_list_that_is_not_there(tmp_path):
    for module in (cremad, vggsound):
        with pytest.raises(DataError, match="cannot be read"):
            module.read_list(tmp_path / "none.csv")


def test_published_cremad_lists(data_root):
    folder = data_root / "lists" / "cremad_ogm"
    clips = {name: cremad.read_list(folder / f"{name}.csv") for name in ("train", "test", "data")}
    assert {name: len(rows) for name, rows in clips.items()} == {"train": 6698, "test": 744, "data": 7442}
    for name, counts in cremad.PUBLISHED.items():
        found = np.bincount([label for _, label in clips[name]])
        assert dict(zip(cremad.EMOTIONS, found.tolist(), strict=True)) == counts
        assert len({cremad.actor(clip) for clip, _ in clips[name]}) == cremad.ACTORS
    ids = {name: {clip for clip, _ in rows} for name, rows in clips.items()}
    assert not ids["train"] & ids["test"]
    assert ids["train"] | ids["test"] == ids["data"]


def test_vggsound_list(tmp_path):
    path = tmp_path / "vggsound.csv"
    path.write_text(
        '---g-f_I2yQ,1,"people marching",test\nabc,30,"dog barking, far",train\nxyz,0,people marching,train\n'
    )
    clips = vggsound.read_list(path)
    assert clips[0] == ("---g-f_I2yQ_1", "people marching", "test")
    path.write_text("abc,30,dog,train\nabc,x,dog,train\n")
    with pytest.raises(DataError, match="line 2"):
        vggsound.read_list(path)


def test_cremad_sound_is_tiled_three_times_then_cut():
    short = np.array([0.5, 2.0, -0.5])
    fixed = cremad.fixed_length(short)
    assert fixed.shape == (66_150,)
    np.testing.assert_array_equal(fixed[:10], [0.5, 1, -0.5] * 3 + [0])  # clipped; zeros after the third tile
    long = np.linspace(-1, 1, 30_000)
    np.testing.assert_array_equal(cremad.fixed_length(long), np.tile(long, 3)[:66_150])


def test_vggsound_sound_is_doubled_until_ten_seconds():
    sound = np.linspace(-1, 1, 50_000)
    fixed = vggsound.fixed_length(sound)
    assert fixed.shape == (160_000,)
    np.testing.assert_array_equal(fixed, np.tile(sound, 4)[:160_000])
    with pytest.raises(DataError, match="no sound"):
        vggsound.fixed_length(np.array([]))


def test_counts_are_compared(tmp_path):
    prepared = open_prepared(write_standin("cremad", tmp_path / "c", samples=16, classes_present=2, side=8))
    assert compare_counts(prepared, {"train": {"NEU": 6, "HAP": 6}, "test": {"NEU": 2, "SAD": 0}}) == []
    assert compare_counts(prepared, {"train": {"NEU": 7}}) == ["cremad: 6 train samples of NEU, published 7."]
    assert any("12 actors, published 91" in note for note in cremad.notes(prepared))
    assert prepared.truth == {"standin": True}


def test_standin_arguments(tmp_path):
    with pytest.raises(ParameterError, match="cremad, vggsound"):
        write_standin("kinetics", tmp_path / "x")
    with pytest.raises(ParameterError, match="at least four"):
        write_standin("cremad", tmp_path / "x", samples=8, classes_present=4)
