"""The table experiment: records in, files out; with and without records."""

from __future__ import annotations

import json

import pytest
from claims_fakes import PROJECT, write_runs

from mmlib.errors import ParameterError, UsageError
from mmlib.experiments.table import Parameters, run
from mmlib.record import read_result
from mmlib.workbook.plan import find_plan


def test_without_any_record(stub_project):
    result = run(Parameters())
    assert "mmlib run table1 --profile embedded" in result.summary
    assert result.frame.shape[0] == 16
    assert set(result.statements["verdict"]) == {"not run"}
    assert result.problems is None
    assert set(result.figures) == {"rows", "statements"}
    assert all(path.exists() for path in result.files)
    assert "No problems." in result.html("problems")


def test_with_records(stub_project):
    outputs = stub_project / "outputs"
    write_runs(find_plan("table1"), "embedded", outputs)
    result = run(Parameters(output="outputs/tables/mine"))
    assert "48 of 48 cells" in result.summary
    assert set(result.figures) == {"rows", "statements", "curves"}
    assert len(result.sentences) == 20
    assert "holds" in result.html("statements")
    saved, problem = read_result(outputs / "tables" / "mine")
    assert problem is None
    assert sum(value for name, value in saved.metrics.items() if name.startswith("statements/")) == 19
    assert saved.parameters["profile"] == "embedded"
    assert (outputs / "tables" / "table1-embedded" / "table1-embedded.csv").exists()


def test_mistakes_are_told(stub_project):
    with pytest.raises(UsageError, match="no profile 'embeded'"):
        run(Parameters(profile="embeded"))
    with pytest.raises(ParameterError, match="protocol"):
        Parameters.resolve({"protocol": "best"})


def test_notebook_uses_every_parameter():
    cells = json.loads((PROJECT / "notebooks" / "table1.ipynb").read_text())["cells"]
    (source,) = ["".join(cell["source"]) for cell in cells if "parameters" in cell["metadata"].get("tags", [])]
    namespace: dict = {}
    exec(source, namespace)  # the notebook's own parameters cell
    assert set(namespace["__annotations__"]) == set(Parameters.model_fields)
    assert Parameters.from_notebook(namespace) == Parameters()
