"""States and their reasons, from records and hashes alone."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from mmlib import record as records
from mmlib.errors import OutputsError
from mmlib.parameters.base import ExperimentParameters
from mmlib.record import GitState, Result, read_cell_file, write_result
from mmlib.workbook.fingerprint import Fingerprints
from mmlib.workbook.plan import load_plan
from mmlib.workbook.running.execute import begin, finish
from mmlib.workbook.running.task import Outcome, Task
from mmlib.workbook.state import Survey


def cell_of(project, **parameters):
    plan = load_plan(project.plan(profiles={"embedded": {"kind": "embedded", "seeds": [0], "parameters": parameters}}))
    return plan.cells("embedded", outputs=project.outputs)[0]


def task_of(project, cell, run_id="r1"):
    hashes = Fingerprints(project.root).hashes(cell.notebook)
    return Task(cell, run_id, "toy_experiment", hashes, GitState(), project.root)


def complete(project, cell, status="done"):
    """Leave what a run of the cell would leave."""
    task = task_of(project, cell)
    data = cell.parameters.prepare_data()
    start = begin(task, task.hashes.model_copy(update={"data": data}))
    if status == "done":
        write_result(cell.folder, Result(run_id="r1", parameters={}, metrics={"last/top1": 1.0}))
    return finish(task, start, Outcome(status, "Kind", "why"))


def look(project, cell, **options):
    state = Survey(Fingerprints(project.root), **options).look_at(cell)
    return state.state, state.reason


def test_missing_then_done_then_stale(here):
    cell = cell_of(here)
    assert look(here, cell) == ("missing", "never run")
    complete(here, cell)
    assert look(here, cell) == ("done", "done")
    path = here.root / "toy_experiment.py"
    path.touch()
    assert look(here, cell)[0] == "done"
    path.write_text(path.read_text() + "\n")
    assert look(here, cell) == ("stale", "library changed: toy_experiment.py")


@pytest.mark.parametrize("status", ["failed", "killed", "timeout"])
def test_ends_that_are_not_done(here, status):
    cell = cell_of(here)
    complete(here, cell, status)
    assert look(here, cell) == (status, f"{status}: why")


def test_a_started_cell_is_running_or_was_interrupted(here):
    cell = cell_of(here)
    task = task_of(here, cell)
    begin(task, task.hashes)
    (cell.folder / "progress.json").write_text('{"epoch": 2, "epochs": 5}')
    assert look(here, cell) == ("killed", "was interrupted, epoch 2 of 5")
    begun = read_cell_file(cell.folder)[0].started
    assert look(here, cell, running_since=begun)[0] == "running"
    later = "9" + begun[1:]
    assert look(here, cell, running_since=later) == ("killed", "was interrupted, epoch 2 of 5")


def test_blocked_until_the_data_are_there_and_stale_when_they_change(here):
    cell = cell_of(here, needs_data=True, data_root=str(here.root))
    assert look(here, cell) == ("blocked", "toy.txt is not in the data root; make it.")
    (here.root / "toy.txt").write_text("one")
    assert look(here, cell)[0] == "missing"
    complete(here, cell)
    assert look(here, cell)[0] == "done"
    (here.root / "toy.txt").write_text("two")
    assert look(here, cell) == ("stale", "data changed")
    (here.root / "toy.txt").unlink()
    assert look(here, cell)[0] == "done", "data that are gone cannot be compared"


def test_a_damaged_record_counts_as_absent(here):
    cell = cell_of(here)
    complete(here, cell)
    (cell.folder / "record.json").write_text("{")
    state, reason = look(here, cell)
    assert state == "killed"
    assert "damaged" in reason


def test_a_record_of_another_cell_does_not_count(here):
    cell = cell_of(here)
    complete(here, cell)
    record = records.load_record(cell.folder)
    records.write_model(cell.folder / "record.json", record.model_copy(update={"cell_id": "other"}))
    assert look(here, cell)[0] == "killed"


def test_a_record_and_numbers_that_were_changed_are_named_and_run_again(here):
    cell = cell_of(here)
    complete(here, cell)
    path = cell.folder / "record.json"
    whole = path.read_text()
    path.write_text(whole.replace('"last/top1": 1.0', '"last/top1": 0.9'))
    state, reason = look(here, cell)
    assert state == "killed"
    assert "was changed after it was written" in reason
    path.write_text(whole)
    assert look(here, cell) == ("done", "done")


@pytest.mark.parametrize(
    ("name", "state", "reason"),
    [
        ("history.jsonl", "stale", "history.jsonl was changed after the run: 1 bytes, not 10"),
        ("arrays.npz", "stale", "arrays.npz was changed after the run: 1 bytes, not 10"),
        ("model.safetensors", "done", "done, but model.safetensors was changed after the run: 1 bytes, not 10"),
        ("notebook.ipynb", "done", "done, but notebook.ipynb was changed after the run: 1 bytes, not 10"),
    ],
)
def test_files_beside_a_record_that_were_changed_are_named(here, name, state, reason):
    cell = cell_of(here)
    task = task_of(here, cell)
    start = begin(task, task.hashes)
    written = ".running.ipynb" if name == "notebook.ipynb" else name
    (cell.folder / written).write_text("0123456789")
    write_result(cell.folder, Result(run_id="r1", parameters={}, metrics={"last/top1": 1.0}))
    finish(task, start, Outcome("done"))
    assert look(here, cell) == ("done", "done")
    (cell.folder / name).write_text("0")
    assert look(here, cell) == (state, reason)


def test_begin_keeps_a_checkpoint_only_of_the_same_sources(here):
    cell = cell_of(here)
    complete(here, cell, "killed")
    (cell.folder / "checkpoint.txt").write_text("1")
    task = task_of(here, cell, "r2")
    begin(task, task.hashes)
    assert (cell.folder / "checkpoint.txt").exists()
    assert not (cell.folder / "record.json").exists()
    begin(task, task.hashes.model_copy(update={"data": "changed"}))
    assert not (cell.folder / "checkpoint.txt").exists()
    assert (cell.previous / "checkpoint.txt").exists(), "the old content waits until the new run has succeeded"


def test_begin_clears_what_failed(here):
    cell = cell_of(here)
    complete(here, cell, "failed")
    (cell.folder / "checkpoint.txt").write_text("1")
    task = task_of(here, cell, "r2")
    begin(task, task.hashes)
    assert not (cell.folder / "checkpoint.txt").exists()


def test_a_data_set_is_read_once_for_all_cells_that_share_it(here, monkeypatch):
    (here.root / "toy.txt").write_text("one")
    cells = [cell_of(here, needs_data=True, data_root=str(here.root), scale=float(i)) for i in range(3)]
    for cell in cells:
        complete(here, cell)
    schema, asked = type(cells[0].parameters), []
    prepare = schema.prepare_data
    monkeypatch.setattr(schema, "prepare_data", lambda self: asked.append(self.data_root) or prepare(self))
    survey = Survey(Fingerprints(here.root))
    assert {state.state for state in survey.look(cells)} == {"done"}
    assert len(asked) == 1
    other = cell_of(here, needs_data=True, data_root=str(here.outputs), scale=4.0)
    assert survey.look_at(other).state == "blocked"
    monkeypatch.setattr(schema, "data_key", ExperimentParameters.data_key)
    assert {state.state for state in Survey(Fingerprints(here.root)).look(cells)} == {"done"}
    assert len(asked) == 4, "parameters that say nothing of a data set share none"


def test_a_survey_reads_each_source_once(here, monkeypatch):
    cells = [cell_of(here, scale=float(i)) for i in range(20)]
    for cell in cells:
        complete(here, cell)
    read = []
    whole = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda self: read.append(self) or whole(self))
    assert {state.state for state in Survey(Fingerprints(here.root)).look(cells)} == {"done"}
    assert here.root / "toy_experiment.py" in read
    assert len(read) == len(set(read))


def test_a_record_stays_done_when_its_parameters_cell_is_edited_and_its_notebook_saved(here):
    cell = cell_of(here)
    complete(here, cell)
    path = here.root / "notebooks" / "toy.ipynb"
    notebook = json.loads(path.read_text())
    notebook["cells"][0]["source"] = notebook["cells"][0]["source"].replace("seed: int = 0", "seed: int = 5")
    path.write_text(json.dumps(notebook))
    assert look(here, cell) == ("done", "done")
    for number, each in enumerate(notebook["cells"]):
        each |= {"execution_count": number, "outputs": [{"output_type": "stream", "name": "stdout", "text": "1"}]}
        each["source"] = each["source"].splitlines(keepends=True)
    notebook["metadata"]["language_info"] = {"name": "python", "version": "3.99"}
    path.write_text(json.dumps(notebook, indent=1))
    assert look(here, cell) == ("done", "done")
    notebook["cells"][1]["source"].append("\nprint(2)")
    path.write_text(json.dumps(notebook))
    assert look(here, cell) == ("stale", "notebook changed: toy.ipynb")


def test_a_record_stays_done_when_a_parameter_with_a_neutral_default_is_added(here, monkeypatch):
    path = here.root / "toy_experiment.py"
    declared = 'scale: float = about(1.0, "scale of the noise")'
    source = path.read_text().replace("scale: float = 1.0", declared)
    source = source.replace("from mmlib.files", "from mmlib.experiments.settings import about\nfrom mmlib.files")
    path.write_text(source)
    cell = cell_of(here)
    complete(here, cell)
    added = declared + '\n    decay: float = about(0.5, "decay of the noise", neutral=0.5)'
    path.write_text(source.replace(declared, added))
    monkeypatch.delitem(sys.modules, "toy_experiment")
    now = cell_of(here)
    assert now.parameters.decay == 0.5
    assert now.id == cell.id
    assert look(here, now) == ("done", "done")
    assert cell_of(here, decay=0.25).id != cell.id
    counted = added.replace(", neutral=0.5", "")
    path.write_text(source.replace(declared, counted))
    monkeypatch.delitem(sys.modules, "toy_experiment")
    assert cell_of(here).id != cell.id


def test_a_folder_that_cannot_be_made_is_an_outputs_error(here):
    (here.root / "file").write_text("")
    cell = load_plan(here.plan()).cells("embedded", outputs=here.root / "file")[0]
    task = task_of(here, cell)
    with pytest.raises(OutputsError, match="cannot write"):
        begin(task, task.hashes)


def test_results_of_a_finished_run_wait_until_a_new_one_has_succeeded(here):
    cell = cell_of(here)
    source = here.root / "toy_experiment.py"
    complete(here, cell)
    finished = cell.previous / "record.json"
    for status in ("failed", "killed"):
        source.write_text(source.read_text() + "\n")
        complete(here, cell, status)
        assert records.read_record(finished.parent)[0].done, "only a finished run may replace a finished one"
    assert look(here, cell)[0] == "killed"
    complete(here, cell)
    assert not finished.exists()


def test_what_a_kill_after_the_record_left_is_removed_by_the_next_run(here):
    from mmlib.workbook.running.runner import RunOptions, run_cells

    cell = cell_of(here)
    complete(here, cell)
    (cell.folder / records.CHECKPOINT_FILE).write_bytes(b"large")
    cell.previous.mkdir(parents=True)
    assert run_cells([cell], [], RunOptions(here.outputs)).exit_code == 0
    assert not (cell.folder / records.CHECKPOINT_FILE).exists()
    assert not cell.previous.exists()
