"""What is written of a plan and profile: its tables, and nothing of an earlier state beside them."""

from __future__ import annotations

from claims_fakes import write_runs

from mmlib.report.assemble import assemble, write
from mmlib.workbook.plan import find_plan


def test_cells_without_a_result_are_listed_until_they_have_one(stub_project):
    plan, outputs = find_plan("table1"), stub_project / "outputs"
    folder = outputs / "tables" / "table1-cremad"
    write_runs(plan, "cremad", outputs, skip=[plan.rows[0].id])
    before = write(assemble(plan, "cremad", outputs, stub_project), outputs, figures=False)
    (folder / "own notes.md").write_text("of the user")
    assert {path.suffix for path in folder.glob("*-problems.*")} == {".csv", ".md", ".tex"}
    write_runs(plan, "cremad", outputs)
    after = write(assemble(plan, "cremad", outputs, stub_project), outputs, figures=False)
    assert set(after.files) < set(before.files)
    assert set(folder.iterdir()) == {*after.files, folder / "own notes.md"}
