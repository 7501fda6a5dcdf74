"""The explorer notebook: parameters of the library, and a run from top to bottom with and without a finished run."""

from __future__ import annotations

import papermill
import pytest
from notebook_parameters import assert_parameters_of

from mmlib.experiments.explorer import Parameters


@pytest.fixture(scope="module")
def notebook(project):
    return project / "notebooks" / "explorer.ipynb"


def test_parameters_are_those_of_the_library(notebook):
    assert_parameters_of(notebook, Parameters)


def test_runs_from_top_to_bottom_without_a_run(notebook, tmp_path, execute):
    executed = execute(notebook, tmp_path, {"outputs": str(tmp_path / "outputs")})
    views = [
        output
        for cell in executed.cells
        for output in cell.get("outputs", [])
        if "application/vnd.jupyter.widget-view+json" in output.get("data", {})
    ]
    assert len(views) == 5
    assert not any(o.get("name") == "stderr" for cell in executed.cells for o in cell.get("outputs", []))
    assert not (tmp_path / "outputs").exists()  # nothing is written for looking


def test_a_run_that_is_not_there_is_told(notebook, tmp_path, execute):
    with pytest.raises(papermill.PapermillExecutionError, match="no finished run under"):
        execute(notebook, tmp_path, {"run": "nothing", "outputs": str(tmp_path)})
