"""Results: which records count, and how their numbers are read."""

from __future__ import annotations

import json

import pytest
from claims_fakes import fake_record, write_runs

from mmlib.errors import UsageError
from mmlib.record import load_record, write_model
from mmlib.seal import stamps
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
    results = collect(plan, "embedded", tmp_path / "empty", reference=tmp_path)
    assert not results.records
    assert "reference result cannot be used" in results.notes[0]
    assert "was changed after it was written" in results.notes[0]
    with pytest.raises(UsageError, match="restore it"):
        load_reference(tmp_path, "table1", "embedded")
    del reference["digest"]  # as those made before there were digests
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


def cells_of(outputs, row: str) -> dict:
    return {cell.seed: cell for cell in find_plan("table1").cells("embedded", outputs=outputs) if cell.row == row}


def test_records_that_were_changed_or_belong_elsewhere_are_listed_and_not_used(stub_project):
    outputs, plan = stub_project / "outputs", find_plan("table1")
    write_runs(plan, "embedded", outputs)
    cells = cells_of(outputs, "baseline-sum")
    for cell in cells.values():
        write_model(cell.folder / "record.json", load_record(cell.folder))
    assert len(collect(plan, "embedded", outputs).records) == 48
    first = cells[0].folder / "record.json"
    first.write_text(first.read_text().replace("clean/top1", "clean/top2"))
    (cells[1].folder / "record.json").write_text((cells[2].folder / "record.json").read_text())
    results = collect(plan, "embedded", outputs)
    assert sorted(results.rows["baseline-sum"].records) == [2]
    assert [(problem.status, problem.seed) for problem in results.problems] == [("altered", 0), ("altered", 1)]
    assert "was changed after it was written" in results.problems[0].reason
    assert f"belongs to {cells[2].id}" in results.problems[1].reason
    assert "2 of the runs were changed or damaged afterwards, and are not used" in results.notes


def test_arrays_that_were_changed_are_not_used(stub_project):
    outputs, plan = stub_project / "outputs", find_plan("table1")
    write_runs(plan, "embedded", outputs)
    folder = cells_of(outputs, "baseline-sum")[0].folder
    record = load_record(folder)
    write_model(folder / "record.json", record.model_copy(update={"files": stamps(folder)}))
    assert not collect(plan, "embedded", outputs).problems
    path = folder / "history.jsonl"
    path.write_text(path.read_text().replace("0.2", "0.3", 1))
    (problem,) = collect(plan, "embedded", outputs).problems
    assert problem.status == "altered"
    assert f"{path} was changed after the run" in problem.reason


def test_a_seed_that_has_gone_is_listed(stub_project):
    outputs, plan = stub_project / "outputs", find_plan("table1")
    write_runs(plan, "embedded", outputs, skip=("baseline-film",))
    (cells_of(outputs, "baseline-sum")[1].folder / "record.json").unlink()
    (problem,) = collect(plan, "embedded", outputs).problems
    assert (problem.status, problem.row, problem.seed) == ("missing", "baseline-sum", 1)
