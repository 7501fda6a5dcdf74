"""One count of cells: by id, whatever plan names them."""

from __future__ import annotations

from pathlib import Path

from claims_fakes import fake_results

from mmlib.report.counts import count
from mmlib.workbook.results import Problem


def results(profile: str = "embedded", source: str = "runs"):
    """48 finished cells, as a batch leaves them."""
    found = fake_results(profile=profile)
    found.source = source
    found.folders = {record.cell_id: Path(record.cell_id) for record in found.records}
    return found


def test_cells_are_counted_by_how_they_ended():
    found = results()
    row = found.rows["baseline-sum"]
    for seed, status in enumerate(("failed", "blocked", "missing")):
        record = row.records.pop(seed)
        row.problems.append(Problem(row.id, seed, status, "why", record.cell_id))
    counted = count([found])
    assert (counted.wanted, counted.finished, counted.failed, counted.blocked, counted.not_run) == (48, 45, 1, 1, 1)
    assert counted.text == "45 of 48 cells finished here, 1 failed, 1 blocked"


def test_a_cell_of_two_plans_is_counted_once():
    assert count([results(), results()]) == count([results()])
    assert count([]).text == "0 of 0 cells finished here"


def test_reference_records_are_no_runs():
    counted = count([results(source="reference")])
    assert (counted.wanted, counted.finished, counted.reference, counted.not_run) == (48, 0, 48, 48)
    assert counted.text == "0 of 48 cells finished here; 48 committed reference records shown"
