"""Results: which records count, and how their numbers are read."""

from __future__ import annotations

import json

import pytest
from claims_fakes import fake_record, write_runs

from mmlib.workbook.plan import find_plan
from mmlib.workbook.reference import load_reference, write_reference
from mmlib.workbook.results import RowResult, collect


@pytest.fixture
def broken(stub_project):
    """Outputs in which seed 1 of baseline-sum has an accuracy of 130 %."""
    outputs, plan = stub_project / "outputs", find_plan("table1")
    write_runs(plan, "embedded", outputs)
    (cell,) = [c for c in plan.cells("embedded", outputs=outputs) if (c.row, c.seed) == ("baseline-sum", 1)]
    record = json.loads((cell.folder / "record.json").read_text())
    record["metrics"]["clean/top1"] = 1.3
    (cell.folder / "record.json").write_text(json.dumps(record))
    return outputs


def test_a_record_with_an_impossible_number_is_refused(broken):
    results = collect(find_plan("table1"), "embedded", broken)
    assert sorted(results.rows["baseline-sum"].records) == [0, 2]
    (problem,) = results.problems
    assert (problem.status, problem.row, problem.seed) == ("refused", "baseline-sum", 1)
    assert "clean/top1 is 1.3, which Top-1 cannot be" in problem.reason
    assert "--force" in problem.reason
    assert len(results.records) == 47


def test_a_reference_with_an_impossible_number_is_refused_too(broken, tmp_path):
    plan = find_plan("table1")
    path = write_reference(tmp_path, collect(plan, "embedded", broken), "today")
    reference = json.loads(path.read_text())
    reference["records"][0]["metrics"]["clean/map"] = -0.5
    path.write_text(json.dumps(reference))
    assert len(load_reference(tmp_path, "table1", "embedded").records) == 47
    assert len(collect(plan, "embedded", tmp_path / "empty", reference=tmp_path).records) == 46


def test_values_are_in_the_unit_of_their_metric():
    metrics = {"clean/top1": 0.5, "clean/mae": 0.718, "clean/forgetting": 0.1, "clean/nobody_knows": 0.25}
    row = RowResult("r", "R", "", [0], {0: fake_record("r", metrics=metrics)})
    shown = {name.partition("/")[2]: row.values(name)[0] for name in metrics}
    assert shown == {"top1": 50.0, "mae": 0.718, "forgetting": 10.0, "nobody_knows": 0.25}


def test_comparisons_come_with_the_results(project, tmp_path):
    plan = find_plan(str(project / "notebooks" / "plans" / "table3.yaml"))
    results = collect(plan, "embedded", tmp_path)
    assert [(c.row, c.against) for c in results.comparisons][0] == ("fop-simam2", "fop")
