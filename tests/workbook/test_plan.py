"""Plans: what they mean, and a message for every way to write one wrongly."""

from __future__ import annotations

import pytest

from mmlib.errors import ParameterError, UsageError
from mmlib.workbook.cell import more_seeds
from mmlib.workbook.plan import find_plan, load_plan


def test_cells_are_rows_by_seeds(here):
    rows = [{"id": "a", "parameters": {}}, {"id": "b", "parameters": {"scale": 2.0}}]
    plan = load_plan(here.plan(rows=rows))
    cells = plan.cells("embedded")
    assert [(cell.row, cell.seed) for cell in cells] == [("a", 0), ("a", 1), ("b", 0), ("b", 1)]
    assert len({cell.id for cell in cells}) == 4
    assert cells[0].folder == here.outputs / "runs" / cells[0].id
    assert cells[3].parameters.scale == 2.0
    assert [cell.seed for cell in plan.cells("embedded", seeds=[7], rows=["b"])] == [7]


def test_later_settings_win_and_runtime_fields_are_no_identity(here):
    profiles = {"embedded": {"kind": "embedded", "seeds": [0], "parameters": {"scale": 2.0, "steps": 5}}}
    rows = [{"id": "a", "parameters": {"scale": 3.0}}]
    plan = load_plan(here.plan(parameters={"scale": 1.0, "pause": 0.5}, profiles=profiles, rows=rows))
    (cell,) = plan.cells("embedded")
    assert (cell.parameters.scale, cell.parameters.steps, cell.parameters.pause) == (3.0, 5, 0.5)
    (other,) = plan.cells("embedded", overrides={"data_root": "/elsewhere"})
    assert other.id == cell.id
    (changed,) = plan.cells("embedded", overrides={"scale": 4.0})
    assert changed.id != cell.id


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"row": []}, "row: unknown key .did you mean 'rows'"),
        ({"rows": [{"id": "a"}, {"id": "a"}]}, "the row id 'a' occurs twice"),
        ({"rows": [{"id": "a", "parameters": 3}]}, r"rows\[0\].parameters"),
        ({"rows": [{"id": 3}]}, r"rows\[0\].id"),
        ({"rows": []}, "rows"),
        ({"profiles": {"embedded": {"kind": "huge"}}}, "profiles.embedded.kind"),
        ({"profiles": {"embedded": {"kind": "embedded", "seeds": [1.5]}}}, r"profiles.embedded.seeds\[0\]"),
        ({"notebook": 3}, "notebook"),
        ({"profiles": {"a/b": {"kind": "embedded"}}}, "profile 'a/b' cannot be a file's name"),
        ({"comparisons": [{"row": "a", "against": "nobody", "text": "t"}]}, "'t' names an unknown row"),
    ],
)
def test_wrong_plans_are_messages_with_file_and_key(here, change, message):
    with pytest.raises(UsageError, match=message) as caught:
        load_plan(here.plan(**change))
    assert "toy.yaml" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: a\nname: b\n", "line 2.*'name' occurs twice"),
        ("name: Table: 1\n", "line 1"),
        ("- 1\n", "must be a mapping"),
        ("name: toy\n", "notebook: is missing"),
        ("a: !!python/object:os.system x\n", "line 1"),
    ],
)
def test_unreadable_plans(here, text, message):
    path = here.root / "notebooks" / "plans" / "bad.yaml"
    path.write_text(text)
    with pytest.raises(UsageError, match=message):
        load_plan(path)


def test_merge_keys_may_be_overridden(here):
    path = here.plan()
    path.write_text(
        path.read_text().replace("parameters: {}\nprofiles", "parameters: &base {scale: 2.0}\nprofiles")
        + "\nclaims: null\n"
    )
    text = path.read_text()
    path.write_text(text.replace("    parameters: {}\n    seeds", "    parameters: {<<: *base, scale: 5.0}\n    seeds"))
    assert load_plan(path).cells("embedded")[0].parameters.scale == 5.0


