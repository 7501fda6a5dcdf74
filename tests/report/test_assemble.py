"""What is written of a plan and profile: its tables, and nothing of an earlier state beside them."""

from __future__ import annotations

import pytest
from claims_fakes import PROJECT, write_runs

from mmlib.errors import UsageError
from mmlib.report.assemble import assemble, check_rows, claims_of, write, write_tables
from mmlib.report.drawing import draw
from mmlib.report.forest import statements_html
from mmlib.workbook.fingerprint import Fingerprints
from mmlib.workbook.plan import find_plan, load_plan


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


def test_a_statement_about_a_row_that_the_plan_does_not_have_is_refused():
    plan = load_plan(PROJECT / "notebooks" / "plans" / "mim.yaml")
    claims = claims_of(plan, PROJECT)
    check_rows(plan, claims)
    less = plan.model_copy(update={"rows": [row for row in plan.rows if row.id != "product-inter"]})
    with pytest.raises(
        UsageError, match="claims/mim.yaml: statement .* names row 'product-inter', which plan mim does"
    ):
        check_rows(less, claims)


def test_a_setting_about_which_nothing_is_stated_says_so(tmp_path):
    found = assemble(load_plan(PROJECT / "notebooks" / "plans" / "mim.yaml"), "noise_steps", tmp_path, PROJECT)
    assert found.results.source == "reference"
    assert (found.statements.verdicts, len(found.statements.left_out)) == ([], 16)
    assert "statements" not in found.tables
    assert statements_html(found, None) == f"<p>{found.statements.left_out_text}</p>"
    (said,) = draw(found, "clean", "table")["statements"].axes[0].texts
    assert said.get_text() == found.statements.left_out_text
