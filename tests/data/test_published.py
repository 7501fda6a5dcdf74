"""CREMA-D and VGGSound: fixed lengths, counts, stand-ins; their lists are tried in test_sources, test_split_audit."""

import numpy as np
import pytest

from mmlib.data import cremad
from mmlib.data.media.presets import find_media_preset
from mmlib.data.media.sound import fit
from mmlib.data.prepared import open_prepared
from mmlib.data.published import compare_counts
from mmlib.data.standins import write_standin
from mmlib.errors import ParameterError


def preset_sound(name, sound):
    return fit(np.asarray(sound, np.float32), find_media_preset(name).request.sound)


def test_cremad_sound_is_tiled_three_times_then_cut():
    fixed, real = preset_sound("ogm_head", [0.5, 2.0, -0.5])
    assert (fixed.shape, fixed.dtype, real) == ((66_150,), np.float32, 9)
    np.testing.assert_array_equal(fixed[:10], [0.5, 1, -0.5] * 3 + [0])  # clipped; zeros after the third tile
    long = np.linspace(-1, 1, 30_000, dtype=np.float32)
    np.testing.assert_array_equal(preset_sound("ogm_head", long)[0], np.tile(long, 3)[:66_150])


def test_vggsound_sound_is_doubled_until_ten_seconds():
    sound = np.linspace(-1, 1, 50_000, dtype=np.float32)
    fixed, real = preset_sound("vggsound", sound)
    assert (fixed.shape, fixed.dtype, real) == ((160_000,), np.int16, 160_000)
    expected = np.rint(np.tile(sound, 4)[:160_000] * 32768).clip(-32768, 32767)
    np.testing.assert_array_equal(fixed, expected)


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
