"""What the analysis of the plan `valuation` computes from records with known effects, its table and its claims."""

from __future__ import annotations

import numpy as np
import pytest
from valuation_fakes import fake_arrays, valuation_claims, valuation_plan, valuation_results

from mmlib.analysis.valuation import METHODS, analyse, mean_contributions
from mmlib.report.analysis_tables import ANALYSIS_TABLES
from mmlib.report.tables import number_verdicts, results_table
from mmlib.workbook.verdicts import NO_VERDICT, judge_statements

PRINTED = {
    "ks_gain": {"ogm_ge": 1.00, "greedy": 0.07, "pmr": 0.93, "sample": 4.62, "modality": 4.35},
    "mmd_gain": {"ogm_ge": -0.14, "greedy": -0.14, "pmr": -0.34, "sample": 1.49, "modality": 1.09},
}


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    return analyse(valuation_results(tmp_path_factory.mktemp("cells"), "grid_words_audio"), valuation_claims())


def test_gains_are_paired_over_seeds(found):
    assert [one.name for one in found.methods] == list(METHODS.values())
    by_method = {one.method: one for one in found.methods}
    for method, expected in (("ogm_ge", 1.0), ("modality", 2.0), ("sample", 3.0)):
        gain = found.gain(by_method[method], "top1")
        assert gain.mean == pytest.approx(expected, abs=0.2)
        assert gain.low < expected < gain.high
        assert gain.n == 5
        assert found.gain(by_method[method], "top1_only_visual").mean == pytest.approx(4 * expected, abs=0.2)
        assert found.gain(by_method[method], "top1_only_audio").mean == pytest.approx(0, abs=0.2)
    assert found.gain(by_method["joint"], "top1").mean == 0
    assert found.alone == ["audio", "visual"]


def test_means_are_those_of_the_arrays(found, tmp_path):
    one = next(one for one in found.methods if one.method == "sample")
    arrays = fake_arrays("sample", 3)
    epochs, means, trained = one.means[3]
    assert epochs.tolist() == [0, 1, 2, 3]
    np.testing.assert_allclose(means, arrays["valuation_contributions"].mean(axis=1) / 2)
    assert trained.tolist() == [40, 40, 80, 80]
    assert one.names == ("audio", "visual")
    assert mean_contributions(tmp_path) is None
    np.savez(tmp_path / "arrays.npz", epoch=np.zeros(3))
    assert mean_contributions(tmp_path) is None


def test_sentences_and_headline(found):
    told = " ".join(found.sentences)
    for text in (
        "sample-level, against joint training (5 seeds): Top-1 3.",
        "visual with the others at zero 12.",
        "find the modality that says nothing with an AUC of 80.",
        "joint training: mean contributions to training samples after the last valued epoch are audio ",
    ):
        assert text in told
    assert "Not shown" not in told
    assert found.headline.startswith("Top-1 against joint training: modality-level 2.")


def test_what_did_not_run_is_named():
    alone = analyse(valuation_results(rows=["sample"], truth=False), valuation_claims())
    assert alone.compared == alone.traced == alone.judged == []
    assert alone.headline == "nothing was re-sampled beside joint training"
    told = analyse(valuation_results(profile="mosi", rows=["joint"], truth=False)).sentences
    assert told[-1].startswith("Not shown: joint training for as many samples, OGM-GE")
    assert alone.sentences == ["Not shown: joint training, OGM-GE, modality-level, which did not run."]


def test_the_printed_differences(found):
    expected = [("Kinetics-Sounds", "ks_gain"), ("MM-Debiased", "mmd_gain")]
    for data, column in expected:
        assert {one.method: one.value for one in found.published if one.data == data} == PRINTED[column]
    assert {c.id: c.value for c in valuation_claims().claims()} == {
        f"figure1/{column}/{row}": value for column, rows in PRINTED.items() for row, value in rows.items()
    }


def test_the_table_of_the_analysis(found):
    table = ANALYSIS_TABLES["valuation"](found, "valuation-x")
    assert [row[0] for row in table.rows] == list(METHODS.values())
    assert table.rows[0][2] == "–"
    assert table.data[4]["longest_list"] == 2.0
    assert table.data[0]["longest_list"] == 1.0
    assert table.data[4]["top1_gain_mean"] == pytest.approx(3.0, abs=0.2)


def test_the_plan_names_the_rows_of_the_claims():
    plan, claims = valuation_plan(), valuation_claims()
    rows = {row.id for row in plan.rows}
    assert set(METHODS) == rows
    assert {row for statement in claims.statements for row in statement.rows} <= rows
    for profile in plan.profiles:
        for cell in plan.cells(profile, seeds=[0]):
            assert cell.parameters.fusion == "concat"
            assert cell.parameters.valuation != (cell.row == "joint_longer")
            assert (cell.parameters.resampling == cell.row) == (cell.row in ("sample", "modality"))


def test_the_rehearsal_is_small():
    assert len(valuation_plan().cells("embedded")) <= 24


def test_numbers_of_the_paper_read_not_available_and_differences_are_never_judged():
    results = valuation_results(profile="kinetics_sounds")
    table = results_table(results, valuation_claims(), ["top1"])
    assert all("not available" in row for row in table.rows)
    verdicts = number_verdicts(results, valuation_claims())
    assert {verdict.verdict for verdict in verdicts} == {NO_VERDICT}
    assert len(verdicts) == 5


def test_statements_hold_where_the_records_say_so():
    family = judge_statements(valuation_claims(), valuation_results())
    held = {(v.statement.id, v.metric): v.verdict for v in family.verdicts}
    assert held["sample-helps", "top1"] == held["modality-beats-ogm_ge", "top1"] == "holds"
    assert held["sample-lifts-alone", "top1_only_visual"] == "holds"
    assert held["sample-lifts-alone", "top1_only_audio"] == "within seed noise"
    assert len(held) == 9
    assert [one.id for one in family.left_out] == ["sample-helps-beyond-length"]  # its rival is no row of this setting
    longer = judge_statements(valuation_claims(), valuation_results(profile="mosi"))
    held = {v.statement.id: v for v in longer.verdicts}
    assert held["sample-helps-beyond-length"].difference.mean == pytest.approx(2.5, abs=0.2)
