"""The table notebook of continual learning: one notebook that shows rows, figures of the analysis and statements."""

from __future__ import annotations

import json

import numpy as np
import pytest
from claims_fakes import PROJECT, fake_record
from continual_fakes import SIZES, continual_plan, matrix

from mmlib.experiments.table import Parameters, run
from mmlib.metrics.continual import continual_metrics
from mmlib.report.build import build_report


@pytest.fixture
def outputs(tmp_path):
    """The embedded profile as a batch leaves it."""
    for cell in continual_plan().cells("embedded", outputs=tmp_path):
        accuracies = matrix(cell.row, cell.seed)
        found = continual_metrics(accuracies, SIZES, accuracies)
        metrics = {f"{protocol}/{name}": value for protocol in ("clean", "last") for name, value in found.items()}
        record = fake_record(
            cell.row, cell.seed, cell_id=cell.id, metrics=metrics, plan="continual", profile="embedded",
            parameters=cell.parameters.model_dump(mode="json"),
        )  # fmt: skip
        cell.folder.mkdir(parents=True)
        (cell.folder / "record.json").write_text(json.dumps(record.model_dump(mode="json")))
        np.savez(cell.folder / "arrays.npz", clean_accuracy_matrix=accuracies, task_clips=np.array(SIZES))
    return tmp_path


def test_one_notebook_shows_all(outputs):
    result = run(Parameters(plan="continual", outputs=str(outputs), output=str(outputs / "mine")))
    assert "24 of 24 cells" in result.summary
    assert set(result.figures) == {"rows", "statements", "bars", "steps", "gains"}
    assert all(path.is_file() for path in result.files)
    assert "against without (points)" in result.html("analysis")
    assert any(sentence.startswith("LwF, against the same without IEMF (2 seeds)") for sentence in result.findings)
    assert [name for name in result.frame.columns if "forgetting" in name] == [
        "forgetting, clean", "forgetting, last epoch",
    ]  # fmt: skip
    verdicts = result.statements
    assert len(verdicts) == 8  # four statements, on accuracy and on forgetting
    # Two more are about rows that this setting does not have.
    assert any("2 statements are left out" in note for note in result.assembly.tables["statements"].notes)
    assert not any("best on test" in note for note in result.assembly.tables["rows"].notes)


def test_the_report_has_its_section(outputs):
    index = build_report(outputs, notebooks=False, plans=["continual"])
    text = (index.parent / "plan-continual.html").read_text(encoding="utf-8")
    assert "IEMF: mean task accuracy" in text
    assert "Accuracy on all classes seen, after each step" in text
    assert 'id="continual-ave"' in text


def test_notebook_shows_what_the_experiment_makes():
    cells = json.loads((PROJECT / "notebooks" / "table_continual.ipynb").read_text(encoding="utf-8"))["cells"]
    source = "".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    for shown in ('html("rows")', '"bars"', '"steps"', '"gains"', 'html("analysis")', "findings", 'html("statements")'):
        assert shown in source
