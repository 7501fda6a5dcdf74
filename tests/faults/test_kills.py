"""kill -9 at random moments of a batch of every experiment: nothing lost, nothing run twice, no number changed, nothing
left over, and no batch that ends because one of its workers did.

`MMLIB_KILLS=1` trains two experiments with stages and kills once, in three minutes; with `MMLIB_KILLS=100` and -s it is
the long version over all experiments, and prints what was killed when. Kills of one batch are `MMLIB_KILLS_EVERY`
seconds apart.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import re
import shutil
import signal
import tempfile
import time
from collections import Counter
from pathlib import Path

import psutil
import pytest
from batch_parts import kind_of
from small_experiments import ALL, STAGED, small_project

from mmlib.errors import SchedulerError
from mmlib.workbook.running.dask_parts import STARTS

KILLS = int(os.environ.get("MMLIB_KILLS", "1"))
EVERY = float(os.environ.get("MMLIB_KILLS_EVERY", "8"))
NAMES = list(ALL if KILLS > 1 else STAGED)
ARGUMENTS = ["reproduce", "--workers", "2"]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600 + 120 * KILLS)]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The project, and what a batch without kills leaves in it."""
    project = small_project(tmp_path_factory.mktemp("small") / "project", NAMES)
    with tempfile.TemporaryDirectory(prefix="kills-", dir="/tmp") as folder:  # a short name: sockets lie in it
        project.env["TMPDIR"] = folder
        done = project.mmlib(*ARGUMENTS, timeout=900)
        assert done.returncode == 0, done.stdout + done.stderr
        yield project, results(project)


def results(project) -> dict[str, dict]:
    """What each cell computed: metrics, and digests of history without times, arrays and weights."""
    found = {}
    for path in sorted(project.outputs.glob("runs/*/record.json")):
        record = json.loads(path.read_text())
        lines = [json.loads(line) for line in (path.parent / "history.jsonl").read_text().splitlines()]
        measured = ("second", "memory", "per_s")
        history = [{k: v for k, v in line.items() if not any(part in k for part in measured)} for line in lines]
        found[path.parent.name] = {
            "status": record["status"],
            "metrics": record["metrics"],
            "history": history,
            "weights": digest(path.parent / "model.safetensors"),
            "files": sorted(name for name in os.listdir(path.parent) if name != "log.txt"),
        }
    return found


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else ""


def parts(command) -> dict[str, list[psutil.Process]]:
    """The processes of a batch by kind."""
    found: dict[str, list[psutil.Process]] = {}
    with contextlib.suppress(psutil.Error):  # they come and go
        found["command"] = [psutil.Process(command.pid)]
        for process in found["command"][0].children(recursive=True):
            if kind := kind_of(process):
                found.setdefault(kind, []).append(process)
    return found


def kill_one(project, command, rng, log) -> None:
    found = parts(command)
    kinds = [kind for kind in ("worker", "worker", "shared", "zygote", "kernel", "kernel", "command") if kind in found]
    kind = rng.choice(kinds)
    victim = rng.choice(found[kind])
    begun = any(project.outputs.glob("runs/*/cell.json"))
    try:
        victim.send_signal(signal.SIGKILL)
    except psutil.NoSuchProcess:
        return
    log[kind if begun else f"{kind} before the first cell"] += 1


def disturbed_batch(project, rng, log, budget: int) -> None:
    """Run the batch to its end, killing on the way at most `budget` times; a killed command is started again."""
    known: dict[str, str] = {}
    for _ in range(60):
        command = project.start(*ARGUMENTS)
        following = time.monotonic() + rng.uniform(0.2, EVERY)
        while command.poll() is None:
            if log.total() < budget and time.monotonic() > following:
                kill_one(project, command, rng, log)
                following = time.monotonic() + rng.uniform(0.2, 2 * EVERY)
            time.sleep(0.05)
        output, _ = command.communicate()
        project.wait_until(lambda: not project.processes(), 30, "the end of every process")
        records = project.records()
        again = {name for name in known if records.get(name, {}).get("run_id") != known[name]}
        assert not again, f"finished cells ran again: {again}"
        known = {name: record["run_id"] for name, record in records.items() if record["status"] == "done"}
        assert "Traceback" not in output, output
        if command.returncode == 0:
            return
        # A command that was killed, or a cell that met three of these kills: both go on where they were.
        thrice = [name for name, record in records.items() if record["status"] == "killed" and record["attempts"] >= 3]
        assert command.returncode == -signal.SIGKILL or (command.returncode == 1 and thrice), output
    pytest.fail("the batch did not come to its end")


def left_over(folder: Path) -> list[Path]:
    """What lies in a folder of temporary files, but for the one that torch makes for what it will compile, empty."""
    return [path for path in folder.iterdir() if not path.name.startswith("torchinductor_") or list(path.iterdir())]


@pytest.mark.skipif("MMLIB_KILLS" not in os.environ, reason="minutes: set MMLIB_KILLS=1, or 100")
def test_kills(undisturbed):
    project, expected = undisturbed
    rng, log, rounds = random.Random(18), Counter(), 0
    while log.total() < KILLS:
        for name in ("runs", "report") + (("data",) if rounds % 3 == 0 else ()):
            shutil.rmtree(project.outputs / name, ignore_errors=True)
        disturbed_batch(project, rng, log, min(KILLS, log.total() + len(NAMES)))
        assert results(project) == expected
        assert not [path for path in project.outputs.rglob("*") if path.name.endswith((".tmp", ".running.ipynb"))]
        assert left_over(Path(project.env["TMPDIR"])) == []
        rounds += 1
        print(f"\n{rounds} batches of {len(NAMES)} cells, {log.total()} kills: {dict(sorted(log.items()))}", flush=True)


@pytest.mark.parametrize("times", [1, 99])
def test_workers_killed_while_they_start(toy, times):
    """One death is no more than a delay; a worker that never starts is given up with one message."""
    toy.plan(profiles={"embedded": {"kind": "embedded", "seeds": [0], "parameters": {}}})
    command, killed = toy.start("run", "toy", "--workers", "1", "--cold-kernels"), set()
    while command.poll() is None:
        for worker in parts(command).get("worker", []):
            if len(killed) < times and worker.pid not in killed:
                worker.send_signal(signal.SIGKILL)
                killed.add(worker.pid)
        time.sleep(0.1)
    output, _ = command.communicate()
    assert "Traceback" not in output
    if times == 1:
        assert command.returncode == 0, output
        assert len(toy.starts()) == 1
    else:
        assert command.returncode == SchedulerError.exit_code, output
        assert len(killed) == STARTS
        assert re.search(r"mmlib: no worker can run: a worker process died \d times in a row while it started", output)
    toy.wait_until(lambda: not toy.processes(), 30, "the end of every process")
