"""The classification notebook: its parameters are the library's, and it runs from top to bottom."""

from __future__ import annotations

import ast
import json

import papermill
import pytest

from mmlib.experiments.classification import Parameters
from mmlib.workbook.record import read_result


@pytest.fixture(scope="module")
def notebook(project):
    return project / "notebooks" / "classification.ipynb"


@pytest.fixture(scope="module")
def parameters_cell(notebook):
    cells = [cell for cell in json.loads(notebook.read_text())["cells"] if cell["cell_type"] == "code"]
    return "".join(cells[0]["source"])


def test_names_and_defaults_are_those_of_the_library(parameters_cell):
    cell = {node.target.id: ast.literal_eval(node.value) for node in ast.parse(parameters_cell).body}
    assert set(cell) == set(Parameters.model_fields), "same names; the notebook orders them for its reader"
    assert cell == Parameters().model_dump()
    assert {name: type(value) for name, value in cell.items()} == {
        name: type(value) for name, value in Parameters().model_dump().items()
    }


def test_annotations_and_comments_are_those_of_the_library(parameters_cell):
    lines = parameters_cell.splitlines()
    for node in ast.parse(parameters_cell).body:
        field = Parameters.model_fields[node.target.id]
        assert lines[node.lineno - 1].split("  # ", 1)[1] == field.description
        kind = ast.unparse(node.annotation)
        assert kind == (type(field.default).__name__ if field.default is not None else kind)
        assert kind in ("str", "int", "float", "bool", "'Optional[float]'", "'Optional[int]'")


def test_papermill_understands_every_parameter(notebook):
    found = papermill.inspect_notebook(str(notebook))
    assert set(found) == set(Parameters.model_fields)


@pytest.mark.parametrize("changes", [{}, {"simam2": True, "zeta": "learned", "modulation": "decoupling_free"}])
def test_runs_from_top_to_bottom(notebook, tmp_path, monkeypatch, changes):
    monkeypatch.setenv("MMLIB_OUTPUTS", str(tmp_path / "outputs"))
    given = {"synthetic_samples": 100, "epochs": 2, "feature_channels": 8, "output": str(tmp_path / "run"), **changes}
    executed = papermill.execute_notebook(
        str(notebook), str(tmp_path / "executed.ipynb"), parameters=given, cwd=str(tmp_path), progress_bar=False
    )
    result, problem = read_result(tmp_path / "run")
    assert problem is None
    assert result.parameters == Parameters.resolve(given).model_dump()
    outputs = [output for cell in executed.cells for output in cell.get("outputs", [])]
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    players = [output for output in outputs if "<audio" in output.get("data", {}).get("text/html", "")]
    assert len(pictures) == 5
    assert len(players) == 3
    assert not any(output.get("name") == "stderr" for output in outputs)
    assert (tmp_path / "executed.ipynb").stat().st_size < 1_500_000


def test_a_wrong_parameter_stops_at_the_first_cell(notebook, tmp_path):
    with pytest.raises(papermill.PapermillExecutionError, match="did you mean 'film'"):
        papermill.execute_notebook(
            str(notebook),
            str(tmp_path / "x.ipynb"),
            {"fusion": "fiml"},
            cwd=str(tmp_path),
            progress_bar=False,
        )
