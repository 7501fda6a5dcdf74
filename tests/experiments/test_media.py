"""The look at data preparation: one clip under every preset, skipped clips beside what was planted, the figures."""

from __future__ import annotations

import numpy as np
import pytest
from notebook_parameters import assert_parameters_of

from mmlib.data.media.presets import PRESETS
from mmlib.errors import ParameterError
from mmlib.experiments import media
from mmlib.experiments.media import Parameters
from mmlib.experiments.media.experiment import example_clip, show
from mmlib.experiments.media.figures import presets_figure, skipped_figure, splits_figure


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return str(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def view(store):
    return media.run(Parameters(dataset="folder", data_store=store))


def test_the_notebook_has_the_parameters_of_the_library(project):
    assert_parameters_of(project / "notebooks" / "media.ipynb", Parameters)


def test_a_clip_under_every_preset(view):
    assert [one.preset.name for one in view.shown] == list(PRESETS)
    shapes = {one.preset.name: (one.spectrogram.shape, one.frames.shape) for one in view.shown}
    assert shapes == {
        "ogm_head": ((257, 188), (1, 224, 224, 3)),
        "ogm_early": ((257, 1004), (1, 224, 224, 3)),
        "iemf": ((257, 188), (1, 224, 224, 3)),
        "iemf_kinetics": ((257, 188), (3, 224, 224, 3)),
        "iemf_urbansound": ((128, 128), (1, 128, 128, 3)),
        "ks_fbank": ((1024, 128), (3, 224, 224, 3)),
        "val_kinetics": ((1024, 128), (3, 224, 224, 3)),
        "vggsound": ((129, 626), (3, 224, 224, 3)),
    }
    assert all(np.isfinite(one.spectrogram).all() and one.frames.min() >= 0 for one in view.shown)
    assert "21 frames at 5/s" in view.clip_table().loc["ogm_head", "decoded"]


def test_what_was_skipped_stands_beside_what_was_planted(view):
    table = view.skipped_table()
    assert len(table) == 6
    assert (table["planted"] != "").all()
    assert view.lines()[-1] == "every planted fault was skipped for its reason, and nothing else was"


def test_a_second_look_writes_nothing_anew(view, store):
    again = media.run(Parameters(dataset="folder", data_store=store))
    assert again.prepared.manifest_hash == view.prepared.manifest_hash


def test_figures_say_what_they_show(view):
    figure = presets_figure(view)
    titles = [axis.get_title(loc="right") for axis in figure.axes]
    assert [f"{name}: " in "".join(titles) for name in PRESETS] == [True] * len(PRESETS)
    bars = skipped_figure(view.prepared).axes[0]
    assert [text.get_text() for text in bars.get_yticklabels()][-1] == "kept"
    assert "folder (generated stand-in)" in bars.get_title()
    splits = splits_figure(view.prepared).axes[0]
    assert [text.get_text() for text in splits.get_legend().get_texts()] == ["train", "validation", "test"]


def test_a_real_clip(data_root, store):
    """GRID: 75 frames, 131,328 samples; too short for VGGSound's rule, which the row says."""
    parameters = Parameters(data_root=str(data_root), data_store=store, clip=3)
    clip, title = example_clip(parameters)
    assert title == f"GRID, clip {clip.id}"
    decoded = show(clip, PRESETS["iemf"]).decoded
    assert (decoded.columns["frames_decoded"], decoded.columns["sound_samples"]) == (75, 131_328)
    assert "too short" in show(clip, PRESETS["vggsound"]).problem
    with pytest.raises(ParameterError, match="has 25 clips"):
        example_clip(Parameters(data_root=str(data_root), data_store=store, clip=25))
