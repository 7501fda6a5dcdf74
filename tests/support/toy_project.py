"""A tiny project (notebooks, plans, an experiment) in a temporary folder, and the command line run on it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
import yaml

HERE = Path(__file__).resolve().parent
PARAMETERS = """\
seed: int = 0  # seed
scale: float = 1.0  # scale of the noise
steps: int = 3  # steps
pause: float = 0.0  # seconds per step
behaviour: str = "ok"  # how it ends
needs_data: bool = False  # whether it needs toy.txt
megabytes: int = 0  # size of its prepared data
data_root: str = ""  # folder of toy.txt
output: str = ""  # folder of the results
"""
SUMMARY = """\
plan: str = ""  # plan
profile: str = ""  # profile
outputs: str = ""  # outputs
output: str = ""  # folder of the results
"""


def write_notebook(path: Path, experiment: str, parameters: str, code: str) -> None:
    """A notebook of two code cells: parameters and one call."""

    def cell(source: str, name: str, tags: list[str]) -> dict:
        metadata = {"tags": tags} if tags else {}
        empty = {"execution_count": None, "outputs": []}
        return {"cell_type": "code", "id": name, "metadata": metadata, "source": source, **empty}

    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    content = {
        "cells": [cell(parameters, "parameters", ["parameters"]), cell(code, "run", [])],
        "metadata": {"kernelspec": kernel, "mmlib": {"experiment": experiment}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    path.write_text(json.dumps(content))


def processes_of(project: Project) -> list[psutil.Process]:
    """Processes started for this project that are still alive (they carry its path in their environment)."""
    found = []
    for process in psutil.process_iter():
        try:
            mine = process.environ().get("MMLIB_TEST_PROJECT") == str(project.root)
            if mine and process.status() != psutil.STATUS_ZOMBIE and process.pid != os.getpid():
                found.append(process)
        except psutil.Error:
            continue
    return found


def wait_until(condition, seconds: float = 60, what: str = "the condition") -> None:
    """Poll until `condition()` holds; fails the test otherwise."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.05)
    pytest.fail(f"{what} did not hold within {seconds} s")


@dataclass
class Project:
    """A project folder and the ways to run commands on it."""

    root: Path
    env: dict[str, str] = field(default_factory=dict)

    @property
    def outputs(self) -> Path:
        return self.root / "outputs"

    def plan(self, name: str = "toy", **changes: object) -> Path:
        """Write a plan; `changes` replace top-level keys."""
        content = {
            "name": name,
            "notebook": "toy.ipynb",
            "parameters": {},
            "rows": [{"id": "ok", "label": "OK", "parameters": {}}],
            "profiles": {"embedded": {"kind": "embedded", "seeds": [0, 1], "parameters": {}}},
            "summaries": [],
        } | changes
        path = self.root / "notebooks" / "plans" / f"{name}.yaml"
        path.write_text(yaml.safe_dump(content))
        return path

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "mmlib.cli", *arguments]

    def mmlib(self, *arguments: str, timeout: float = 180) -> subprocess.CompletedProcess:
        """Run a command to its end."""
        return subprocess.run(
            self.command(*arguments), env=self.env, capture_output=True, text=True, timeout=timeout, cwd=self.root
        )

    def start(self, *arguments: str) -> subprocess.Popen:
        """Start a command and return at once."""
        return subprocess.Popen(
            self.command(*arguments),
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=self.root,
            start_new_session=True,
            # A shell ignores SIGINT in what it runs in the background, and children would inherit that.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    def records(self) -> dict[str, dict]:
        """All records, by cell id."""
        return {path.parent.name: json.loads(path.read_text()) for path in self.outputs.glob("runs/*/record.json")}

    def processes(self) -> list[psutil.Process]:
        return processes_of(self)

    def wait_until(self, condition, seconds: float = 60, what: str = "the condition") -> None:
        wait_until(condition, seconds, what)

    def metrics(self) -> dict[str, dict]:
        return {name: record["metrics"] for name, record in self.records().items()}

    def starts(self) -> list[str]:
        """Ids of the cells whose experiment began, in order, repeats included."""
        path = self.outputs / "starts.txt"
        return [line.split()[0] for line in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture
def toy(tmp_path: Path) -> Iterator[Project]:
    """A project with the notebooks toy.ipynb and summary.ipynb."""
    root = tmp_path / "project"
    (root / "notebooks" / "plans").mkdir(parents=True)
    for name in ("toy_experiment", "toy_summary"):
        shutil.copy(HERE / f"{name}.py", root)
    run = "import {0}\nresult = {0}.run({0}.Parameters.from_notebook(globals()))\nprint(result.metrics)"
    write_notebook(root / "notebooks" / "toy.ipynb", "toy_experiment", PARAMETERS, run.format("toy_experiment"))
    write_notebook(root / "notebooks" / "summary.ipynb", "toy_summary", SUMMARY, run.format("toy_summary"))
    (root / "requirements.lock").write_text("numpy==2.0\n")
    env = {key: value for key, value in os.environ.items() if key not in ("MMLIB_OUTPUTS", "CUDA_VISIBLE_DEVICES")}
    threads = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    project = Project(root, env | threads | {"MMLIB_PROJECT": str(root), "MMLIB_TEST_PROJECT": str(root)})
    yield project
    wait_until(lambda: not processes_of(project), 30, "the end of all processes of the project")


@pytest.fixture
def here(toy: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The toy project as the project of this very process."""
    monkeypatch.setenv("MMLIB_PROJECT", str(toy.root))
    monkeypatch.delenv("MMLIB_OUTPUTS", raising=False)
    monkeypatch.syspath_prepend(str(toy.root))
    for name in ("toy_experiment", "toy_summary"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return toy
