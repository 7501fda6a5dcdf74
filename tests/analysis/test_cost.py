"""Cost of reaching the baseline's best accuracy, from histories worked out by hand."""

from __future__ import annotations

import json
import math

import pytest

from mmlib.analysis.cost import cost_of, method_cost, step_time
from mmlib.analysis.histories import curve, curves_by_seed, of_stage, read_entries

BASELINE = [0.3, 0.5, 0.7, 0.7, 0.6]  # its best, 0.7, first in epoch 3


def history(accuracies, rates=(50.0, 100.0), stage="train"):
    rates = [*rates, *[rates[-1]] * len(accuracies)]
    return [
        {"epoch": epoch, "stage": stage, "test/top1": accuracy, "samples_per_s": rates[epoch]}
        for epoch, accuracy in enumerate(accuracies)
    ]


def test_cost_is_epochs_times_step_time():
    """Epoch 2 instead of 3, and steps that take 1/80 s a sample instead of 1/100: 2/3 x 1.25."""
    found = cost_of(history(BASELINE), history([0.4, 0.72, 0.6], rates=(10.0, 80.0)), seed=4)
    assert (found.seed, found.target, found.baseline_epoch, found.epoch, found.epochs) == (4, 0.7, 3, 2, 3)
    assert found.step_ratio == pytest.approx(1.25)
    assert found.step_noise == 0
    assert found.cost == found.bound == pytest.approx(2 / 3 * 1.25)


def test_as_good_as_the_best_is_enough():
    assert cost_of(history(BASELINE), history([0.1, 0.7])).epoch == 2
    assert cost_of(history(BASELINE), history(BASELINE)).cost == 1


def test_a_run_that_never_gets_there_has_a_bound_and_no_cost():
    found = cost_of(history(BASELINE), history([0.1, 0.2, 0.69, 0.69, 0.69, 0.69]))
    assert not found.reached
    assert found.epoch is None
    assert found.cost is None
    assert found.bound == pytest.approx(6 / 3)


def test_the_first_epoch_is_not_timed_and_noise_is_the_farther_quartile():
    """Seconds per sample 1, 2, 3, 4, 8 after the first epoch: median 3, quartiles 2 and 4."""
    entries = history([0.5] * 6, rates=(1e9, 1.0, 1 / 2, 1 / 3, 1 / 4, 1 / 8))
    found = step_time(entries)
    assert found.seconds == pytest.approx(3)
    assert found.noise == pytest.approx(1 / 3)
    assert step_time(history([0.5], rates=(4.0,))).seconds == 0.25, "one epoch: all there is"
    assert step_time([{"stage": "train", "test/top1": 0.5}]) is None
    noisy = cost_of(entries, entries)
    assert noisy.step_noise == pytest.approx(math.hypot(1 / 3, 1 / 3))


def test_without_timings_epochs_can_still_be_told():
    bare = [{"stage": "train", "test/top1": value} for value in BASELINE]
    found = cost_of(bare, bare)
    assert found.epoch_ratio == 1
    assert found.cost is None
    assert found.bound is None
    assert "no step was timed" in method_cost("x", {0: bare}, {0: bare}).sentence


def test_only_the_first_stage_counts():
    second = history([0.9, 0.9], stage="finetune")
    assert not cost_of(history(BASELINE), history([0.1, 0.2]) + second).reached
    assert cost_of(history(BASELINE) + second, history([0.7])).target == 0.7


def test_another_quantity_and_none_of_it():
    entries = [{**entry, "validation/top1": 1 - entry["test/top1"]} for entry in history(BASELINE)]
    assert cost_of(entries, entries, quantity="validation/top1").baseline_epoch == 1
    assert cost_of(history(BASELINE), [], quantity="test/top1") is None
    assert cost_of(history(BASELINE), history(BASELINE), quantity="test/f1") is None
    gaps = history([None, 0.7])
    assert cost_of(gaps, gaps).baseline_epoch == 2


def test_the_median_counts_never_as_the_dearest():
    baseline = {seed: history(BASELINE) for seed in range(3)}
    fast, slow, never = history([0.1, 0.7]), history([0.1] * 5 + [0.7]), history([0.1] * 6)
    found = method_cost("IEMF", baseline, {0: fast, 1: never, 2: slow, 7: fast})
    assert [run.seed for run in found.runs] == [0, 1, 2]
    assert found.reached == 2
    assert found.median == pytest.approx(2)
    assert found.sentence.startswith(
        "IEMF: 2 of 3 seeds reach the baseline’s best accuracy; median cost 2.00, 100 % more"
    )
    assert method_cost("IEMF", baseline, {0: fast, 1: never, 2: never}).median is None
    assert "the median seed never does" in method_cost("x", baseline, {0: never}).sentence
    assert "33 % less than" in method_cost("x", baseline, {0: fast}).sentence
    assert "as much as" in method_cost("x", baseline, {0: history(BASELINE)}).sentence
    assert "no run shares a seed" in method_cost("x", baseline, {9: fast}).sentence


def test_histories_are_read_with_their_stages_and_without_damage(tmp_path):
    entries = history([0.1, None], rates=(2.0,)) + history([0.5], stage="finetune")
    text = "".join(json.dumps(entry) + "\n" for entry in entries)
    (tmp_path / "history.jsonl").write_text(text + '3\n{"epoch": 3, "test/t')
    assert read_entries(tmp_path) == entries
    assert read_entries(tmp_path / "nowhere") == []
    assert curve(entries, "test/top1") == [0.1, None]
    assert curve(entries, "test/top1", "finetune") == [0.5]
    assert of_stage([]) == []
    assert of_stage([{"epoch": 0}]) == [{"epoch": 0}], "made before there were stages"
    folders = {1: tmp_path, 0: tmp_path / "nowhere"}
    assert curves_by_seed(folders, "test/top1", "finetune") == {1: [0.5]}
    assert curves_by_seed(folders, "test/map") == {}
