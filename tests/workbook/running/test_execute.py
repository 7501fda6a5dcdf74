"""One cell on a worker: what is done with a task that Dask hands out again, and what a notebook leaves behind."""

from __future__ import annotations

import papermill
import pytest
from jupyter_core.utils import ensure_event_loop

from mmlib.errors import BlockedError
from mmlib.record import GitState, read_record
from mmlib.workbook.fingerprint import Fingerprints
from mmlib.workbook.plan import load_plan
from mmlib.workbook.running import execute as execution
from mmlib.workbook.running.execute import begin, execute, finish, run_task
from mmlib.workbook.running.task import MAX_ATTEMPTS, Outcome, Task


@pytest.fixture
def task(here):
    (cell,) = load_plan(here.plan()).cells("embedded", seeds=[0], outputs=here.outputs)
    hashes = Fingerprints(here.root).hashes(cell.notebook)
    return Task(cell, "r1", "toy_experiment", hashes, GitState(), here.root)


@pytest.fixture(autouse=True)
def order(monkeypatch):
    """What happened, in its order; no kernel is needed here."""
    found = []
    monkeypatch.setattr(execution, "warm", lambda _: found.append("warm"))
    return found


@pytest.mark.parametrize("status", ["failed", "timeout", "killed"])
def test_an_end_whose_outcome_was_lost_with_its_worker_stands(task, status):
    """Not a fourth attempt under another name: the record says what happened."""
    for _ in range(MAX_ATTEMPTS):
        start = begin(task, task.hashes)
    finish(task, start, Outcome(status, "DeadKernelError", "why", start.attempts))
    before, _ = read_record(task.cell.folder)
    assert run_task(task) == Outcome(status, "DeadKernelError", "why", MAX_ATTEMPTS)
    assert read_record(task.cell.folder)[0] == before


def test_a_worker_that_dies_with_its_cell_again_and_again_ends_it(task):
    for _ in range(MAX_ATTEMPTS):
        begin(task, task.hashes)  # and no record: the worker died
    assert run_task(task).kind == "KilledWorker"
    assert read_record(task.cell.folder)[0].status == "killed"


@pytest.mark.parametrize("broken", [False, True])
def test_what_kernels_import_is_imported_while_data_are_prepared(task, monkeypatch, order, broken):
    def prepare(_):
        order.append("prepare")
        raise BlockedError("no data")

    def fail(_):
        order.append("warm")
        raise OSError(11, "no more processes")

    monkeypatch.setattr(type(task.cell.parameters), "prepare_data", prepare)
    if broken:
        monkeypatch.setattr(execution, "warm", fail)
    assert run_task(task) == Outcome("blocked", "BlockedError", "no data")
    assert order == ["warm", "prepare"]


def test_the_event_loop_of_a_notebook_is_closed(task, monkeypatch):
    """Left open, it is collected at any time, with a traceback on the command's stderr if its socket goes first."""
    loops = []
    monkeypatch.setattr(papermill, "execute_notebook", lambda *_, **__: loops.append(ensure_event_loop()))
    execute(task)
    monkeypatch.setattr(papermill, "execute_notebook", lambda *_, **__: loops.append(ensure_event_loop()) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        execute(task)
    assert loops[0] is not loops[1]
    assert all(loop.is_closed() for loop in loops)
