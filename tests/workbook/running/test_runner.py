"""Batches of real kernels: what is done is not done again, what failed says why, what was killed is retried."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from mmlib.workbook.plan import find_plan
from mmlib.workbook.running import runner
from mmlib.workbook.running.cluster import Places, local_cluster
from mmlib.workbook.running.runner import Batch, longest_first
from mmlib.workbook.state import CellState

WORKERS = ("--workers", "2")


def rows(*behaviours: str) -> list[dict]:
    return [{"id": name, "parameters": {"behaviour": name}} for name in behaviours]


@pytest.fixture
def batch(toy):
    """A finished batch of every behaviour that ends by itself, with a summary."""
    kinds = ("ok", "raise", "no_result", "wrong_run", "kill", "kill_once", "kill_worker_once")
    toy.plan(rows=rows(*kinds), profiles={"embedded": {"kind": "embedded", "seeds": [0]}}, summaries=["summary.ipynb"])
    return toy, toy.mmlib("run", "toy", *WORKERS)


def test_every_end_is_recorded_as_what_it_was(batch):
    toy, done = batch
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stderr == ""
    records = {record["row"]: record for record in toy.records().values()}
    kinds = {name: (record["status"], (record["error"] or {}).get("kind")) for name, record in records.items()}
    assert kinds == {
        "ok": ("done", None),
        "raise": ("failed", "ValueError"),
        "no_result": ("failed", "NoResult"),
        "wrong_run": ("failed", "NoResult"),
        "kill": ("killed", "DeadKernelError"),
        "kill_once": ("done", None),
        "kill_worker_once": ("done", None),
    }
    assert records["kill"]["attempts"] == 3, "a killed kernel is tried again twice"
    assert records["raise"]["attempts"] == 1, "an exception is not tried again"
    assert records["raise"]["error"]["message"] == "the toy broke, as it was told to"
    assert records["raise"]["metrics"] == {}
    assert records["kill_once"]["attempts"] == records["kill_worker_once"]["attempts"] == 2
    folders = {record["row"]: toy.outputs / "runs" / name for name, record in toy.records().items()}
    assert "ValueError: the toy broke" in (folders["raise"] / "log.txt").read_text()
    assert (folders["ok"] / "notebook.ipynb").exists()
    assert not (folders["kill"] / "notebook.ipynb").exists(), "a dead kernel's notebook must not look complete"
    assert (folders["kill"] / "notebook.killed.ipynb").exists()
    for name in ("ok", "kill_once", "kill_worker_once"):
        cell = json.loads((folders[name] / "cell.json").read_text())
        result = json.loads((folders[name] / "result.json").read_text())
        assert cell["run_id"] == result["run_id"] == records[name]["run_id"]
    # Each kernel is a process of its own, in the project's folder.
    notes = [record["notes"] for record in records.values() if record["status"] == "done"]
    assert len({note[0] for note in notes}) == 3
    assert {note[2] for note in notes} == {f"cwd {toy.root}"}
    summary = json.loads((toy.outputs / "summaries" / "summary-toy-embedded" / "record.json").read_text())
    assert summary["metrics"]["records"] == 3.0


def test_many_cells_of_one_reason_are_one_line(toy):
    toy.plan(profiles={"embedded": {"kind": "embedded", "seeds": list(range(7)), "parameters": {}}})
    done = toy.mmlib("run", "toy", *WORKERS)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^run 7 cells, toy-ok-s0\S* to toy-ok-s6\S*: never run$", done.stdout, re.M), done.stdout
    assert done.stdout.count("never run") == 1


def test_what_takes_longest_begins_first(here):
    here.plan(profiles={"embedded": {"kind": "embedded", "seeds": [0, 1, 2, 3], "parameters": {}}})
    states = [
        CellState(cell, "missing", "never run") for cell in find_plan("toy").cells("embedded", outputs=here.outputs)
    ]
    quick, slow, unknown, also_slow = (state.cell.id for state in states)
    ordered = longest_first(states, {quick: 2.0, slow: 30.0, also_slow: 30.0})
    assert [state.cell.id for state in ordered] == [unknown, slow, also_slow, quick]


def test_tasks_wait_at_the_scheduler_until_a_worker_is_free(monkeypatch):
    monkeypatch.setattr(runner, "run_json", time.sleep)  # which workers have
    tasks = [
        SimpleNamespace(cell=SimpleNamespace(id=f"plan-row-s{k}"), run_id="0" * 32, to_json=lambda: 30)
        for k in range(6)
    ]

    def dealt(dask_scheduler):
        return [len(worker.processing) for worker in dask_scheduler.workers.values()], len(dask_scheduler.queued)

    with local_cluster(Places(2, 1)) as client:
        waiting = Batch.submit(SimpleNamespace(client=client), tasks, 1)
        assert list(waiting.values()) == tasks
        for _ in range(100):
            if all(client.run_on_scheduler(dealt)[0]):
                break
            time.sleep(0.05)
        assert client.run_on_scheduler(dealt) == ([1, 1], 4), "one each, and no share of the rest"
        client.cancel(list(waiting), force=True)


def test_what_a_killed_run_left_goes_even_where_nothing_is_to_run(toy, tmp_path):
    toy.plan()
    toy.env["TMPDIR"] = str(tmp_path / "temporary")
    (tmp_path / "temporary").mkdir()
    assert toy.mmlib("run", "toy", *WORKERS).returncode == 0
    code = "from mmlib.workbook.running.temporary import own_folder; print(own_folder('dask-'))"
    made = subprocess.run([sys.executable, "-c", code], env=toy.env, capture_output=True, text=True, check=True)
    left = Path(made.stdout.strip())
    assert left.parent == tmp_path / "temporary"
    assert left.is_dir()
    assert "nothing to do" in toy.mmlib("run", "toy", *WORKERS).stdout
    assert not left.exists()


def test_a_batch_is_done_once_and_stale_by_content(toy):
    toy.plan(summaries=["summary.ipynb"], parameters={"pause": 0.2})  # long enough to be seen running
    first = toy.mmlib("run", "toy", *WORKERS)
    assert first.returncode == 0, first.stdout + first.stderr
    assert first.stdout.count("never run") == 3
    again = toy.mmlib("run", "toy", *WORKERS)
    assert again.returncode == 0
    assert "nothing to do: all 3 cells are done" in again.stdout
    assert len(toy.starts()) == 2

    source = toy.root / "toy_experiment.py"
    source.touch()
    (toy.root / "notebooks" / "toy.ipynb").touch()
    assert "nothing to do" in toy.mmlib("run", "toy").stdout
    before = toy.metrics()
    source.write_text(source.read_text() + "# edited\n")
    assert toy.mmlib("status", "-v").stdout.count("  stale") == 2  # the summary imports it not
    edited = toy.mmlib("run", "toy", *WORKERS)
    assert edited.stdout.count("library changed: toy_experiment.py") == 2
    assert "run summary-toy-embedded: the records it reads changed" in edited.stdout
    # From the first cell on: the runs before were as long.
    assert re.search(r"^\[0/2, \d+ s left\] running  toy-ok-s", edited.stdout, re.M), edited.stdout
    assert toy.metrics() == before
    assert len(toy.starts()) == 4
    assert not list(toy.outputs.glob("runs/.previous/*")), "the old results go when the new ones are there"

    assert toy.mmlib("run", "toy", "--force", "--dry-run", "-v").stdout.count(": --force") == 3
    forced = toy.mmlib("run", "toy", "--seeds", "1", "--force", "--cold-kernels", *WORKERS)
    assert "--force" in forced.stdout
    assert len(toy.starts()) == 5
    assert toy.metrics() == before, "a cold kernel computes what a warm one does"
    changed = toy.mmlib("run", "toy", "--set", "scale=2.0", "--seeds", "0", *WORKERS)
    assert "summaries are not made" in changed.stdout
    assert len(toy.records()) == 3


def test_more_seeds_that_another_plan_makes_are_in_the_summary_at_once(toy):
    """Else a second run would find the records changed, and the first would have shown fewer seeds."""
    toy.plan("few", profiles={"embedded": {"kind": "embedded", "seeds": [0]}}, summaries=["summary.ipynb"])
    toy.plan("more", profiles={"embedded": {"kind": "embedded", "seeds": [0, 1, 2]}})
    first = toy.mmlib("reproduce", *WORKERS)
    assert first.returncode == 0, first.stdout + first.stderr
    assert "4 cells: 4 done" in first.stdout
    assert "nothing to do: all 4 cells" in toy.mmlib("reproduce", *WORKERS).stdout


def test_a_cell_that_takes_too_long_is_stopped(toy):
    toy.plan(rows=rows("hang"), profiles={"embedded": {"kind": "embedded", "seeds": [0]}})
    done = toy.mmlib("run", "toy", "--timeout", "2")
    assert done.returncode == 1
    (record,) = toy.records().values()
    assert (record["status"], record["attempts"]) == ("timeout", 1)
    assert "did not finish within 2 s" in record["error"]["message"]


def test_a_notebook_that_finds_something_missing_is_blocked_and_tried_again(toy):
    toy.plan(rows=rows("no_device"), profiles={"embedded": {"kind": "embedded", "seeds": [0]}})
    for attempt in (1, 2):
        done = toy.mmlib("run", "toy", "--workers", "1")
        assert done.returncode == 3, done.stdout + done.stderr
        assert "there is no such device; choose another" in done.stdout
        assert "1 cells: 1 blocked" in done.stdout
        assert len(toy.starts()) == attempt
    (record,) = toy.records().values()
    assert (record["status"], record["error"]["kind"]) == ("failed", "BlockedError")


def test_two_workers_per_gpu_are_pinned_by_environment(toy):
    toy.plan(profiles={"embedded": {"kind": "embedded", "seeds": [0, 1, 2, 3]}}, parameters={"pause": 0.3})
    toy.env["CUDA_VISIBLE_DEVICES"] = "5,7"
    done = toy.mmlib("run", "toy")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 worker(s), GPU 5, 7" in done.stdout
    assert {record["notes"][1] for record in toy.records().values()} == {"gpu 5", "gpu 7"}


def test_a_full_disk_ends_the_batch_with_one_message(toy):
    seeds = list(range(12))  # on a busy machine some begin before the first one's end is seen
    toy.plan(rows=rows("disk_full"), profiles={"embedded": {"kind": "embedded", "seeds": seeds}})
    done = toy.mmlib("run", "toy", "--workers", "1")
    assert done.returncode == 6, done.stdout + done.stderr
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
    assert len(toy.starts()) < len(seeds), "the other cells would only fail in the same way"


def test_reproduce_runs_all_plans_and_builds_the_report(toy):
    toy.plan("one")
    toy.plan("two", parameters={"scale": 2.0}, profiles={"embedded": {"kind": "embedded", "seeds": [0]}})
    toy.plan("other", profiles={"paper": {"kind": "paper", "seeds": [0]}})
    done = toy.mmlib("reproduce", *WORKERS)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "plan other has no profile embedded; left out" in done.stdout
    assert len(toy.records()) == 3
    assert (toy.outputs / "report" / "index.html").exists()
    again = toy.mmlib("reproduce", *WORKERS)
    assert again.returncode == 0
    assert "nothing to do: all 3 cells are done" in again.stdout
    assert len(toy.starts()) == 3
    cell = toy.mmlib("show", next(iter(toy.records())))
    assert cell.returncode == 0
    assert "last/top1" in cell.stdout
