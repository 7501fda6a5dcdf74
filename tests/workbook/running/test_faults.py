"""Kills at random moments of a batch: nothing is left behind, nothing finished runs again, the numbers are the same.

The moment is some time within a cell's length after some number of cells has finished; it is printed.
`MMLIB_FAULT_ROUNDS=10 pytest tests/workbook/running/test_faults.py` is the long version.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter

import psutil
import pytest
from batch_parts import of_kind

ROUNDS = int(os.environ.get("MMLIB_FAULT_ROUNDS", "1"))
CELLS = 6
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300 * ROUNDS)]


def wait_for_a_moment(toy, finished: int) -> None:
    """Until `finished` cells have, and then a random part of the time a cell takes."""
    toy.wait_until(lambda: len(toy.records()) >= finished, 90, f"{finished} finished cells")
    if not finished:
        toy.wait_until((toy.outputs / ".lock-owner.json").exists, 60, "the start of the batch")
    delay = random.uniform(0, 1.0)
    print(f"{finished} cells finished, and {delay:.3f} s more")
    time.sleep(delay)


def make(toy):
    toy.plan(
        parameters={"steps": 4, "pause": 0.2},
        profiles={"embedded": {"kind": "embedded", "seeds": list(range(CELLS))}},
    )


def parts(toy, kind: str) -> list[psutil.Process]:
    return of_kind(kind, toy.processes())


def expected(toy) -> dict:
    """The metrics of an undisturbed batch, computed in this process."""
    sums = {}
    for seed in range(CELLS):
        sums[seed] = sum(random.Random(seed * 1000 + step).gauss(0, 1.0) for step in range(4))
    return sums


def check_complete(toy) -> None:
    records = toy.records().values()
    assert {record["seed"]: record["metrics"]["last/top1"] for record in records} == expected(toy)
    assert all(record["status"] == "done" for record in records)
    assert len(records) == CELLS


@pytest.mark.parametrize(("victim", "attempts"), [("kernel", 1), ("zygote", 1), ("worker", 1), ("shared", 2)])
def test_killing_a_part_costs_one_attempt_of_each_cell_it_ran(toy, victim, attempts):
    for round_number in range(ROUNDS):
        make(toy)
        command = toy.start("run", "toy", "--workers", "2")
        wait_for_a_moment(toy, round_number % (CELLS - 3))
        found = []
        toy.wait_until(lambda: found.extend(parts(toy, victim)) or found, 90, victim)  # noqa: B023
        finished = {name: record["run_id"] for name, record in toy.records().items()}
        os.kill(found[0].pid, signal.SIGKILL)
        output, _ = command.communicate(timeout=180)
        assert command.returncode == 0, output
        check_complete(toy)
        starts, after = Counter(toy.starts()), toy.records()
        assert {name: after[name]["run_id"] for name in finished} == finished, "a finished cell ran again"
        assert all(starts[name] == 1 for name in finished), output
        assert starts.total() <= CELLS + attempts, output
        for name in (*toy.outputs.glob("runs/*/*"), *toy.outputs.glob("starts.txt")):
            name.unlink()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_stopping_the_command_leaves_nothing_and_resumes(toy, how):
    for round_number in range(ROUNDS):
        make(toy)
        command = toy.start("run", "toy", "--workers", "2")
        wait_for_a_moment(toy, (1 + round_number) % (CELLS - 2))
        # A terminal sends Ctrl-C to all of the command's processes, a batch system its signal to the first.
        os.killpg(command.pid, how) if how == signal.SIGINT else command.send_signal(how)
        output, _ = command.communicate(timeout=60)
        if how != signal.SIGKILL:
            assert command.returncode == 130, output
            assert "to resume: mmlib run toy" in output
            assert "Traceback" not in output
        toy.wait_until(lambda: not toy.processes(), 15, "the end of every process")
        finished = {name: record["run_id"] for name, record in toy.records().items()}
        began = len(toy.starts())
        assert toy.mmlib("status", "toy").returncode == 0

        resumed = toy.mmlib("run", "toy", "--workers", "2")
        assert resumed.returncode == 0, resumed.stdout + resumed.stderr
        check_complete(toy)
        after = toy.records()
        assert {name: after[name]["run_id"] for name in finished} == finished, "a finished cell ran again"
        assert len(toy.starts()) == began + CELLS - len(finished)
        for name in (*toy.outputs.glob("runs/*/*"), *toy.outputs.glob("starts.txt")):
            name.unlink()


def test_two_runs_at_once_and_a_lock_left_by_a_killed_one(toy):
    toy.plan(parameters={"steps": 100, "pause": 0.5})
    first = toy.start("run", "toy", "--workers", "1")
    toy.wait_until(lambda: toy.starts(), 90, "the first run's first cell")
    second = toy.mmlib("run", "toy")
    assert second.returncode == 4, second.stdout + second.stderr
    assert f"process {first.pid} on " in second.stderr
    shown = toy.mmlib("status", "toy", "-v").stdout
    assert "a run is in progress" in shown
    assert "running  toy-ok-s0" in shown
    first.kill()
    first.communicate()
    toy.wait_until(lambda: not toy.processes(), 15, "the end of every process")
    assert "was interrupted, epoch" in toy.mmlib("status", "toy", "-v").stdout
    toy.plan(parameters={"steps": 2})
    assert toy.mmlib("run", "toy", "--workers", "1").returncode == 0


@pytest.fixture
def scheduler(toy):
    """Address of a Dask scheduler with one worker, started as a user would."""
    file = toy.root / "scheduler.json"
    dask = [sys.executable, "-m", "dask"]
    options = ["--scheduler-file", str(file), "--no-dashboard"]
    quiet = {"env": toy.env, "cwd": toy.root, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    running = [subprocess.Popen([*dask, "scheduler", "--port", "0", *options], **quiet)]
    toy.wait_until(file.exists, 60, "the scheduler's start")
    running.append(subprocess.Popen([*dask, "worker", "--nthreads", "1", "--memory-limit", "0", *options], **quiet))
    yield json.loads(file.read_text())["address"]
    for process in reversed(running):
        process.terminate()
        process.wait(30)


def test_a_running_scheduler_is_used_and_a_dead_client_stops_its_kernels(toy, scheduler):
    toy.plan(parameters={"steps": 3, "pause": 0.1})
    done = toy.mmlib("run", "toy", "--scheduler", scheduler)
    assert done.returncode == 0, done.stdout + done.stderr
    toy.plan(parameters={"steps": 1000, "pause": 0.1})
    command = toy.start("run", "toy", "--scheduler", scheduler)
    toy.wait_until(lambda: parts(toy, "kernel") and len(toy.starts()) > 2, 60, "a kernel")
    command.kill()
    command.communicate()
    toy.wait_until(lambda: not parts(toy, "kernel"), 40, "the end of the orphaned kernel")
    time.sleep(1)
    assert not parts(toy, "kernel"), "no further cell may start"
