"""Records: what is valid, what is damaged, what is absent."""

from __future__ import annotations

import json
import math

import pytest
from pydantic import ValidationError

from mmlib import record as records
from mmlib.record import Hashes, Record, Result


def make(**changes) -> Record:
    content = {
        "cell_id": "a-1",
        "status": "done",
        "run_id": "r",
        "notebook": "n.ipynb",
        "parameters": {"seed": 0},
        "metrics": {"paper/top1": 0.5, "clean/top1": None},
        "hashes": Hashes(notebook="n", library="l"),
        "started": "2026-01-01T00:00:00+00:00",
        "ended": "2026-01-01T00:00:01+00:00",
        "host": "h",
    }
    return Record(**content | changes)


def test_round_trip(tmp_path):
    records.write_model(tmp_path / "record.json", make())
    found, problem = records.read_record(tmp_path)
    assert problem is None
    assert found == make()


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_non_finite_metrics_are_refused(value):
    with pytest.raises(ValidationError, match="paper/top1"):
        Result(parameters={}, metrics={"paper/top1": value})


def test_unknown_field_is_refused():
    with pytest.raises(ValidationError):
        Result(parameters={}, metrics={}, metric={})


@pytest.mark.parametrize("text", ["", "{", "[]", '{"cell_id": 3}', "\x00\xff", '{"metrics": NaN}'])
def test_damaged_record_is_absent_with_a_reason(tmp_path, text, capsys):
    (tmp_path / "record.json").write_text(text)
    assert records.load_record(tmp_path) is None
    assert "record.json is damaged" in capsys.readouterr().out


def test_truncated_record_is_absent(tmp_path):
    records.write_model(tmp_path / "record.json", make())
    whole = (tmp_path / "record.json").read_text()
    (tmp_path / "record.json").write_text(whole[: len(whole) // 2])
    assert records.read_record(tmp_path)[0] is None


@pytest.mark.parametrize(
    ("old", "new"),
    [("0.5", "0.6"), ('"done"', '"failed"'), ('"a-1"', '"a-2"'), ('"clean/top1": null', '"clean/top1": 0.1')],
)
def test_a_changed_record_is_absent_with_a_reason(tmp_path, old, new, capsys):
    path = tmp_path / "record.json"
    records.write_model(path, make())
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    assert records.load_record(tmp_path) is None
    assert "was changed after it was written" in capsys.readouterr().out


def test_a_record_without_a_digest_is_from_before_there_were_any(tmp_path):
    content = make().model_dump(mode="json", exclude={"files"})
    (tmp_path / "record.json").write_text(json.dumps(content))
    assert records.read_record(tmp_path) == (make(), None)


@pytest.mark.parametrize("value", [True, "0.5", [0.5], {"a": 1}, 10**400])
def test_metrics_of_other_types_are_refused(value):
    with pytest.raises(ValidationError, match="paper/top1"):
        Result(parameters={}, metrics={"paper/top1": value})


def test_a_pointer_of_git_lfs_is_named(tmp_path):
    (tmp_path / "record.json").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    assert "git lfs pull" in records.read_record(tmp_path)[1]


def test_absent_record_has_no_reason(tmp_path):
    assert records.read_record(tmp_path / "nowhere") == (None, None)


def test_load_records_skips_hidden_folders_and_damaged_files(tmp_path, capsys):
    for name in ("a", "b", ".previous"):
        (tmp_path / "runs" / name).mkdir(parents=True)
        records.write_model(tmp_path / "runs" / name / "record.json", make(cell_id=name))
    (tmp_path / "runs" / "b" / "record.json").write_text("{")
    assert [record.cell_id for record in records.load_records(tmp_path)] == ["a"]
    assert "treated as absent" in capsys.readouterr().out


def test_run_id_comes_from_the_cell_file(tmp_path):
    assert records.run_id_of(tmp_path) is None
    cell = records.CellFile(
        cell_id="a", run_id="r7", notebook="n", hashes=Hashes(notebook="n", library="l"), started="s", host="h"
    )
    records.write_model(tmp_path / "cell.json", cell)
    assert records.run_id_of(tmp_path) == "r7"
    assert json.loads((tmp_path / "cell.json").read_text())["attempts"] == 1
