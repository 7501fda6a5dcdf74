"""UCF-101: lists, both published layouts, what is skipped, one flip for both streams; a rehearsal to a trained run."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mmlib.data.catalogue import DATASETS
from mmlib.data.loading import load_data
from mmlib.data.prepared import check_prepared, open_prepared
from mmlib.data.randomness import Draws
from mmlib.data.registry import missing, notes, prepare_raw
from mmlib.data.two_streams import FlowSegments, PictureSegments, flips
from mmlib.data.ucf101 import files, generated
from mmlib.data.ucf101.flow import to_bytes
from mmlib.data.ucf101.lists import find_lists, read_lists
from mmlib.errors import DataError, ParameterError
from mmlib.experiments import classification
from mmlib.experiments.classification import Parameters

ROWS = np.arange(64)
DRAWS = Draws(0, 0, 0, 64, ROWS)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return generated.write_corpus(tmp_path_factory.mktemp("ucf") / "raw")


@pytest.fixture(scope="module")
def folder(corpus, tmp_path_factory):
    return prepare_raw(DATASETS["ucf101"], corpus, tmp_path_factory.mktemp("out"), {"image_size": 32})


def test_the_lists(corpus):
    classes, clips = read_lists(find_lists(corpus, 1))
    assert classes == list(generated.ACTIONS)
    assert [sum(clip.split == split for clip in clips) for split in ("train", "test")] == [25, 12]
    assert (clips[0].id, clips[0].label, clips[0].group) == ("v_Archery_g08_c01", 0, "v_Archery_g08")
    with pytest.raises(ParameterError, match="option split is 4. Choose one of: 1, 2, 3"):
        find_lists(corpus, 4)
    with pytest.raises(DataError, match=r"trainlist02.txt is not in .* www.crcv.ucf.edu"):
        find_lists(corpus, 2)


@pytest.mark.parametrize(
    ("file", "text", "match"),
    [
        ("classInd.txt", "1 Archery\n3 Biking\n", "line 2: expected '2 NAME'"),
        ("trainlist01.txt", "Archery/clip.avi 1\n", "line 1: expected CLASS/v_CLASS_g01_c01.avi"),
        ("trainlist01.txt", "Archery/v_Archery_g08_c01.avi 2\n", "line 1: class 2 is not that of Archery"),
        ("testlist01.txt", "Archery/v_Archery_g08_c01.avi\n", "is listed already, for train"),
    ],
)
def test_lists_that_are_wrong(tmp_path, corpus, file, text, match):
    for path in (corpus / "ucfTrainTestlist").iterdir():
        (tmp_path / path.name).write_text(path.read_text())
    (tmp_path / file).write_text(text)
    with pytest.raises(DataError, match=match):
        read_lists(find_lists(tmp_path, 1))


def test_a_prepared_folder_with_what_was_skipped(folder):
    assert check_prepared(folder) == []
    prepared = open_prepared(folder)
    assert missing("ucf101", folder.parent) is None
    assert prepared.origin == "stand-in"
    assert {name: array.shape for name, array in prepared.arrays.items()} == {
        "frames": (35, 6, 32, 32, 3),
        "flow": (35, 6, 2, 32, 32),
    }
    skipped = {entry["id"]: entry["reason"] for entry in prepared.manifest["skipped"]}
    assert skipped == {"v_Archery_g08_c02": "undecodable", "v_Fencing_g30_c01": "missing"}
    assert prepared.manifest["counts"] == {"listed": 37, "found": 35, "decoded": 35, "skipped": 2}
    for name, (_, speed) in generated.ACTIONS.items():
        flow = prepared.arrays["flow"][prepared.labels == prepared.classes.index(name)]
        assert abs(int(np.median(flow[:, :, 0])) - int(to_bytes(np.float64(speed)))) <= 1
        assert abs(int(np.median(flow[:, :, 1])) - 128) <= 1
    assert notes(folder) == ["ucf101: 23 train clips of 9,537 published, 12 test clips of 3,783."]


def test_the_other_published_layout(corpus, tmp_path):
    """A folder for each clip, with pictures and flow by the beginning of their names."""
    clip = read_lists(find_lists(corpus, 1))[1][0]
    place = tmp_path / "rawframes" / "Archery" / clip.id
    place.mkdir(parents=True)
    for below, prefix in (("jpegs_256", "img_"), ("tvl1_flow/u", "flow_x_"), ("tvl1_flow/v", "flow_y_")):
        for number, path in enumerate(sorted((corpus / below / clip.id).iterdir()), 1):
            (place / f"{prefix}{number}.jpg").write_bytes(path.read_bytes())  # no zeros in front: 10 comes after 9
    first, second = (files.read_clip(files.Finder(root).files(clip), 32) for root in (corpus, tmp_path))
    assert np.array_equal(first.frames, second.frames)
    assert np.array_equal(first.flow, second.flow)


def test_centres_of_six_parts():
    assert files.centres(6) == [0, 1, 2, 3, 4, 5]
    assert files.centres(60) == [5, 15, 25, 35, 45, 55]
    assert files.centres(2) == [0, 0, 0, 1, 1, 1]


def test_without_flow_files_opencv_computes_it_or_the_message_says_what_to_do(tmp_path):
    source = generated.write_corpus(tmp_path / "raw", clips=2, flow=False, faults=False)
    try:
        import cv2  # noqa: F401
    except ImportError:
        with pytest.raises(DataError, match=r"computing flow needs OpenCV.*pip install 'mmlib\[flow\]'"):
            prepare_raw(DATASETS["ucf101"], source, tmp_path / "out", {"image_size": 32})
        assert [path.name for path in (tmp_path / "out").iterdir() if not path.name.endswith(".lock")] == []
        return
    prepared = open_prepared(prepare_raw(DATASETS["ucf101"], source, tmp_path / "out", {"image_size": 32}))
    assert prepared.manifest["source"]["flow_computed"] == len(prepared)
    for name, (_, speed) in generated.ACTIONS.items():
        flow = prepared.arrays["flow"][prepared.labels == prepared.classes.index(name)]
        moved = (np.median(flow[:, :, 0]) - 127.5) * 40 / 255
        assert moved == pytest.approx(speed, abs=0.5)


def test_bytes_of_flow():
    assert to_bytes(np.array([-30.0, -20, 0, 20, 99])).tolist() == [0, 0, 128, 255, 255]


def test_one_flip_for_both_streams_and_u_changes_its_sign():
    pictures = np.random.default_rng(0).integers(0, 256, (64, 6, 5, 7, 3), dtype=np.uint8)
    pictures[:, 1::2] = pictures[:, ::2]  # both frames of a segment alike: what is drawn is the flip alone
    flow = np.zeros((64, 6, 2, 5, 7), np.uint8)
    flow[:, :, 0, :, 0], flow[:, :, 1, :, 1] = 255, 51  # u in the first column, v in the second
    visual = PictureSegments(pictures, training=True, mean=(0.0,) * 3, deviation=(1.0,) * 3)
    moving = FlowSegments(flow, training=True)
    flip = flips(DRAWS)
    assert 0.2 < flip.float().mean() < 0.8
    plain, shown = visual(ROWS, None), visual(ROWS, DRAWS)
    assert torch.equal(shown, torch.where(flip.view(-1, 1, 1, 1, 1), plain.flip(-1), plain))
    still, moved = moving(ROWS, None), moving(ROWS, DRAWS)
    assert still.shape == (64, 2, 3, 5, 7)
    assert torch.equal(moved[~flip], still[~flip])
    assert (moved[flip, 0, :, :, -1] == 0).all()  # 1 became 0, in the last column
    assert (moved[flip, 0, :, :, :-1] == 1).all()
    assert torch.equal(moved[flip, 1], still[flip, 1].flip(-1))  # v keeps its sign
    assert torch.equal(moving(ROWS[5:9], Draws(0, 0, 0, 64, ROWS[5:9])), moved[5:9])


def test_the_frame_of_a_segment():
    pictures = np.arange(6, dtype=np.uint8)[None, :, None, None, None] * np.ones((64, 1, 2, 2, 3), np.uint8)
    view = PictureSegments(pictures, training=True, mean=(0.0,) * 3, deviation=(1 / 255,) * 3)
    assert view(ROWS, None)[0, 0, :, 0, 0].round().tolist() == [1, 3, 5]
    drawn = view(ROWS, DRAWS)[:, 0, :, 0, 0].round()
    assert [set(drawn[:, part].tolist()) for part in range(3)] == [{0, 1}, {2, 3}, {4, 5}]
    assert not PictureSegments(pictures, training=False, mean=(0.0,) * 3, deviation=(1.0,) * 3).random


def test_a_rehearsal_to_a_trained_run(folder, tmp_path):
    values = {"dataset": "ucf101", "data_root": str(folder), "feature_channels": 8, "epochs": 1, "batch_size": 8}
    parameters = Parameters.resolve({**values, "fusion": "concat", "output": str(tmp_path / "run")})
    data = load_data(parameters.located())["train"]
    assert data.input_shapes == {"visual": (3, 3, 32, 32), "flow": (2, 3, 32, 32)}
    finished = classification.run(parameters)
    assert {"last/top1_visual", "last/top1_flow"} <= set(finished.metrics)