def test_unknown_names_are_suggested(here):
    here.plan()
    with pytest.raises(UsageError, match="no plan 'tov'.*did you mean 'toy'"):
        find_plan("tov")
    plan = find_plan("toy")
    with pytest.raises(UsageError, match="no profile 'embeded'.*did you mean 'embedded'"):
        plan.cells("embeded")
    with pytest.raises(UsageError, match="no row 'okk'.*did you mean 'ok'"):
        plan.cells("embedded", rows=["okk"])
    with pytest.raises(ParameterError, match="'scal'.*did you mean 'scale'"):
        plan.cells("embedded", overrides={"scal": 1.0})
    with pytest.raises(ParameterError, match="--seeds"):
        plan.cells("embedded", overrides={"seed": 1})


@pytest.mark.parametrize("name", ["../../evil", "", ".hidden", "a/b"])
def test_a_plan_whose_name_leads_elsewhere_is_refused(here, name):
    path = here.plan()
    path.write_text(path.read_text().replace("name: toy\n", f"name: '{name}'\n"))
    with pytest.raises(UsageError, match="toy.yaml:\n  name .* cannot be a file's name"):
        load_plan(path)


@pytest.mark.parametrize(
    "change", [{"notebook": "../other.ipynb"}, {"summaries": ["/tmp/x.ipynb"]}, {"claims": "../../claims.yaml"}]
)
def test_files_outside_of_the_notebooks_are_refused(here, change):
    summaries = {"summaries": ["summary.ipynb"]} if "claims" in change else {}
    plan = load_plan(here.plan(**change, **summaries))
    with pytest.raises(UsageError, match="toy.yaml: the .* lies outside of"):
        plan.cells("embedded") if "notebook" in change else plan.summary_cells("embedded")


def test_a_profile_may_leave_rows_out(here):
    profiles = {"embedded": {"kind": "embedded", "seeds": [0], "only": ["b"]}}
    plan = load_plan(here.plan(rows=[{"id": "a"}, {"id": "b"}], profiles=profiles))
    assert [cell.row for cell in plan.cells("embedded")] == ["b"]
    with pytest.raises(UsageError, match="row 'a' is not in profile 'embedded'.*it has b"):
        plan.cells("embedded", rows=["a"])
    profiles["embedded"]["only"] = ["c"]
    with pytest.raises(UsageError, match="profile 'embedded' names an unknown row 'c'"):
        load_plan(here.plan(rows=[{"id": "a"}], profiles=profiles))


def test_a_wrong_parameter_names_plan_profile_and_row(here):
    plan = load_plan(here.plan(rows=[{"id": "a", "parameters": {"steps": "three"}}]))
    with pytest.raises(ParameterError, match=r"toy.yaml, profile embedded, row a: .*\n.*steps = 'three'"):
        plan.cells("embedded")


def test_more_seeds_than_the_plan_names_are_found(here):
    plan = load_plan(here.plan(profiles={"embedded": {"kind": "embedded", "seeds": [0]}}))
    (cell,) = plan.cells("embedded", outputs=here.outputs)
    (other,) = plan.cells("embedded", seeds=[7], outputs=here.outputs)
    (changed,) = plan.cells("embedded", seeds=[8], overrides={"scale": 2.0}, outputs=here.outputs)
    for one in (cell, other, changed):
        one.folder.mkdir(parents=True)
    assert [(found.id, found.seed) for found in more_seeds([cell])] == [(other.id, 7)]


def test_an_experiment_with_a_syntax_error_is_named_with_its_line(here):
    (here.root / "toy_experiment.py").write_text("x = 1\ndef f(:\n")
    with pytest.raises(UsageError, match=r"toy_experiment.py, line 2: invalid syntax"):
        load_plan(here.plan()).cells("embedded")


def test_claims_that_are_not_there_are_missed_before_anything_runs(here):
    plan = load_plan(here.plan(claims="nothing.yaml", summaries=["summary.ipynb"]))
    with pytest.raises(UsageError, match=r"no claims file .*nothing.yaml"):
        plan.summary_cells("embedded")


def test_a_key_that_is_no_plain_value_is_refused(tmp_path):
    path = tmp_path / "plan.yaml"
    path.write_text("name: toy\n? [1]\n: 2\n")
    with pytest.raises(UsageError, match=r"plan.yaml, line 2"):
        load_plan(path)
