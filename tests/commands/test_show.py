"""`mmlib show`: a plan's results as a table of rows × metrics."""

from __future__ import annotations

import re
from statistics import fmean, stdev

import pytest
from claims_fakes import fake_metrics, write_runs

from mmlib.commands.plan_results import entries, results_lines
from mmlib.commands.show import show
from mmlib.errors import UsageError
from mmlib.workbook.plan import find_plan
from mmlib.workbook.reference import write_reference
from mmlib.workbook.results import collect


@pytest.fixture
def outputs(stub_project):
    """Table 1's embedded cells, of which one row failed and one never ran."""
    write_runs(find_plan("table1"), "embedded", stub_project / "outputs", skip=["simam2-sum"], failed=["baseline-film"])
    return stub_project / "outputs"


def test_a_plan_has_a_line_per_row_with_mean_spread_and_n(outputs, capsys):
    show("table1", outputs)
    said = capsys.readouterr().out
    assert "profile embedded (embedded)" in said
    assert "42 of 48 cells" in said
    values = [100 * fake_metrics("baseline-sum", seed)["clean/top1"] for seed in range(3)]
    line = next(line for line in said.splitlines() if line.startswith("  baseline-sum "))
    assert f"  {fmean(values):.1f} ± {stdev(values):.1f}  " in line
    assert re.search(r"\s3\s+14$", line), "n, and seconds"
    for row in ("baseline-film", "simam2-sum"):
        (line,) = [line for line in said.splitlines() if line.startswith(f"  {row} ")]
        assert set(line.split()[1:]) == {"–"}
    assert re.search(r"Top-1 %\s+Top-1 %\s+mAP %", said)
    assert re.search(r"best on test\s+clean\s+best on test", said)
    show("table1", outputs, "embedded")
    alone = capsys.readouterr().out
    assert "profile embedded (embedded)" not in alone
    assert alone.strip() in said


def test_a_narrow_terminal_has_the_columns_below_each_other(outputs, monkeypatch):
    plan = find_plan("table1")
    results = collect(plan, "embedded", outputs)

    def line_of(row: str) -> tuple[int, list[str]]:
        found = [line.split()[1:] for line in results_lines(plan, results) if line.startswith(f"  {row} ")]
        return len(found), sum(found, [])

    whole = line_of("baseline-sum")
    monkeypatch.setenv("COLUMNS", "70")
    assert max(map(len, results_lines(plan, results))) <= 70
    tables, texts = line_of("baseline-sum")
    assert (tables > 1, texts) == (True, whole[1])


def test_a_metric_that_a_seed_lacks_says_how_many_have_it(outputs):
    row = collect(find_plan("table1"), "embedded", outputs).rows["baseline-sum"]
    row.records[1].metrics["clean/map"] = None
    assert [text.endswith(" (2)") for text in entries(row, [("clean", "map"), ("clean", "top1")])[:2]] == [True, False]


def test_the_reference_result_is_named_and_shown_where_it_is_asked_for(outputs, stub_project, capsys):
    plan = find_plan("table1")
    write_reference(stub_project / "outputs" / "reference", collect(plan, "embedded", outputs), "today")
    elsewhere = stub_project / "elsewhere"
    show("table1", elsewhere)
    assert "committed reference results: embedded (mmlib show table1 --profile embedded)" in capsys.readouterr().out
    show("table1", elsewhere, "embedded")
    said = capsys.readouterr().out
    assert "not run here: these are the committed reference results (today)" in said
    assert "  baseline-sum " in said


def test_a_profile_belongs_to_a_plan(outputs):
    with pytest.raises(UsageError, match="belongs to a plan"):
        show("synthetic", outputs, "embedded")
    with pytest.raises(UsageError, match="no profile 'embeded'"):
        show("table1", outputs, "embeded")
