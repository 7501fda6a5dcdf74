"""What `mmlib data check` says of a prepared folder: arrays, counts, reasons, splits, and where counts disagree."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from mmlib.data.folder_report import count_problems, report_lines
from mmlib.data.media.presets import PRESETS
from mmlib.data.prepared import open_prepared, write_prepared
from mmlib.data.published import preset_layout
from mmlib.data.registry import missing

SKIPPED = [
    {"id": "x", "split": "train", "reason": "truncated", "detail": ""},
    {"id": "y", "split": "test", "reason": "missing", "detail": ""},
    {"id": "z", "split": "test", "reason": "missing", "detail": ""},
]


@pytest.fixture
def write(tmp_path):
    def start(dataset="folder", preset="ogm_head", samples=66_150, rate=22_050):
        return write_prepared(
            tmp_path / dataset,
            dataset=dataset,
            classes=["run", "walk"],
            index={
                "id": list("abcd"),
                "label": np.array([0, 1, 0, 1]),
                "split": ["train", "train", "test", "test"],
                "group": ["p", "q", "q", "r"],
            },
            arrays={
                "waveform": np.zeros((4, samples), np.int16),
                "frames": np.zeros((4, 3, 8, 8, 3), np.uint8),
            },
            source={
                "preset": preset,
                "sample_rate": rate,
                "audit": {"grouped_by": "people"},
                "skipped_by_reason": {"missing": 2, "truncated": 1},
            },
            skipped=SKIPPED,
            counts={"listed": 7, "found": 5, "decoded": 4, "skipped": 3},
        )

    return start


def test_report_of_a_folder_of_media(write):
    assert report_lines(open_prepared(write())) == [
        "recorded folder, 4 rows: frames uint8 (4, 3, 8, 8, 3), waveform int16 (4, 66150)",
        "preset ogm_head",
        "7 listed, 5 found, 4 decoded, 3 skipped",
        "skipped, missing: 2",
        "skipped, truncated: 1",
        "train: 2 clips of 2 people (run 1, walk 1)",
        "test: 2 clips of 2 people (run 1, walk 1)",
        "train and test: people in both 1",
        "1 of 2 test clips belong to people that train has too",
    ]


def test_counts_that_contradict_each_other(write):
    manifest = open_prepared(write()).manifest
    assert count_problems(manifest) == []
    for name, told in (
        ("decoded", "counts.decoded is 9, the folder has 4."),
        ("listed", "has 7"),
        ("skipped", "has 3"),
    ):
        wrong = copy.deepcopy(manifest)
        wrong["counts"][name] = 9
        assert [told in problem for problem in count_problems(wrong)] == [True]
    wrong = copy.deepcopy(manifest)
    wrong["skipped"][0]["reason"] = "missing"
    assert "skipped_by_reason is" in count_problems(wrong)[0]
    assert count_problems(manifest | {"source": {}, "counts": {"listed": 1}}) == [], "not made of media"


def test_the_layout_is_that_of_the_preset(write, tmp_path):
    assert missing("folder", write().parent) is None
    write("cremad", preset="ogm_early", samples=160_000, rate=16_000)
    assert missing("cremad", tmp_path) is None, "CREMA-D may be prepared by any preset"
    write("vggsound")
    assert missing("vggsound", tmp_path) is None
    write("kinetics_sounds", preset="none")
    assert "names no preset of media" in missing("kinetics_sounds", tmp_path)
    write("urbansound8k_av", preset="iemf_urbansound")
    assert "expected int16 or float32 (rows, 88200)" in missing("urbansound8k_av", tmp_path)


@pytest.mark.parametrize("preset", PRESETS.values(), ids=lambda preset: preset.name)
def test_layouts_of_presets(preset):
    layout, rate = preset_layout(preset)
    assert rate == preset.request.sound.rate
    assert layout["waveform"][1] == (preset.request.sound.samples,)
    assert layout["frames"][1] == (preset.request.frames.count, None, None, 3)
