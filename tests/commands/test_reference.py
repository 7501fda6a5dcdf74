"""`mmlib reference`: what is kept is what was run, and a run that differs in one bit is told."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from claims_fakes import write_runs

from mmlib.commands import reference
from mmlib.errors import UsageError
from mmlib.workbook.plan import find_plan
from mmlib.workbook.reference import load_reference


@pytest.fixture
def kept(stub_project, capsys):
    """A project whose runs of table1 were kept; gives its outputs folder."""
    outputs = stub_project / "outputs"
    write_runs(find_plan("table1"), "embedded", outputs)
    reference.keep("table1", "embedded", outputs, "2 cores")
    assert "table1-embedded.json: commit it" in capsys.readouterr().out
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
