"""What the front page says of all runs together."""

from __future__ import annotations

import re

import pytest
from claims_fakes import write_runs

from mmlib.report import summary
from mmlib.report.assemble import assemble
from mmlib.report.judging import family_of
from mmlib.workbook.plan import find_plan
from mmlib.workbook.verdicts import CONTRADICTED, HOLDS, NOISE


@pytest.fixture
def assemblies(stub_project):
    plan = find_plan("table1")
    write_runs(plan, "embedded", stub_project / "outputs")
    return [assemble(plan, profile, stub_project / "outputs", stub_project) for profile in plan.profiles]


def test_without_the_papers_data_only_statements_are_judged(assemblies):
    assert "CREMA-D and VGGSound, which did not run" in summary.scope(assemblies)
    overview = summary.overview(assemblies, family_of(assemblies, []))
    assert [row[-1] for row in overview.rows] == ["–", "–"]
    plan = assemblies[0].plan
    write_runs(plan, "cremad", assemblies[0].results.folders.popitem()[1].parents[1])
    project = plan.path.parents[2]
    again = [assemble(plan, "cremad", project / "outputs", project)]
    assert summary.scope(again) == ""
    assert " of 30" in summary.overview(again, family_of(again, [])).rows[0][-1]


def test_rivals_are_named_as_the_table_names_them(assemblies):
    rivals = [verdict for verdict in assemblies[0].statements.verdicts if verdict.rival]
    assert rivals
    names = {f"{row.block}, {row.label}" for row in assemblies[0].plan.rows}
    assert {verdict.rival_name for verdict in rivals} <= names


def test_the_overview_adds_up(assemblies):
    family = family_of(assemblies, [])
    line, total = summary.overview(assemblies, family).rows
    assert line[2:6] == ["48 / 48", "0", "0", "0"]
    assert total[2] == f"48 / {sum(one.results.wanted for one in assemblies)}"
    assert line[6:10] == total[6:10]
    assert sum(map(int, line[6:10])) == assemblies[0].statements.tested
    counts = summary.statement_counts(assemblies, family)
    assert line[6:10] == [str(counts[name]) for name in (HOLDS, CONTRADICTED, "unadjusted", NOISE)]


def test_a_cell_of_two_plans_stands_in_both_lines_and_once_in_the_sum(assemblies):
    twice = [assemblies[0], assemblies[0]]
    table = summary.overview(twice, family_of(twice, []))
    assert [row[2] for row in table.rows] == ["48 / 48"] * 3
    assert table.notes[1].startswith("48 cells belong to two plans")


def test_a_plan_without_statements_counts_none(assemblies):
    assemblies[0].statements = None
    assert summary.overview(assemblies[:1], family_of([], [])).rows[0][6:10] == ["–"] * 4


def test_what_is_missing_is_told_with_its_reason(assemblies):
    lines = summary.missing(assemblies)
    assert len(lines) == len(assemblies) - 1  # the generated data are complete
    assert all(re.search(r": (\d+) of \1 cells. \1 blocked: ", line) for line in lines)


def test_weight_says_how_many_stand(assemblies):
    family = family_of(assemblies, [])
    alone, firm = family.counts
    text = summary.weight(family)
    assert f"Unadjusted {alone} do" in text
    assert f"(Holm, over the whole report) {firm} do" in text
    assert 0 <= firm <= alone
    assert alone > 0
    assert summary.weight(family_of([], [])) == "No statement could be tested yet."
