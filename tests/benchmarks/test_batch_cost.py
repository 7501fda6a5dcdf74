"""What the workbook itself costs: per cell of a batch, for planning, and for a command with nothing to do."""

from __future__ import annotations

import subprocess
import sys
import time

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


@pytest.mark.slow
def test_cost_of_a_trivial_cell(toy, record_property):
    """24 trivial cells that import torch, on 2 workers: at most 1.6 s each with the start of the cluster."""
    notebook = toy.root / "notebooks" / "toy.ipynb"
    notebook.write_text(notebook.read_text().replace('"source": "import toy', '"source": "import torch, toy'))
    toy.plan(profiles={"embedded": {"kind": "embedded", "seeds": list(range(CELLS))}})
    began = time.perf_counter()
    done = toy.mmlib("run", "toy", "--workers", "2")
    ours = (time.perf_counter() - began) / CELLS
    assert done.returncode == 0, done.stdout + done.stderr

    plain = toy.root / "plain.ipynb"
    folder = toy.root / "plain" / "runs"
    folder.mkdir(parents=True)
    plain.write_text(notebook.read_text().replace('output: str = \\"\\"', f'output: str = \\"{folder}\\"'))
    command = [sys.executable, "-c", SEQUENTIAL, str(plain), str(toy.root / "executed.ipynb")]
    answer = subprocess.run(command, env=toy.env, cwd=toy.root, capture_output=True, text=True)
    sequential = float(answer.stdout.split()[-1])
    print(f"\n{ours:.2f} s per cell of a batch of {CELLS} on 2 workers; plain sequential papermill {sequential:.2f} s")
    record_property("seconds_per_cell", ours)
    assert ours <= 1.6


def test_planning_a_thousand_cells(here, record_property):
    """Plan 1,000 cells with records and data, and find the state of each: below 2 s."""
    from mmlib.workbook.fingerprint import Fingerprints
    from mmlib.workbook.plan import load_plan
    from mmlib.workbook.record import GitState, Result, write_result
    from mmlib.workbook.running.execute import begin, finish
    from mmlib.workbook.running.task import Outcome, Task
    from mmlib.workbook.state import Survey

    (here.root / "toy.txt").write_text("data")
    rows = [{"id": f"r{i}", "parameters": {"scale": float(i + 1)}} for i in range(100)]
    path = here.plan(
        rows=rows,
        parameters={"needs_data": True, "data_root": str(here.root)},
        profiles={"embedded": {"kind": "embedded", "seeds": list(range(10))}},
    )
    # As many library files in each record as a real experiment reaches.
    library = Fingerprints(here.root).library("mmlib.experiments.classification")
    for cell in load_plan(path).cells("embedded", outputs=here.outputs):
        hashes = Fingerprints(here.root).hashes(cell.notebook, "data") if cell.seed == 0 else hashes  # noqa: F821
        task = Task(cell, "r", "toy_experiment", hashes, GitState(), here.root)
        start = begin(task, hashes)
        start.hashes.library_files.update(library)
        write_result(cell.folder, Result(run_id="r", parameters=start.parameters, metrics={"paper/top1": 0.5}))
        finish(task, start, Outcome("done"))

    began = time.perf_counter()
    cells = load_plan(path).cells("embedded", outputs=here.outputs)
    planned = time.perf_counter() - began
    states = Survey(Fingerprints(here.root)).look(cells)
    total = time.perf_counter() - began
    assert len(states) == 1000
    assert all(state.done for state in states)
    print(f"\nplanning {planned:.2f} s, states {total - planned:.2f} s for 1,000 cells")
    record_property("seconds", total)
    assert total < 2.0

    began = time.perf_counter()
    done = here.mmlib("run", "toy")
    seconds = time.perf_counter() - began
    assert "nothing to do: all 1000 cells" in done.stdout, done.stdout[-500:] + done.stderr
    print(f"a command with nothing to do: {seconds:.2f} s")
    assert seconds < 15
