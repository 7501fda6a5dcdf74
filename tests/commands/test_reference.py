"""`mmlib reference`: what is kept is what was run, and a run that differs in one bit is told."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
from claims_fakes import write_runs

from mmlib.commands import reference
from mmlib.errors import UsageError
from mmlib.figures import curves_figure
from mmlib.workbook.plan import find_plan
from mmlib.workbook.reference import load_reference
from mmlib.workbook.results import Results, collect


@pytest.fixture
def kept(stub_project, capsys):
    """A project whose runs of table1 were kept; gives its outputs folder."""
    outputs = stub_project / "outputs"
    write_runs(find_plan("table1"), "embedded", outputs)
    reference.keep("table1", "embedded", outputs, "2 cores")
    said = capsys.readouterr().out
    assert "table1-embedded.json and table1-embedded.npz: commit what was written" in said
    assert "mmlib figures table1 --profile embedded" in said
    return outputs


def test_the_same_runs_agree_bit_for_bit(kept, capsys):
    assert reference.check("table1", "embedded", kept) == 0
    assert capsys.readouterr().out == (
        "48 of 48 runs give the reference's metrics bit for bit; 0 of its 48 records were not run here\n"
    )
    assert load_reference(kept / "reference", "table1", "embedded").made == "2 cores"


def test_one_bit_is_told(kept, capsys):
    path = next(path for path in sorted((kept / "runs").glob("*/record.json")))
    record = json.loads(path.read_text())
    value = record["metrics"]["clean/top1"]
    record["metrics"]["clean/top1"] = value + 2**-53 if value < 0.5 else value - 2**-53
    path.write_text(json.dumps(record))
    assert "digest" not in record
    assert reference.check("table1", "embedded", kept) == 1
    said = capsys.readouterr().out
    assert f"differs   {record['cell_id']}: 1 of" in said
    assert "most clean/top1" in said
    assert "47 of 48 runs" in said
    assert "clean/top1: 0.00 points different on average; one run differs by 0.00 points on average" in said


def test_how_far_runs_are_from_it_is_told_in_the_metrics_unit():
    def records(values):
        return [SimpleNamespace(metrics={"clean/eer": value}) for value in values]

    pairs = list(zip(records([0.20, 0.30, None]), records([0.21, 0.26, 0.5]), strict=True))
    assert reference.how_far("clean/eer", pairs) == (
        "clean/eer: 1.50 points better on average; one run differs by 2.50 points on average, 4.00 points at most"
    )


def test_what_is_missing_is_said(stub_project, kept):
    with pytest.raises(UsageError, match="no reference result of table1 / cremad"):
        reference.check("table1", "cremad", kept)
    with pytest.raises(UsageError, match="no finished run of table1 / embedded"):
        reference.check("table1", "embedded", stub_project / "nowhere")
    with pytest.raises(UsageError, match="did you mean 'cremad'"):
        reference.check("table1", "cremat", kept)
    with pytest.raises(UsageError, match="nothing to keep"):
        reference.keep("table1", "cremad", kept, "2 cores")


def test_what_records_share_is_written_once(kept):
    path = kept / "reference" / "table1-embedded.json"
    content = json.loads(path.read_text())
    assert content["version"] == 2
    assert content["common"]["parameters"]["dataset"] == "synthetic"
    assert {"fusion", "seed"} <= set(content["records"][0]["parameters"])
    assert "hashes" not in content["records"][0]
    loaded = load_reference(path.parent, "table1", "embedded")
    (whole,) = [record for record in loaded.records if record.row == "baseline-sum" and record.seed == 2]
    assert whole.parameters["dataset"] == "synthetic"
    assert (whole.parameters["fusion"], whole.parameters["seed"]) == ("sum", 2)
    assert path.stat().st_size < 0.5 * sum(file.stat().st_size for file in kept.glob("runs/*/record.json"))


def content_of(path) -> dict:
    return json.loads(path.read_text())


def test_references_of_whole_records_are_read_too(kept):
    path = kept / "reference" / "table1-embedded.json"
    loaded = load_reference(path.parent, "table1", "embedded")
    assert "digest" in content_of(path)
    old = loaded.model_dump(mode="json") | {"version": 1}
    path.write_text(json.dumps(old))
    assert load_reference(path.parent, "table1", "embedded").records == loaded.records


def results_of(outputs, kept) -> Results:
    return collect(find_plan("table1"), "embedded", outputs, reference=kept / "reference")


def test_curves_are_drawn_again_from_what_is_kept_alone(kept, tmp_path):
    here, away = results_of(kept, kept), results_of(tmp_path / "nothing", kept)
    assert (here.source, away.source) == ("runs", "reference")
    one, two = curves_figure(here), curves_figure(away)
    assert [axis.get_title() for axis in one.axes] == [axis.get_title() for axis in two.axes]
    for first, second in zip(one.axes, two.axes, strict=True):
        for line, again in zip(first.get_lines(), second.get_lines(), strict=True):
            np.testing.assert_allclose(line.get_ydata(), again.get_ydata(), rtol=1e-6)
            assert (line.get_color(), line.get_marker()) == (again.get_color(), again.get_marker())
    assert len(one.axes[0].get_lines()) == 6, "the rows that the plan names"


def test_the_arrays_kept_are_the_same_bytes_each_time(kept):
    path = kept / "reference" / "table1-embedded.npz"
    before = path.read_bytes()
    reference.keep("table1", "embedded", kept, "2 cores")
    assert path.read_bytes() == before
    assert len(before) < reference.LARGEST


@pytest.mark.parametrize(("harm", "said"), [("change", "was changed after it was written"), ("remove", "is missing")])
def test_arrays_that_were_lost_or_changed_are_told_and_records_stay(kept, tmp_path, harm, said):
    path = kept / "reference" / "table1-embedded.npz"
    path.unlink() if harm == "remove" else path.write_bytes(path.read_bytes() + b"x")
    results = results_of(tmp_path / "nothing", kept)
    assert len(results.records) == 48
    assert any(said in note and "not drawn" in note for note in results.notes)
    assert "no training history here" in " ".join(text.get_text() for text in curves_figure(results).axes[0].texts)


def test_what_is_too_large_for_the_repository_is_cut_to_the_rows_drawn(kept, monkeypatch):
    results = results_of(kept, kept)
    plan = find_plan("table1")
    whole = reference.kept_of(plan, results)
    monkeypatch.setattr(reference, "LARGEST", reference.size_of(whole) - 1)
    fewer = reference.kept_of(plan, results)
    rows = {record.cell_id: record.row for record in results.records}
    assert {rows[name.partition("/")[0]] for name in fewer} == set(plan.curves)
    monkeypatch.setattr(reference, "LARGEST", 0)
    with pytest.raises(UsageError, match="more than a file of the repository may"):
        reference.kept_of(plan, results)
