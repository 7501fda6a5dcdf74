"""Verdicts: each rule at its boundary, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
from claims_fakes import CLAIMS, MIXED, fake_record, fake_results, mixed_results

from mmlib.workbook import verdicts
from mmlib.workbook.claims import load_claims
from mmlib.workbook.results import Problem, RowResult
from mmlib.workbook.verdicts import DifferentDataError, check_same_data, judge_statements, number_verdict


@pytest.fixture(scope="module")
def claims():
    return load_claims(CLAIMS)


@pytest.fixture(scope="module")
def claim(claims):
    return next(c for c in claims.claims() if c.id == "table1/cremad_top1/baseline-sum")  # 51.5


def row_of(*top1, protocol="paper", **extra):
    """A row whose seeds 0, 1, ... reached these accuracies (percent)."""
    records = {
        seed: fake_record("baseline-sum", seed, metrics={f"{protocol}/top1": value / 100}, **extra)
        for seed, value in enumerate(top1)
    }
    return RowResult("baseline-sum", "Summation", "Baseline", list(records), records)


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ((51.5, 51.5, 51.5), "reproduced"),
        ((51.55, 51.55), "reproduced"),  # rounding of the printed decimal, no spread
        ((51.56, 51.56), "not reproduced"),
        ((51.8, 52.2, 52.6), "within seed noise"),  # mean 52.2, sd .4: .7 points are 1.75 sd
        ((51.0, 52.0, 53.0), "reproduced"),  # mean 52, sd 1: half a point away
        ((52.0, 53.0, 54.0), "within seed noise"),  # mean 53, sd 1: 1.5 points
        ((53.0, 54.0, 55.0), "not reproduced"),
        ((48.5, 52.5, 56.5), "reproduced"),  # sd 4 counts as at most one point (the cap): exactly one point away
        ((49.0, 53.0, 57.0), "within seed noise"),
    ],
)
def test_number_verdicts(claim, values, verdict):
    found = number_verdict(claim, row_of(*values), "paper")
    assert found.verdict == verdict, found.reason
    assert found.difference == pytest.approx(sum(values) / len(values) - 51.5)
    assert found.protocol == "paper"


def test_number_of_one_seed_is_undecided(claim):
    assert number_verdict(claim, row_of(51.5), "paper").verdict == "one seed: undecided"


@pytest.mark.parametrize("kind", ["embedded", "small"])
def test_no_number_verdict_on_other_data(claim, kind):
    assert number_verdict(claim, row_of(51.5, 51.5), kind) is None


def test_numbers_that_were_not_run_or_are_blocked(claim):
    row = RowResult("baseline-sum", "Summation", "Baseline", [0, 1])
    assert number_verdict(claim, row, "paper").verdict == "not run"
    row.problems = [Problem("baseline-sum", 0, "failed", "RuntimeError: it broke")]
    found = number_verdict(claim, row, "paper")
    assert (found.verdict, "it broke" in found.reason) == ("not run", True)
    row.problems = [Problem("baseline-sum", 0, "blocked", "CREMA-D is not there")]
    assert number_verdict(claim, row, "paper").verdict == "blocked"


def test_missing_classes_mean_no_verdict(claim):
    found = number_verdict(claim, row_of(51.5, 51.5, classes=5), "paper")
    assert found.verdict == "no verdict"
    assert "5 of the 6 classes" in found.reason


def test_records_of_other_data_are_refused(claim):
    one, other = fake_record(seed=0), fake_record(seed=1, data="e" * 64)
    with pytest.raises(DifferentDataError, match="different data manifests"):
        check_same_data([one, other])
    with pytest.raises(DifferentDataError, match="different split sizes"):
        check_same_data([one, one.model_copy(update={"splits": {"train": 1}})])
    row = row_of(51.5, 51.5)
    row.records[1] = row.records[1].model_copy(update={"hashes": other.hashes})
    assert number_verdict(claim, row, "paper").verdict == "no verdict"
    results = fake_results()
    results.rows["simam2-sum"] = replace(
        results.rows["simam2-sum"], records={s: fake_record("simam2-sum", s, data="e" * 64) for s in range(3)}
    )
    verdict = statement(load_claims(CLAIMS), results, "simam2-helps-sum")
    assert verdict.verdict == "no verdict"
    assert "refused to compare" in verdict.reason
    assert verdict.difference is None


def with_values(values):
    """Results whose rows have these accuracies (percent, clean) by seed; other rows are empty."""
    results = fake_results()
    for row in results.rows.values():
        row.records = {
            seed: fake_record(row.id, seed, metrics={"clean/top1": value / 100, "paper/top1": value / 100})
            for seed, value in enumerate(values.get(row.id, ()))
        }
    return results


def statement(claims, results, name, **options):
    return next(v for v in judge_statements(claims, results, **options).verdicts if v.statement.id == name)


@pytest.mark.parametrize(
    ("treated", "verdict"),
    [
        ((62.0, 63.1, 64.2), "holds"),
        ((58.0, 59.1, 60.2), "contradicted"),
        ((61.0, 60.5, 62.0), "within seed noise"),
        ((62.0,), "one seed: undecided"),
        ((62.0, 63.0, 64.0), "within seed noise"),  # identical differences: no spread, so no interval
        ((), "not run"),
    ],
)
def test_statement_verdicts(claims, treated, verdict):
    results = with_values({"baseline-sum": (60.0, 61.0, 62.0), "simam2-sum": treated})
    found = statement(claims, results, "simam2-helps-sum")
    assert found.verdict == verdict, found.reason
    if len(treated) == 3:
        assert found.difference.mean == pytest.approx(sum(treated) / 3 - 61)
        assert found.difference.seeds == (0, 1, 2)


def test_best_of_needs_every_rival_beaten(claims):
    rivals = ["baseline-sum", "simam2-sum", "ogm_ge-sum", "ogm_ge-simam2-sum"]
    values = dict.fromkeys(rivals, (60.0, 61.0, 62.1))
    best = "decoupling_free-simam2-sum"
    found = statement(claims, with_values(values | {best: (62.0, 63.1, 64.0)}), "bold-sum")
    assert found.verdict == "holds"
    values["ogm_ge-sum"] = (61.5, 62.9, 64.1)
    found = statement(claims, with_values(values | {best: (62.0, 63.1, 64.0)}), "bold-sum")
    assert (found.verdict, found.rival) == ("within seed noise", "ogm_ge-sum")
    values["ogm_ge-sum"] = (66.0, 67.1, 68.0)
    found = statement(claims, with_values(values | {best: (62.0, 63.2, 64.0)}), "bold-sum")
    assert (found.verdict, found.rival) == ("contradicted", "ogm_ge-sum")


def test_average_gain_is_a_contrast_of_eight_rows(claims):
    base = dict.fromkeys(("baseline-sum", "baseline-film", "ogm_ge-sum", "ogm_ge-film"), (60.0, 61.0, 62.0))
    gains = {"simam2-sum": 1.0, "simam2-film": 2.0, "ogm_ge-simam2-sum": 3.0, "ogm_ge-simam2-film": 4.1}
    treated = {row: (60.0 + g, 61.1 + g, 62.0 + g) for row, g in gains.items()}
    found = statement(claims, with_values(base | treated), "simam2-average-gain")
    assert found.difference.mean == pytest.approx((1 + 2 + 3 + 4.1) / 4 + 0.1 / 3)
    assert found.verdict == "holds"
    assert found.printed_gain == {"CREMA-D Top-1": pytest.approx(2.275), "VGGSound Top-1": pytest.approx(0.425)}


def test_clean_is_the_default_protocol(claims):
    results = fake_results()
    assert judge_statements(claims, results).protocol == "clean"
    for row in results.rows.values():
        for record in row.records.values():
            record.metrics = {key: value for key, value in record.metrics.items() if key.startswith("paper/")}
    assert statement(claims, results, "simam2-helps-sum").verdict == "no verdict"
    assert statement(claims, results, "simam2-helps-sum", protocol="paper").verdict != "no verdict"


def test_the_number_of_tests_is_told(claims):
    family = judge_statements(claims, fake_results())
    assert family.tested == len(family.verdicts) == 19
    assert family.expected_by_chance == pytest.approx(0.95)
    assert "19 comparisons" in family.warning
    ps = [v.p for v in family.verdicts]
    assert all(v.p_holm >= v.p for v in family.verdicts)
    assert min(v.p_holm for v in family.verdicts) == pytest.approx(min(1, 19 * min(ps)))


def test_what_differs_between_compared_rows(claims):
    verdict = statement(claims, fake_results(), "decoupling_free-isolated")
    assert verdict.differing == ("modulation: ogm_ge → decoupling_free",)
    both = statement(claims, fake_results(), "decoupling_free-beats-decoupled-sum")
    assert len(both.differing) == 2  # ζ as well


def test_seeds_that_did_not_finish_are_told(claims):
    results = fake_results()
    del results.rows["simam2-sum"].records[1]
    found = statement(claims, results, "simam2-helps-sum")
    assert found.difference.seeds == (0, 2)
    assert "simam2-sum: 2 of 3" in found.reason


def test_every_verdict_has_a_name():
    assert len(set(verdicts.NUMBER_VERDICTS) | set(verdicts.STATEMENT_VERDICTS)) == 9


def test_a_stand_in_gets_no_verdict_on_a_printed_number(claim):
    found = number_verdict(claim, row_of(51.5, 51.5, data_origin="stand-in"), "paper")
    assert found.verdict == "no verdict"
    assert "stand-in" in found.reason


def test_recorded_and_generated_data_are_not_compared(claim):
    mixed = row_of(51.5, 51.5, data_origin="recorded")
    mixed.records[1] = mixed.records[1].model_copy(update={"data_origin": "generated"})
    with pytest.raises(DifferentDataError, match="origins of the data"):
        check_same_data(mixed.records.values())


def test_best_of_shows_the_rival_that_decides(claims):
    """The largest gap may be the least certain one; interval and verdict must belong together."""
    rivals = ["baseline-sum", "simam2-sum", "ogm_ge-sum", "ogm_ge-simam2-sum"]
    values = dict.fromkeys(rivals, (60.0, 61.0, 62.1)) | {"decoupling_free-simam2-sum": (60.0, 61.1, 62.0)}
    values["baseline-sum"] = (50.0, 70.0, 78.0)  # ahead by far on average, and by chance
    values["ogm_ge-sum"] = (62.0, 63.1, 64.1)  # ahead by two points, for certain
    found = statement(claims, with_values(values), "bold-sum")
    assert (found.verdict, found.rival) == ("contradicted", "ogm_ge-sum")
    assert found.difference.high < 0

    values = dict.fromkeys(rivals, (58.0, 59.0, 60.1)) | {"decoupling_free-simam2-sum": (60.0, 61.1, 62.0)}
    values["baseline-sum"] = (50.0, 59.0, 68.0)  # behind on average, but not for certain
    found = statement(claims, with_values(values), "bold-sum")
    assert (found.verdict, found.rival) == ("within seed noise", "baseline-sum")
    assert found.difference.low < 0 < found.difference.high


@pytest.fixture
def mixed(tmp_path):
    path = tmp_path / "mixed.yaml"
    path.write_text(MIXED)
    return load_claims(path)


@pytest.mark.parametrize(
    ("values", "verdict", "reason"),
    [
        ((0.7183, 0.7183), "reproduced", "0.0003 apart, tolerance 0.0005"),
        ((0.720, 0.722, 0.724), "within seed noise", "0.0040 apart, more than 0.0020 but within 2 sd"),
        ((0.73, 0.732, 0.734), "not reproduced", "0.0140 apart, more than 2 sd (0.0040)"),
    ],
)
def test_tolerances_are_in_the_unit_of_the_metric(mixed, values, verdict, reason):
    claim = next(c for c in mixed.claims() if c.id == "mixed/mae/base")  # .718
    records = {seed: fake_record("base", seed, metrics={"paper/mae": value}) for seed, value in enumerate(values)}
    found = number_verdict(claim, RowResult("base", "Base", "", list(records), records), "paper")
    assert (found.verdict, found.reason) == (verdict, reason)


def test_a_statement_follows_the_direction_of_its_metric(mixed):
    found = {v.metric: v for v in judge_statements(mixed, mixed_results()).verdicts}
    assert {name: v.verdict for name, v in found.items()} == {
        "accuracy_2": "holds", "mae": "holds", "pearson": "contradicted",
    }  # fmt: skip
    assert found["accuracy_2"].difference.mean == pytest.approx(0.97, abs=0.01)  # points
    assert found["mae"].difference.mean == pytest.approx(0.02, abs=0.001)  # lower by .02: better
    assert found["mae"].printed_gain == {"MOSI MAE": pytest.approx(0.016)}
    assert found["pearson"].printed_gain == {"MOSI Corr": pytest.approx(-0.002)}
