"""IEMF's printed numbers (typed here a second time, independently), its statements, and the plan that answers them."""

from __future__ import annotations

import pytest
from continual_fakes import continual_plan
from iemf_fakes import iemf_claims, iemf_plan, iemf_results

from mmlib.report.tables import number_verdicts, results_table
from mmlib.workbook.verdicts import NO_VERDICT, NOT_RUN, judge_statements

METHODS = ("none", "mslr", "ogm_ge", "lfm")
# Vanilla, then with IEMF, by method.
ANN = {
    "cremad_top1": ((62.63, 64.11, 68.68, 64.11), (63.44, 65.59, 71.10, 63.98)),
    "ks_top1": ((51.58, 51.89, 57.63, 55.28), (56.17, 55.86, 64.61, 63.15)),
    "us8k_top1": ((97.90, 97.79, 97.60, 98.05), (97.86, 97.98, 99.24, 98.63)),
}
SNN = {
    "cremad_top1": ((63.04, 63.70, 69.49, 63.58), (63.58, 64.38, 67.61, 64.78)),
    "ks_top1": ((52.85, 53.19, 57.52, 54.63), (55.47, 56.63, 61.41, 63.53)),
    "us8k_top1": ((98.02, 97.98, 97.67, 98.13), (97.79, 98.05, 99.35, 98.63)),
}
JOINT = (54.86, 55.51, 60.87, 61.10)
PSI = {"psi-0.1": 60.41, "psi-0.5": 60.25, "ogm_ge-iemf": 64.61, "psi-2": 63.34, "psi-3": 62.18, "psi-5": 59.48}


@pytest.fixture(scope="module")
def claims():
    return iemf_claims()


def test_every_number(claims):
    expected = {}
    for table, values, prefix in (("figure2a", ANN, ""), ("figure2b", SNN, "snn-")):
        for column, lines in values.items():
            for line, suffix in zip(lines, ("", "-iemf"), strict=True):
                for method, value in zip(METHODS, line, strict=True):
                    expected[f"{table}/{column}/{prefix}{method}{suffix}"] = value
    for line, suffix in zip((ANN["ks_top1"][0], JOINT, ANN["ks_top1"][1]), ("", "-joint", "-iemf"), strict=True):
        expected |= {f"figure2c2/ks_top1/{m}{suffix}": value for m, value in zip(METHODS, line, strict=True)}
    expected |= {f"figure2c1/ks_top1/{row}": value for row, value in (PSI | {"ogm_ge": 57.63}).items()}
    assert {claim.id: claim.value for claim in claims.claims()} == expected
    assert len(expected) == 24 + 24 + 12 + 7


def test_rows_and_profiles_are_those_of_the_plan(claims):
    plan = iemf_plan()
    rows = {row.id for row in plan.rows}
    assert {claim.row.id for claim in claims.claims()} <= rows  # none of the plan `continual` has a number
    assert {row for statement in claims.statements_of("iemf") for row in statement.rows} <= rows
    known = {row.id for row in continual_plan().rows}
    assert {row for statement in claims.statements_of("continual") for row in statement.rows} <= known
    assert {claim.column.profile for claim in claims.claims()} <= set(plan.profiles)
    assert all(plan.profiles[claim.column.profile].kind == "paper" for claim in claims.claims())


def test_every_row_fuses_by_concatenation_and_off_means_detached(tmp_path):
    for profile in iemf_plan().profiles:
        for cell in iemf_plan().cells(profile, seeds=[0], outputs=tmp_path):
            parameters = cell.parameters
            assert parameters.fusion == "concat"
            if cell.row.startswith("off-"):
                assert parameters.unimodal_heads == "detached"
            if cell.row.endswith(("-joint", "-iemf")) and not cell.row.startswith("branch"):
                assert parameters.unimodal_heads == "attached"
            assert parameters.iemf == (not cell.row.endswith("joint") and cell.row not in VANILLA)


VANILLA = {*METHODS, *(f"snn-{method}" for method in METHODS), "branch-audio-scratch", "branch-visual-scratch"}


def test_four_of_its_own_differences_go_the_other_way(claims):
    against = []
    for statement in claims.statements_of("iemf"):
        if statement.id.startswith("iemf-helps"):
            gains = claims.printed_differences(statement, "top1")
            assert len(gains) == 3
            against += [(statement.id, label.rpartition(" ")[0]) for label, (gain,) in gains.items() if gain < 0]
    assert against == [
        ("iemf-helps-none", "UrbanSound8K-AV"), ("iemf-helps-lfm", "CREMA-D"),
        ("iemf-helps-snn-none", "UrbanSound8K-AV"), ("iemf-helps-snn-ogm_ge", "CREMA-D"),
    ]  # fmt: skip


def test_what_is_called_snn_is_shown_and_never_judged(claims):
    results = iemf_results(profile="cremad", seeds=(0, 1, 2))
    verdicts = {verdict.claim.row.id: verdict for verdict in number_verdicts(results, claims)}
    for row, verdict in verdicts.items():
        if row.startswith("snn"):
            assert verdict.verdict == NO_VERDICT
            assert "never spikes" in verdict.reason
            assert verdict.difference is None
            assert verdict.ours is not None
        else:
            assert verdict.verdict != NO_VERDICT
    table = results_table(results, claims, ["top1"])
    (line,) = [row for row in table.rows if row[:2] == ["Our SNN", "vanilla"]]
    assert "63.0" in line
    assert "no verdict" in line
    assert any("never spikes" in note for note in table.notes)
    nothing = number_verdicts(iemf_results(profile="cremad", seeds=()), claims)
    assert {v.verdict for v in nothing if v.claim.row.id.startswith("snn")} == {NO_VERDICT}
    assert {v.verdict for v in nothing if not v.claim.row.id.startswith("snn")} == {NOT_RUN}


def test_a_number_printed_twice_is_judged_once(claims):
    printed = claims.claims("iemf", "kinetics_sounds")
    verdicts = number_verdicts(iemf_results(profile="kinetics_sounds", seeds=(0, 1)), claims)
    assert len(printed) == 8 + 8 + 7 + 12
    assert len(verdicts) == len({verdict.claim.row.id for verdict in verdicts}) == 8 + 8 + 5 + 4


def test_statements_of_all_tables_are_tested(claims):
    family = judge_statements(claims, iemf_results())
    found = {verdict.statement.id: verdict for verdict in family.verdicts}
    assert len(found) == len(claims.statements_of("iemf")) == 22
    assert len(claims.statements) == 22 + 6
    assert found["iemf-helps-none"].verdict == "holds"
    assert found["iemf-beats-joint-ogm_ge"].verdict == "holds"
    assert found["psi-1-is-best"].verdict == "holds"
    assert found["noise-helps"].verdict == "contradicted"  # made so
    assert found["iemf-gains-most-with-ogm_ge"].verdict == "within seed noise"
    assert found["iemf-best-with-ogm_ge"].verdict == "holds"
    gains = found["iemf-gains-most-with-ogm_ge"].printed_gain["Kinetics-Sounds Top-1"]
    assert gains == pytest.approx(6.98 - (4.59 + 3.97 + 7.87) / 3)
