"""Rows compared clip by clip: the difference of accuracies, clips as the unit, and only runs' own files count."""

from __future__ import annotations

import numpy as np
import pytest
from claims_fakes import PROJECT, fake_record

from mmlib.experiments.event_localization.clips import clip_differences, clip_statements
from mmlib.workbook.plan import load_plan
from mmlib.workbook.results import Results, RowResult

PLAN = PROJECT / "notebooks" / "plans" / "table2.yaml"
CLIPS = 40
TRUE = np.repeat(np.arange(CLIPS)[:, None] % 5, 10, axis=1)


@pytest.fixture
def results(tmp_path):
    """`results({row: {seed: number of clips that are wrong}})`."""

    def build(wrong, source="runs"):
        rows, folders = {}, {}
        for name, seeds in wrong.items():
            records = {}
            for seed, clips in seeds.items():
                record = fake_record(name, seed)
                folders[record.cell_id] = tmp_path / record.cell_id
                folders[record.cell_id].mkdir()
                said = TRUE.copy()
                said[:clips] += 1
                np.savez(folders[record.cell_id] / "arrays.npz", clean_predicted=said, test_targets=TRUE)
                records[seed] = record
            rows[name] = RowResult(name, name, "", list(seeds), records)
        found = Results("table2", "embedded", "Table 2", "generated clips", "embedded", rows, source, folders=folders)
        found.comparisons = load_plan(PLAN).comparisons
        return found

    return build


def test_difference_over_common_seeds(results):
    found = clip_differences(results({"baseline-avga": {0: 4, 1: 8, 2: 0}, "audio-avga": {0: 20, 1: 12, 3: 40}}))
    interval, seeds = found["baseline-avga", "audio-avga"]
    assert seeds == 2
    assert interval.value == pytest.approx((16 + 4) / 2 / CLIPS)
    assert 0 < interval.low < interval.value < interval.high
    # Whole clips are drawn: the spread is that of a mean over clips, of which 16 differ in one seed or in both.
    per_clip = np.zeros(CLIPS)
    per_clip[4:8], per_clip[8:12], per_clip[12:20] = 0.5, 1.0, 0.5
    spread = per_clip.std() / np.sqrt(CLIPS)
    assert (interval.high - interval.low) / (2 * 1.96) == pytest.approx(spread, rel=0.1)


def test_statements_say_where_an_interval_clears_zero(results):
    rows = {"baseline-avga": {0: 0, 1: 0}, "audio-avga": {0: 20, 1: 20}, "baseline-avga-sum": {0: 0, 1: 1}}
    text = clip_statements(results(rows))
    lines = [line for line in text.splitlines() if line.startswith("| AVGA")]
    assert "50.00 points better" in lines[0]
    assert "likely agree" in lines[0]
    assert "perhaps not agree" in lines[1]
    assert "generated clips" in text


def test_without_predictions_nothing_is_claimed(results):
    rows = {"baseline-avga": {0: 0}, "audio-avga": {0: 20}}
    assert "run the plan" in clip_statements(results(rows, source="reference"))
    assert "run the plan" in clip_statements(Results("t", "e", "", "", "embedded", {}))


def test_worse_is_said_in_words(results):
    text = clip_statements(results({"baseline-avga": {0: 20, 1: 20}, "audio-avga": {0: 0, 1: 0}}))
    (line,) = [line for line in text.splitlines() if line.startswith("| AVGA")]
    assert "| 50.00 points worse |" in line
    assert " worse | 2 | likely agree |" in line
