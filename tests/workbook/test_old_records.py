"""Records and cells made before a parameter was added: same ids, and they read as if it had its neutral value."""

from __future__ import annotations

import os

import pytest

from mmlib import record as records
from mmlib.experiments.settings import about
from mmlib.parameters.base import ExperimentParameters, project_root
from mmlib.record import Hashes, Record
from mmlib.workbook.cell import more_seeds
from mmlib.workbook.plan import load_plan
from mmlib.workbook.reference import write_reference
from mmlib.workbook.results import collect


class Before(ExperimentParameters):
    rate: float = 0.1


class After(Before):
    nesterov: bool = about(False, "added later", neutral=False)
    resize: str = about("fast", "added later, with a new way as its default", neutral="exact")


def test_a_parameter_at_its_neutral_value_is_no_part_of_the_identity():
    assert After.resolve({"resize": "exact"}).identity() == Before().identity()
    assert After().identity() == Before().identity() | {"resize": "fast"}
    assert After.resolve({"resize": "exact", "nesterov": True}).identity() == Before().identity() | {"nesterov": True}
    assert set(After().model_dump()) == {"rate", "nesterov", "resize"}, "what is recorded names every parameter"


def test_a_record_without_a_parameter_was_made_with_its_neutral_value():
    assert After.neutral_values() == {"nesterov": False, "resize": "exact"}
    read = After.of_record(Before(rate=0.5).model_dump())
    assert (read.rate, read.nesterov, read.resize) == (0.5, False, "exact")
    assert After.of_record({"resize": "fast"}).resize == "fast"


@pytest.mark.parametrize(
    ("plan", "cell"),
    [
        ("table1", "synthetic-concat-s0-f8d24f3d"),
        ("table2", "synthetic_ave-avga-concat-s0-1f191d84"),
        ("table3", "synthetic_faces_voices-fop-s0-9ef09e9e"),
    ],
)
def test_the_ids_of_published_cells_stay(plan, cell):
    cells = load_plan(project_root() / "notebooks" / "plans" / f"{plan}.yaml").cells("embedded")
    assert cell in {each.id for each in cells}


def record_of(cell, **parameters) -> Record:
    hashes = Hashes(notebook="n", library="l", library_files={"a.py": "1"})
    common = {"status": "done", "run_id": "r", "hashes": hashes, "started": "", "ended": "", "host": ""}
    common |= {"cell_id": cell.id, "notebook": cell.notebook, "row": cell.row, "seed": cell.seed}
    return Record(parameters=parameters, metrics={"last/top1": 0.5}, **common)


def test_results_and_references_fill_in_what_was_added(here, monkeypatch):
    plan = load_plan(here.plan())
    cells = plan.cells("embedded", outputs=here.outputs)
    for cell in cells:
        records.write_model(cell.folder / "record.json", record_of(cell, scale=2.0))
    folder = here.root / "reference"
    write_reference(folder, collect(plan, "embedded", here.outputs), "for a test")
    monkeypatch.setattr(
        type(cells[0].parameters), "neutral_values", classmethod(lambda cls: {"decay": 0.5, "scale": 1, "megabytes": 0})
    )
    filled = {"scale": 2.0, "decay": 0.5, "megabytes": 0}
    found = collect(plan, "embedded", here.outputs)
    assert [record.parameters for record in found.records] == [filled] * 2
    reference = collect(plan, "embedded", here.root / "empty", reference=folder)
    assert reference.source == "reference"
    assert [record.parameters for record in reference.records] == [filled] * 2


def test_looking_for_more_seeds_lists_the_runs_once(here, monkeypatch):
    rows = [{"id": str(steps), "parameters": {"steps": steps}} for steps in range(1, 30)]
    plan = load_plan(here.plan(rows=rows, profiles={"embedded": {"kind": "embedded", "seeds": [0]}}))
    cells = plan.cells("embedded", outputs=here.outputs)
    more = plan.cells("embedded", seeds=[3, 11], outputs=here.outputs)
    assert more_seeds(cells) == []
    for cell in (*cells, *more):
        cell.folder.mkdir(parents=True)
    listed = []
    listdir = os.listdir
    monkeypatch.setattr(os, "listdir", lambda folder: listed.append(folder) or listdir(folder))
    assert {cell.id for cell in more_seeds(cells)} == {cell.id for cell in more}
    assert len(listed) == 1


def test_a_folder_of_runs_is_listed_again_only_where_it_has_changed(here, monkeypatch):
    plan = load_plan(here.plan(profiles={"embedded": {"kind": "embedded", "seeds": [0]}}))
    cells, more = (
        plan.cells("embedded", outputs=here.outputs),
        plan.cells("embedded", [8, 10, 11], None, None, here.outputs),
    )
    for cell in more[:2]:
        cell.folder.mkdir(parents=True)
    listed = []
    listdir = os.listdir
    monkeypatch.setattr(os, "listdir", lambda folder: listed.append(folder) or listdir(folder))
    for _ in range(3):
        assert [cell.seed for cell in more_seeds(cells)] == [8, 10]
    assert len(listed) == 3, "it may change again within the same step of the file system's clock"
    os.utime(here.outputs / "runs", (1e9, 1e9))
    for _ in range(3):
        assert [cell.seed for cell in more_seeds(cells)] == [8, 10]
    assert len(listed) == 4
    more[2].folder.mkdir()
    assert [cell.seed for cell in more_seeds(cells)] == [8, 10, 11]


def test_rows_that_share_a_slug_are_told_apart_without_a_hash_for_each_name(here, monkeypatch):
    """Many rows of many plans may have one slug: the work must not grow with rows times names."""
    from mmlib.workbook import cell as module

    rows = [{"id": str(steps), "parameters": {"steps": steps}} for steps in range(1, 41)]
    plan = load_plan(here.plan(rows=rows, profiles={"embedded": {"kind": "embedded", "seeds": [0, 1]}}))
    cells = plan.cells("embedded", outputs=here.outputs)
    others = plan.cells("embedded", overrides={"scale": 2.0}, outputs=here.outputs)
    (more,) = plan.cells("embedded", seeds=[2], rows=["7"], outputs=here.outputs)
    for each in (*cells, *others, more):
        each.folder.mkdir(parents=True)
    hashed = []
    cell_id = module.cell_id
    monkeypatch.setattr(module, "cell_id", lambda *args: hashed.append(args) or cell_id(*args))
    assert [found.id for found in more_seeds(cells)] == [more.id]
    assert len(hashed) <= 3 * len(rows), "one for each row and seed"
