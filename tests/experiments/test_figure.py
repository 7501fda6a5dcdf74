"""The figure experiment on IEMF's plan, which has a table too: records in, figures and sentences out."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from claims_fakes import write_runs
from iemf_fakes import iemf_plan, iemf_project, iemf_results

from mmlib.analysis.iemf.beside import read_planes, read_votes, votes_path
from mmlib.errors import DataError
from mmlib.experiments import classification, figure, table
from mmlib.experiments.figure.beside import leave_beside
from mmlib.report.build import build_report
from mmlib.workbook.results import Results, RowResult

VOTES = """,A,D,F,H,N,S,fileName
100001,8,0,0,0,2,0,1001_IEO_ANG_HI
200001,6,4,0,0,0,0,1001_IEO_ANG_HI
300001,10,0,0,0,0,0,1001_IEO_ANG_HI
"""


@pytest.fixture
def outputs(tmp_path, monkeypatch):
    """Runs of the embedded profile, in a project of their own."""
    project = iemf_project(tmp_path / "project")
    monkeypatch.setenv("MMLIB_PROJECT", str(project))
    monkeypatch.delenv("MMLIB_OUTPUTS", raising=False)
    write_runs(iemf_plan(), "embedded", project / "outputs")
    return project / "outputs"


def test_figures_and_sentences_of_records(outputs):
    result = figure.run(figure.Parameters(plan="iemf"))
    assert "28 of 28 cells" in result.summary
    assert list(result.figures)[:2] == ["gains", "factorial"]
    assert "psi" not in result.figures  # ψ is swept on real data only
    assert not {"rows", "statements", "curves"} & set(result.figures)  # of the table's notebook
    assert all(path.exists() for path in result.files)
    assert result.markdown().count("IEMF on ") == 3
    assert "Not shown: the loss landscape" in result.markdown()
    assert list(result.table().columns)[:2] == ["Method", "unimodal losses alone (points)"]


def test_table_and_figures_agree_and_draw_each_their_own(outputs):
    first = table.run(table.Parameters(plan="iemf"))
    assert set(first.figures) == {"rows", "statements", "curves"}
    assert "share" in first.html("analysis")
    assert "474/744" in first.html("counts")
    second = figure.run(figure.Parameters(plan="iemf"))
    assert first.findings == second.sentences
    pictures = [path for path in {*first.files, *second.files} if path.parent.name == "figures"]
    drawn = {path: path.stat().st_mtime_ns for path in pictures}
    build_report(outputs, notebooks=False)
    assert drawn == {path: path.stat().st_mtime_ns for path in pictures}


def test_the_report_shows_the_plan_and_what_was_printed(outputs):
    index = build_report(outputs, notebooks=False)
    text = (index.parent / "plan-iemf.html").read_text(encoding="utf-8")
    section = text[text.index('id="iemf-embedded"') :]
    assert "How much of IEMF&#x27;s gain unimodal losses give" in section or "The numbers behind the figures" in section
    assert text.count("All 57 printed numbers are whole counts") == 1
    assert "never spikes" in text
    assert "Against the same method without it, IEMF " in index.read_text(encoding="utf-8")


def test_before_anything_ran(outputs):
    shutil.rmtree(outputs / "runs")
    result = figure.run(figure.Parameters(plan="iemf"))
    assert result.figures == {}
    assert result.sentences == ["No finished run: nothing can be said."]
    assert table.run(table.Parameters(plan="iemf")).findings == []


def test_votes_are_computed_once_where_their_table_is(tmp_path):
    results = iemf_results(rows=["none"], seeds=(0,))
    leave_beside(results, tmp_path)
    assert read_votes(tmp_path) == []
    results.rows["none"].records[0].parameters["data_root"] = str(tmp_path)
    (tmp_path / "cremad_meta").mkdir()
    lines = [VOTES.splitlines()[0]]
    for code in ("ANG", "DIS", "FEA", "HAP", "NEU", "SAD"):
        lines += [f"{first}00001,5,5,5,5,5,5,1001_IEO_{code}_HI" for first in (1, 2)]
        lines += [f"300001,9,9,9,9,9,9,1001_IEO_{code}_HI"]
    table_file = tmp_path / "cremad_meta" / "tabulatedVotes.csv"
    table_file.write_text("\n".join(lines) + "\n")
    leave_beside(results, tmp_path)
    whole = read_votes(tmp_path)[0]
    assert (whole.emotion, whole.ratio, whole.coefficient) == ("all", pytest.approx(1), pytest.approx(1))
    table_file.write_text("nothing")
    leave_beside(results, tmp_path)  # kept
    votes_path(tmp_path).unlink()
    with pytest.raises(DataError, match="tabulatedVotes"):
        leave_beside(results, tmp_path)


def test_landscapes_are_computed_where_samples_are_asked_for(tmp_path):
    small = {"fusion": "concat", "synthetic_samples": 60, "epochs": 1, "feature_channels": 8}
    small["data_store"] = str(tmp_path / "data")
    results = Results("iemf", "embedded", "t", "made-up", "embedded", {}, "runs")
    plain = iemf_results(rows=["none", "none-iemf"], seeds=(3,))
    for row, more in (("none", {}), ("none-iemf", {"unimodal_heads": "attached", "iemf": True})):
        folder = tmp_path / row
        classification.run(classification.Parameters(**small, **more, output=str(folder)))
        record = plain.rows[row].records[3]
        results.rows[row] = RowResult(row, row, row, [3], {3: record})
        results.folders[record.cell_id] = folder
    leave_beside(results, tmp_path)
    assert read_planes(results) == []
    leave_beside(results, tmp_path, landscape_samples=4)
    one, other = read_planes(results)
    assert one.loss.shape == other.loss.shape == (21, 21)
    assert (one.samples, one.seed) == (4, 3)
    assert np.isfinite(one.loss).all()
    assert not np.array_equal(one.loss, other.loss)


def test_notebook_uses_every_parameter(project):
    cells = json.loads((project / "notebooks" / "figure_iemf.ipynb").read_text())["cells"]
    (source,) = ["".join(cell["source"]) for cell in cells if "parameters" in cell["metadata"].get("tags", [])]
    namespace: dict = {}
    exec(source, namespace)  # the notebook's own parameters cell
    assert set(namespace["__annotations__"]) == set(figure.Parameters.model_fields)
    assert figure.Parameters.from_notebook(namespace) == figure.Parameters(plan="iemf")
