"""What is written of a plan and profile: its tables, and nothing of an earlier state beside them."""

from __future__ import annotations

from claims_fakes import write_runs

from mmlib.report.assemble import assemble, write, write_tables
from mmlib.workbook.fingerprint import Fingerprints
from mmlib.workbook.plan import find_plan


def test_cells_without_a_result_are_listed_until_they_have_one(stub_project):
    plan, outputs = find_plan("table1"), stub_project / "outputs"
    folder = outputs / "tables" / "table1-cremad"
    write_runs(plan, "cremad", outputs, skip=[plan.rows[0].id])
    before = write_tables(assemble(plan, "cremad", outputs, stub_project), outputs)
    (folder / "own notes.md").write_text("of the user")
    assert {path.suffix for path in folder.glob("*-problems.*")} == {".csv", ".md", ".tex"}
    write_runs(plan, "cremad", outputs)
    after = write_tables(assemble(plan, "cremad", outputs, stub_project), outputs)
    assert set(after.files) < set(before.files)
    assert set(folder.iterdir()) == {*after.files, folder / "own notes.md"}


def test_figures_are_drawn_again_only_where_something_changed(stub_project):
    plan, outputs = find_plan("table1"), stub_project / "outputs"
    write_runs(plan, "embedded", outputs)

    def drawn(protocol: str = "clean") -> dict:
        """The figures' files, and when each was written."""
        made = assemble(plan, "embedded", outputs, stub_project, fingerprints=Fingerprints(stub_project))
        write(made, outputs, protocol)
        assert set(made.figures) >= {"rows", "statements"}
        return {path: path.stat().st_mtime_ns for path in made.files if path.parent.name == "figures"}

    first = drawn()
    assert drawn() == first
    picture = outputs / "figures" / "table1-embedded-rows.png"
    picture.write_bytes(b"not what was drawn")
    again = drawn()
    assert again.keys() == first.keys()
    assert all(again[path] > first[path] for path in first)
    assert picture.read_bytes()[:4] == b"\x89PNG"
    other = drawn("paper")
    assert all(other[path] > again[path] for path in first)
    record = next(outputs.glob("runs/*/record.json"))
    record.write_text(record.read_text().replace('"host": "', '"host": "another-'))
    last = drawn("paper")
    assert all(last[path] > other[path] for path in first)
