"""Which views a folder is seen through: its own modalities, items under sound and pictures."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from toy_questions import write_questions

from mmlib.data.assembly import build_views
from mmlib.data.prepared import open_prepared, write_prepared
from mmlib.data.views import FeatureView, ItemView, TokenView
from mmlib.errors import DataError

ITEM = np.array([2, 0, 2, 1, 0])


def test_a_folder_says_how_its_arrays_are_shown(tmp_path):
    prepared = open_prepared(write_questions(tmp_path / "asked"))
    views = build_views(prepared, SimpleNamespace(), training=True)
    assert list(views) == ["sound", "text"]
    assert isinstance(views["sound"], ItemView)
    assert isinstance(views["sound"].view, FeatureView)
    assert isinstance(views["text"], TokenView)


@pytest.mark.parametrize("modalities", [{"smell": "features"}, {"sound": "photographs"}])
def test_modalities_that_are_not_there(tmp_path, modalities):
    prepared = open_prepared(write_questions(tmp_path / "asked", source={"modalities": modalities}))
    with pytest.raises(DataError, match=r"arrays \(sound, text\), each one of features, tokens, pictures"):
        build_views(prepared, SimpleNamespace(), training=True)


def folder_of_clips(folder, rows, by_item):
    """Three clips with sound of several lengths, as samples of their own or under five questions."""
    sound = (np.random.default_rng(0).normal(size=(3, 8000)) * 1000).astype(np.int16)
    lengths = np.array([8000, 4000, 6000])
    for clip, length in enumerate(lengths):
        sound[clip, length:] = 0
    frames = np.random.default_rng(1).integers(0, 255, (3, 2, 8, 8), np.uint8)
    index = {"id": np.arange(len(rows)).astype(str), "label": np.zeros(len(rows), int)}
    index |= {"split": ["train"] * len(rows), "group": rows.astype(str), "samples": lengths[rows]}
    return open_prepared(
        write_prepared(
            folder,
            dataset="synthetic",
            classes=["a"],
            index=index | ({"item": rows} if by_item else {}),
            arrays={"waveform": sound, "frames": frames},
            source={"sample_rate": 16_000},
            by_item=["waveform", "frames"] if by_item else [],
        )
    )


@pytest.mark.parametrize("noise", [None, 0.0])
def test_sound_and_pictures_may_be_shared_too(tmp_path, noise):
    parameters = SimpleNamespace(spectrogram="", audio_snr_db=noise)
    clips = build_views(folder_of_clips(tmp_path / "clips", np.arange(3), False), parameters, training=False)
    asked = build_views(folder_of_clips(tmp_path / "asked", ITEM, True), parameters, training=False)
    for name in ("audio", "visual"):
        assert torch.equal(asked[name](np.arange(5), None), clips[name](ITEM, None)), name
