"""The registry of metrics: units, directions, words. Expected texts are typed by hand."""

from __future__ import annotations

import json
import math

import pytest

from mmlib.errors import UsageError
from mmlib.metrics.family import METRICS, UNITS, metric


@pytest.mark.parametrize(
    ("name", "title", "unit", "better"),
    [
        ("clean/top1", "Top-1", "percent", "higher"),
        ("top1_text", "text alone", "percent", "higher"),
        ("accuracy_flow", "flow alone", "percent", "higher"),
        ("test/top1_head_audio", "head of audio", "percent", "higher"),
        ("accuracy_head_text", "head of text", "percent", "higher"),
        ("accuracy_counting", "accuracy, counting", "percent", "higher"),
        ("accuracy_audio_visual_location", "accuracy, audio visual location", "percent", "higher"),
        ("accuracy_7", "accuracy, 7 classes", "percent", "higher"),
        ("accuracy_disjoint", "no shared video", "percent", "higher"),  # listed: no family decides
        ("eer_seen_heard", "EER, seen-heard", "percent", "lower"),
        ("eer_unseen_unheard_GNA", "EER, unseen-unheard GNA", "percent", "lower"),
        ("eer_fop_seen_heard", "EER (FOP’s evaluator), seen-heard", "percent", "lower"),
        ("auc_seen_heard_low", "AUC, seen-heard, 95 % from", "percent", "higher"),
        ("matching_10", "1:10 matching", "percent", "higher"),
        ("mae", "MAE", "number", "lower"),
        ("mae_nonzero", "MAE, nonzero", "number", "lower"),
        ("pearson", "Pearson’s r", "correlation", "higher"),
        ("forgetting", "forgetting", "points", "lower"),
        ("backward_transfer", "backward transfer", "points", "higher"),
        ("f1", "F1", "percent", "higher"),
        ("weighted_f1", "weighted F1", "percent", "higher"),
        ("test/loss", "loss", "nats", "lower"),
        ("hgr_test", "HGR held out", "correlation", None),
    ],
)
def test_names(name, title, unit, better):
    found = metric(name)
    assert (found.title, found.unit.name, found.better, found.known) == (title, unit, better, True)
    assert found.name == name.rpartition("/")[2]


@pytest.mark.parametrize("name", ["clip_score", "map_size", "matching_all", "topmost", "score_low", "accuracies"])
def test_a_metric_nobody_entered_is_a_plain_number_without_a_direction(name):
    found = metric(name)
    assert (found.scale, found.better, found.known, found.arrow) == (1.0, None, False, "")
    assert found.number(0.718) == "0.718"
    assert found.difference(-0.02) == "0.020 lower"


def test_every_metric_of_the_committed_results_is_known_and_in_range(project):
    seen = set()
    for path in (project / "outputs" / "reference").glob("*.json"):
        for record in json.loads(path.read_text())["records"]:
            for key, value in record["metrics"].items():
                seen.add(key.rpartition("/")[2])
                assert metric(key).known, key
                assert metric(key).check(value, key) == value
    assert {"top1", "accuracy_low", "eer_fop_unseen_unheard_GNA", "onset_error", "event_iou"} <= seen


def test_how_values_are_shown():
    assert metric("top1").number(100 * 0.6214) == "62.1"
    assert metric("top1").text(62.14) == "62.1 %"
    assert metric("mae").text(0.718) == "0.718"
    assert metric("pearson").number(-0.7969) == "−0.797"
    assert metric("pearson").number(-0.0001) == "0.000"
    assert metric("forgetting").text(metric("forgetting").scale * 0.123) == "12.3 points"
    assert metric("onset_error").text(0.51) == "0.51 segments"


@pytest.mark.parametrize(
    ("name", "one", "other", "text"),
    [
        ("top1", 65.2, 62.1, "3.1 points better"),
        ("top1", 62.1, 65.2, "3.1 points worse"),
        ("eer", 24.6, 18.5, "6.1 points worse"),
        ("eer", 18.5, 24.6, "6.1 points better"),
        ("mae", 0.718, 0.738, "0.020 better"),
        ("pearson", 0.797, 0.75, "0.047 better"),
        ("forgetting", 10.0, 12.5, "2.5 points better"),
        ("backward_transfer", -12.5, -10.0, "2.5 points worse"),
        ("hgr", 0.5, 0.4, "0.100 higher"),
        ("top1", 62.13, 62.1, "0.0 points different"),
    ],
)
def test_a_difference_is_a_size_and_a_word(name, one, other, text):
    known = metric(name)
    assert known.difference(known.sign * (one - other)) == text


@pytest.mark.parametrize(
    ("bounds", "text"),
    [
        ((0.54, 6.8), "0.5 to 6.8 better"),
        ((-3.34, -2.5), "2.5 to 3.3 worse"),
        ((-0.5, 2.8), "0.5 worse to 2.8 better"),
        ((-0.04, 1.2), "0.0 worse to 1.2 better"),  # zero lies inside, and the text says so
        ((0.0, 1.2), "0.0 to 1.2 better"),
    ],
)
def test_an_interval_says_on_which_side_of_zero_it_lies(bounds, text):
    assert metric("top1").interval(*bounds) == text


def test_several_differences_share_a_word_where_they_can():
    known = metric("top1")
    assert known.differences([2.8, 0.2]) == "2.8 / 0.2 better"
    assert known.differences([-0.25, 0.35], 1) == "0.25 worse / 0.35 better"
    assert known.differences([0.0, 0.4]) == "0.0 / 0.4 better"


def test_an_axis_says_unit_and_direction():
    assert (metric("top1").axis, metric("top1").arrow) == ("Top-1 accuracy (%)", "better →")
    assert (metric("eer_seen_heard").axis, metric("eer_seen_heard").arrow) == ("EER, seen-heard (%)", "← better")
    assert (metric("mae").axis, metric("mae").arrow) == ("mean absolute error", "← better")
    assert metric("forgetting").axis == "average forgetting (points)"


@pytest.mark.parametrize(
    ("name", "value", "fits"),
    [
        ("top1", 1.0, True), ("top1", 62.1, False), ("top1", -0.01, False), ("top1", 1 + 1e-8, True),
        ("forgetting", -0.2, True), ("forgetting", 1.2, False), ("pearson", -1.0, True), ("pearson", 1.01, False),
        ("mae", 0.0, True), ("mae", -0.1, False), ("mae", 1e6, True), ("loss", -3.0, True), ("loss", math.nan, False),
        ("onset_error", -1.0, False), ("unheard_of", 1e9, True), ("unheard_of", math.inf, False),
    ],
)  # fmt: skip
def test_impossible_numbers_are_refused(name, value, fits):
    assert metric(name).in_range(value) is fits
    if fits:
        assert metric(name).check(value) == value
    else:
        with pytest.raises(UsageError, match=f"clean/{name} is "):
            metric(name).check(value, f"clean/{name}")


def test_a_refusal_says_what_the_metric_can_be():
    with pytest.raises(UsageError, match=r"clean/top1 is 62\.1, which Top-1 cannot be: a record's is between 0 and 1"):
        metric("top1").check(62.1, "clean/top1")
    with pytest.raises(UsageError, match="finite and at least 0"):
        metric("mae").check(-1.0)
    assert metric("top1").check(None) is None


def test_every_listed_metric_is_its_own_name_and_has_a_listed_unit():
    assert all(name == found.name and UNITS[found.unit.name] is found.unit for name, found in METRICS.items())
