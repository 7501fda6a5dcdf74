"""What the workbook itself costs: per cell of a batch, for planning a thousand cells, and to start a command."""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

CELLS = 24
SEQUENTIAL = """
import sys, time, papermill
papermill.execute_notebook(sys.argv[1], sys.argv[2], progress_bar=False, kernel_name="python3")  # the first one is slow
began = time.perf_counter()
for i in range(4):
    papermill.execute_notebook(sys.argv[1], sys.argv[2], {"seed": i}, progress_bar=False, kernel_name="python3")
print((time.perf_counter() - began) / 4)
"""


def sequential_seconds(toy, notebook: Path) -> float:
    """Seconds per cell of plain papermill, one notebook after the other, each in a cold kernel over TCP."""
    plain, folder = toy.root / "plain.ipynb", toy.root / "plain" / "runs"
    folder.mkdir(parents=True, exist_ok=True)
    plain.write_text(notebook.read_text().replace('output: str = \\"\\"', f'output: str = \\"{folder}\\"'))
    command = [sys.executable, "-c", SEQUENTIAL, str(plain), str(toy.root / "executed.ipynb")]
    answer = subprocess.run(command, env=toy.env, cwd=toy.root, capture_output=True, text=True, check=True)
    return float(answer.stdout.split()[-1])


@pytest.mark.benchmark(group="batch")
def test_cost_of_a_trivial_cell(toy, benchmark, hold):
    """24 trivial cells that import torch, on 2 workers: at most 1.6 s each, the start of the cluster included.

    Before each batch, in the same spell of the machine, plain sequential papermill runs the same notebook.
    """
    notebook = toy.root / "notebooks" / "toy.ipynb"
    notebook.write_text(notebook.read_text().replace('"source": "import toy', '"source": "import torch, toy'))
    toy.plan(profiles={"embedded": {"kind": "embedded", "seeds": list(range(CELLS))}})
    sequential = []

    def prepare() -> None:
        shutil.rmtree(toy.outputs, ignore_errors=True)
        sequential.append(sequential_seconds(toy, notebook))

    def batch() -> None:
        done = toy.mmlib("run", "toy", "--workers", "2", timeout=600)
        assert done.returncode == 0, done.stdout + done.stderr

    benchmark.pedantic(batch, setup=prepare, rounds=3, iterations=1)
    ours, plain = benchmark.stats.stats.median / CELLS, statistics.median(sequential)
    hold("seconds per cell", ours, 1.6, sequential_papermill=plain, ratio=ours / plain)


def finished(here, count: int) -> Path:
    """A plan of so many finished cells with data, and as many library files in each record as a real experiment has."""
    from mmlib.record import GitState, Result, write_result
    from mmlib.workbook.fingerprint import Fingerprints
    from mmlib.workbook.plan import load_plan
    from mmlib.workbook.running.execute import begin, finish
    from mmlib.workbook.running.task import Outcome, Task

    (here.root / "toy.txt").write_text("data")
    path = here.plan(
        rows=[{"id": f"r{i}", "parameters": {"scale": float(i + 1)}} for i in range(count // 10)],
        parameters={"needs_data": True, "data_root": str(here.root)},
        profiles={"embedded": {"kind": "embedded", "seeds": list(range(10))}},
    )
    fingerprints = Fingerprints(here.root)
    library = fingerprints.library("mmlib.experiments.classification")
    for cell in load_plan(path).cells("embedded", outputs=here.outputs):
        hashes = fingerprints.hashes(cell.notebook, "data")
        task = Task(cell, "r", "toy_experiment", hashes, GitState(), here.root)
        start = begin(task, hashes)
        start.hashes.library_files.update(library)
        write_result(cell.folder, Result(run_id="r", parameters=start.parameters, metrics={"paper/top1": 0.5}))
        finish(task, start, Outcome("done"))
    return path


@pytest.fixture
def thousand(here) -> Path:
    return finished(here, 1000)


@pytest.mark.benchmark(group="planning 1,000 cells")
def test_planning_a_thousand_cells(thousand, here, benchmark, hold):
    """Plan 1,000 cells with records and data, and find the state of each: below 2 s, nothing kept from before."""
    from mmlib.workbook.fingerprint import Fingerprints
    from mmlib.workbook.plan import load_plan
    from mmlib.workbook.state import Survey

    def survey() -> list:
        return Survey(Fingerprints(here.root)).look(load_plan(thousand).cells("embedded", outputs=here.outputs))

    states = benchmark.pedantic(survey, rounds=5, iterations=1)
    assert len(states) == 1000
    assert all(state.done for state in states)
    hold("seconds", benchmark.stats.stats.median, 2.0)


@pytest.mark.benchmark(group="planning 1,000 cells")
def test_a_command_with_nothing_to_do(thousand, here, benchmark, hold):
    """`mmlib run` of 1,000 finished cells, start of Python included."""
    done = benchmark.pedantic(here.mmlib, args=("run", "toy"), rounds=3, iterations=1)
    assert "nothing to do: all 1000 cells" in done.stdout, done.stdout[-500:] + done.stderr
    hold("seconds", benchmark.stats.stats.median, 15.0)


@pytest.mark.benchmark(group="growth")
def test_growth(here, benchmark, hold):
    """Commands over 180, 1,000 and 5,000 finished cells: a cell among many costs no more than one among few.

    `report` has no notebooks to convert here and no figures to draw: what it costs itself, first and unchanged.
    """
    commands = {
        "status": ("status",),
        "run, nothing to do": ("run", "toy"),
        "report": ("report",),
        "report, unchanged": ("report",),
    }
    seconds: dict[str, dict[int, float]] = {name: {} for name in commands}

    def measure() -> None:
        for count in (180, 1000, 5000):
            shutil.rmtree(here.outputs, ignore_errors=True)
            finished(here, count)
            for name, arguments in commands.items():
                times = []
                for _ in range(1 if name.startswith("report") else 3):
                    began = time.perf_counter()
                    done = here.mmlib(*arguments, timeout=600)
                    times.append(time.perf_counter() - began)
                    assert done.returncode == 0, done.stdout + done.stderr
                seconds[name][count] = statistics.median(times)

    benchmark.pedantic(measure, rounds=1, iterations=1)
    for name, found in seconds.items():
        more = {f"seconds at {count}": value for count, value in found.items()}
        if name == "report, unchanged":  # hardly depends on the number of cells: a ratio would be one of noise
            hold(f"{name}: seconds", max(found.values()), 3.0, **more)
            continue
        first, second = (found[1000] - found[180]) / 820, (found[5000] - found[1000]) / 4000
        hold(f"{name}: cost of a cell, 1,000 to 5,000 over 180 to 1,000", second / first, 1.25, **more)


@pytest.mark.benchmark(group="command line")
@pytest.mark.parametrize(
    "arguments", [["--help"], ["run", "--help"], ["status"], ["run", "toy", "--dry-run"]], ids=" ".join
)
def test_start_of_a_command(toy, benchmark, hold, arguments):
    """From the shell to the end of a command that runs nothing: below a second."""
    toy.plan()
    done = benchmark.pedantic(toy.mmlib, args=arguments, warmup_rounds=1, rounds=7, iterations=1)
    assert done.returncode == 0, done.stderr
    hold("seconds", benchmark.stats.stats.median, 1.0)
