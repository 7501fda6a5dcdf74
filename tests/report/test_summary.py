"""The top of the report: the first screen answers what ran, on what, what holds and what does not."""

from __future__ import annotations

import pytest
from claims_fakes import write_runs

from mmlib.report import summary
from mmlib.report.assemble import assemble
from mmlib.report.build import build_report
from mmlib.workbook.plan import find_plan
from mmlib.workbook.verdicts import CONTRADICTED, HOLDS


@pytest.fixture
def assemblies(stub_project):
    plan = find_plan("table1")
    write_runs(plan, "embedded", stub_project / "outputs")
    return [assemble(plan, profile, stub_project / "outputs", stub_project) for profile in plan.profiles]


def test_headline_names_data_cells_seeds_and_verdicts(assemblies):
    ((ran, said),) = summary.headlines(assemblies)
    counts = summary.statement_counts(assemblies[0])
    assert "generated audio-visual data" in ran
    assert said.startswith("48 of 48 cells, 3 seeds (0, 1, 2); 19 tests of statements")
    assert f"holds {counts[HOLDS]}, contradicted {counts[CONTRADICTED]}" in said


def test_headline_of_a_run_just_begun(stub_project):
    plan = find_plan("table1")
    write_runs(plan, "embedded", stub_project / "outputs", skip=[row.id for row in plan.rows[1:]])
    ((_, said),) = summary.headlines([assemble(plan, "embedded", stub_project / "outputs", stub_project)])
    assert said == "3 of 48 cells, 3 seeds (0, 1, 2); too little ran to test a statement."


def test_a_cell_of_two_plans_is_counted_once(assemblies):
    def finished(found):
        return {label: number for number, label in summary.tiles(found)}["cells finished here"]

    assert finished(assemblies[:1]) == "48 / 48"
    assert finished([assemblies[0], assemblies[0]]) == "48 / 48"
    assert finished(assemblies[:2]) == "48 / 96"


def test_without_the_papers_data_only_statements_are_judged(assemblies):
    assert "CREMA-D and VGGSound, which did not run" in summary.scope(assemblies)
    assert {label: number for number, label in summary.tiles(assemblies)}["printed numbers reproduced"] == "–"
    plan = assemblies[0].plan
    write_runs(plan, "cremad", assemblies[0].results.folders.popitem()[1].parents[1])
    project = plan.path.parents[2]
    again = [assemble(plan, "cremad", project / "outputs", project)]
    assert summary.scope(again) == ""
    assert "printed numbers are reproduced" in summary.headlines(again)[0][1]


def test_findings_list_every_verdict_with_its_difference(assemblies):
    counts = summary.statement_counts(assemblies[0])
    for verdict in (HOLDS, CONTRADICTED):
        found = summary.findings(assemblies, verdict)
        assert len(found) == counts[verdict]
        assert all("points" in item["difference"] and " to " in item["difference"] for item in found)
        assert all(item["place"] == "" for item in found)  # one data set: named once, above


def test_rivals_are_named_as_the_table_names_them(assemblies):
    rivals = [verdict for verdict in assemblies[0].statements.verdicts if verdict.rival]
    assert rivals
    names = {f"{row.block}, {row.label}" for row in assemblies[0].plan.rows}
    assert {verdict.rival_name for verdict in rivals} <= names


def test_a_plan_without_statements_counts_none(assemblies):
    def counts():
        return summary.overview(assemblies[:1]).rows[0][5:8]

    assert all(count.isdigit() for count in counts())
    assemblies[0].statements = None
    assert counts() == ["–"] * 3


def test_across_needs_two_data_sets(assemblies):
    assert summary.across(assemblies) == []
    plan, project = assemblies[0].plan, assemblies[0].plan.path.parents[2]
    write_runs(plan, "av_digits", project / "outputs")
    both = [assemble(plan, profile, project / "outputs", project) for profile in ("embedded", "av_digits")]
    (table,) = summary.across(both)
    assert [column.kind for column in table.columns] == ["text"] * 3 + ["verdict"] * 2
    assert {item["place"] for item in summary.findings(both, HOLDS)} <= {a.results.profile_title for a in both}


def test_what_did_not_run_is_short_and_leaves_no_files(assemblies):
    project = assemblies[0].plan.path.parents[2]
    text = build_report(project / "outputs").read_text(encoding="utf-8")
    assert text.index('id="findings"') < text.index('id="table1-embedded"') < text.index('id="not-run"')
    assert text.index('id="not-run"') < text.index('id="table1-cremad"') < text.index('id="caveats"')
    assert [folder.name for folder in (project / "outputs" / "tables").iterdir()] == ["table1-embedded"]
    unrun = text[text.index('id="not-run"') : text.index('id="caveats"')]
    assert unrun.count("<details>") == unrun.count("<details")  # all folded


def test_weight_counts_what_survives_the_number_of_tests(assemblies):
    family = assemblies[0].statements
    firm = sum(v.p_holm is not None and v.p_holm < 0.05 for v in family.verdicts)
    decided = sum(v.verdict in (HOLDS, CONTRADICTED) for v in family.verdicts)
    assert f"{firm} of the {decided} remain" in summary.weight(assemblies)
