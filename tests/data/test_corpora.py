"""From raw media to a trained cell, in every published layout, with every planted fault accounted for."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from mmlib.data.catalogue import DATASETS
from mmlib.data.corpora import LAYOUTS, differences, read_planted, write_corpus
from mmlib.data.corpora.planting import Fault
from mmlib.data.media.decode import decode_clip
from mmlib.data.media.prepare import Options
from mmlib.data.media.presets import find_media_preset
from mmlib.data.media.reasons import Reason
from mmlib.data.media.registered import media_options, prepare_registered
from mmlib.data.prepared import check_prepared, open_prepared
from mmlib.data.registry import missing
from mmlib.errors import DataError, OutputsError, ParameterError
from mmlib.experiments import classification
from mmlib.experiments.classification import Parameters

SMALL = {"encoder": "small", "feature_channels": 8, "epochs": 1, "batch_size": 8, "device": "cpu"}


def dataset_of(layout):
    return layout.removesuffix("_finished")


@pytest.fixture(scope="module", params=list(LAYOUTS))
def prepared(request, tmp_path_factory):
    """(layout, corpus folder, data root with the prepared folder), a quarter of the pictures' size."""
    root = tmp_path_factory.mktemp(request.param)
    write_corpus(request.param, root / "raw", clips=6)
    info = DATASETS[dataset_of(request.param)]
    prepare_registered(info, root / "raw", root / "data", {"image_size": 64}, Options(processes=2))
    return request.param, root / "raw", root / "data"


def test_every_planted_fault_is_skipped_for_its_reason_and_nothing_else_is(prepared):
    layout, raw, root = prepared
    folder = open_prepared(root / dataset_of(layout), verify=True)
    planted, kept = read_planted(raw)
    assert len(planted) == len(LAYOUTS[layout].faults)
    assert differences(raw, folder.manifest) == []
    assert len(folder) == kept
    assert folder.origin == "stand-in", "numbers on a corpus must not pass for the data set's"


def test_the_folder_is_sound_and_a_table_1_cell_trains_on_it(prepared, tmp_path):
    layout, _, root = prepared
    name = dataset_of(layout)
    assert missing(name, root) is None
    assert check_prepared(root / name) == []
    given = SMALL | {"dataset": name, "data_root": str(root), "output": str(tmp_path / "run")}
    result = classification.run(Parameters.resolve(given))
    assert {"paper/top1", "clean/top1", "last/top1"} <= set(result.metrics)
    assert result.data_origin == "stand-in"


def test_headers_that_lie_are_not_believed(tmp_path):
    """The planted lie: 1000 frames a second, no frame, no duration; frames are counted by decoding."""
    write_corpus("kinetics_sounds", tmp_path / "raw", clips=4)
    planted, _ = read_planted(tmp_path / "raw")
    liar = next(one.id for one in planted if not one.reason)
    module = DATASETS["kinetics_sounds"].module
    listed = module.media_source(tmp_path / "raw", dict(DATASETS["kinetics_sounds"].media))
    request = find_media_preset(listed.preset).request
    clip = next(clip for clip in listed.clips if clip.id == liar)
    decoded = decode_clip(clip, request)
    assert decoded.columns["frames_decoded"] == 20
    assert decoded.columns["frame_rate"] == pytest.approx(10, abs=0.5)


def test_a_corpus_is_the_same_bytes_again(tmp_path):
    def content(folder):
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    for name in ("folder", "cremad"):
        for number in range(2):
            write_corpus(name, tmp_path / f"{name}{number}", clips=4, seed=3)
        assert content(tmp_path / f"{name}0") == content(tmp_path / f"{name}1")
    write_corpus("folder", tmp_path / "other", clips=4, seed=4)
    assert content(tmp_path / "other") != content(tmp_path / "folder0")


def test_every_reason_a_corpus_can_show_is_planted_somewhere():
    planted = {fault.reason for layout in LAYOUTS.values() for fault in layout.faults} - {None}
    assert set(Reason) - planted == {Reason.TOO_LARGE, Reason.TIME_LIMIT, Reason.LFS_POINTER}
    assert all(Fault.LIES in LAYOUTS[name].faults for name in ("cremad", "vggsound", "kinetics_sounds", "folder"))


def test_without_faults_nothing_is_skipped_and_the_classes_can_be_learned(tmp_path):
    assert write_corpus("urbansound8k_av", tmp_path / "raw", clips=12, faults=False) == []
    info = DATASETS["urbansound8k_av"]
    root = tmp_path / "out"
    prepared = open_prepared(prepare_registered(info, tmp_path / "raw", root, {"image_size": 32}, Options(processes=1)))
    assert (len(prepared), prepared.manifest["skipped"]) == (36, [])
    assert np.bincount(prepared.labels)[:3].tolist() == [12, 12, 12]
    given = SMALL | {"feature_channels": 16, "epochs": 10, "learning_rate": 0.05, "dataset": info.name}
    result = classification.run(Parameters.resolve(given | {"data_root": str(root), "output": str(tmp_path / "run")}))
    assert result.metrics["last/top1"] > 0.7, "chance is 1/3"


def test_too_many_skipped_counts_the_lists_and_the_files_together(tmp_path):
    """The corpus has ten faults that are skipped, four of them seen in the lists, the rest by decoding."""
    write_corpus("kinetics_sounds", tmp_path / "raw", clips=4)
    info, settings = DATASETS["kinetics_sounds"], {"image_size": 32}
    with pytest.raises(DataError, match=r"10 of 24 listed clips are skipped.*At most 9 are accepted"):
        prepare_registered(info, tmp_path / "raw", tmp_path / "out", settings, Options(processes=1, max_skipped=9))
    folder = prepare_registered(info, tmp_path / "raw", tmp_path / "out", settings, Options(max_skipped=10))
    assert len(open_prepared(folder)) == 14


def test_differences_are_told(tmp_path):
    write_corpus("folder", tmp_path / "raw", clips=4)
    planted, kept = read_planted(tmp_path / "raw")
    skipped = [{"id": one.id, "reason": one.reason} for one in planted if one.reason]
    assert differences(tmp_path / "raw", {"skipped": skipped, "index": {"rows": kept}}) == []
    changed = [skipped[0] | {"reason": "missing"}, *skipped[1:]]
    told = differences(tmp_path / "raw", {"skipped": changed, "index": {"rows": kept - 1}})
    assert len(told) == 3
    assert "not skipped for it" in told[0]
    assert "was not planted" in told[1]
    assert "clips were kept" in told[2]


def test_arguments_of_a_corpus(tmp_path):
    with pytest.raises(ParameterError, match="no corpus 'ave'"):
        write_corpus("ave", tmp_path / "x")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    with pytest.raises(OutputsError, match="not empty"):
        write_corpus("cremad", tmp_path / "full")
    assert media_options(DATASETS["folder"])["preset"] == "ogm_head"
