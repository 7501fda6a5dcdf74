"""`mmlib status` and `--dry-run`: what is said of many cells in few lines, and how long they will take."""

from __future__ import annotations

import random

import pytest
from claims_fakes import fake_record

from mmlib.commands.status import show_pending, status
from mmlib.commands.workbook import Request
from mmlib.parameters.base import project_root
from mmlib.record import GitState
from mmlib.workbook.cell import Cell
from mmlib.workbook.fingerprint import Fingerprints
from mmlib.workbook.plan import find_plan
from mmlib.workbook.reference import write_reference
from mmlib.workbook.results import collect
from mmlib.workbook.running.execute import begin
from mmlib.workbook.running.task import Task

PLANS, ROWS, SEEDS = 10, 10, 10


@pytest.fixture
def leave(here):
    """A function that leaves the record of a cell: its status, its wall time, whether other sources made it."""
    current = Fingerprints(here.root).hashes("toy.ipynb")
    files = current.library_files | {"toy_experiment.py": "another"}
    stale = current.model_copy(update={"library": "another", "library_files": files})

    def write(cell: Cell, status: str = "done", seconds: float = 10.0, old: bool = False, message: str = "it broke"):
        error = None if status == "done" else {"kind": "ValueError", "message": message}
        record = fake_record(
            cell.row, cell.seed, cell_id=cell.id, status=status, plan=cell.plan, profile=cell.profile, error=error,
            hashes=stale if old else current, wall_s=seconds, metrics={},
        )  # fmt: skip
        cell.folder.mkdir(parents=True, exist_ok=True)
        text = record.model_copy(update={"ended": record.started}).model_dump_json()
        (cell.folder / "record.json").write_text(text)

    return write


@pytest.fixture
def mixed(here, leave):
    """A function that makes a plan of ten rows and ten seeds: done, stale, missing, blocked, one that always fails."""

    def make(number: int) -> None:
        rows = [{"id": f"row-{i}", "parameters": {"scale": float(1 + i + 100 * number)}} for i in range(ROWS)]
        rows[8]["parameters"]["needs_data"] = True
        profiles = {"embedded": {"kind": "embedded", "seeds": list(range(SEEDS))}}
        other = {"kind": "paper", "seeds": [0], "parameters": {"steps": 7}}
        here.plan(f"plan{number}", rows=rows, profiles=profiles | {"other": other})
        for cell in find_plan(f"plan{number}").cells("embedded", outputs=here.outputs):
            row = int(cell.row.removeprefix("row-"))
            if row == 9:
                leave(cell, "failed", message=f"{cell.plan} seed {cell.seed}: the loss is not finite")
            elif row < 6:
                leave(cell, old=row in (4, 5) and cell.seed > 3)

    return make


def test_a_thousand_cells_in_less_than_forty_lines(here, mixed, capsys, monkeypatch):
    for number in range(PLANS):
        mixed(number)
    monkeypatch.setenv("COLUMNS", "80")
    status(None, None, None, here.outputs)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) < 40
    assert max(map(len, lines)) <= 80
    text = " ".join(" ".join(lines).split())
    assert "1000 cells: 100 blocked, 480 done, 100 failed, 200 missing, 120 stale" in text
    assert text.count("stale: library changed: toy_experiment.py") == 1
    assert "more reasons" in text, "a hundred failures with a reason each are counted"
    assert "never run: plan0: other (9 cells" in text
    status(None, None, None, here.outputs, verbose=True)
    every = capsys.readouterr().out
    assert sum(line.startswith("  ") and "toy-ok-s" in line for line in every.splitlines()) == PLANS * ROWS * SEEDS
    assert "plan7 seed 3: the loss is not finite" in every


def test_each_reason_once_with_its_rows_and_one_for_a_data_set(here, mixed, capsys):
    mixed(3)
    status("plan3", "embedded", None, here.outputs)
    said = capsys.readouterr().out
    assert "\nstale: library changed: toy_experiment.py\n    row-4 (seeds 4 5 6 7 8 9), row-5 (seeds 4 5" in said
    assert "\nmissing: never run\n    row-6, row-7\n" in said
    assert said.count("toy.txt is not in the data root; make it.\n    row-8\n") == 1
    # Rows 6 and 7 have not run: as long as the other rows. Nothing failed or stale is left out.
    assert "to run: about 7 min, from earlier runs and from other rows" in said.splitlines()[0]
    assert "row-0" not in said, "what is done is counted"


def test_a_cell_under_way_and_one_that_was_interrupted_say_how_far_they_are(here, capsys):
    here.plan()
    hashes = Fingerprints(here.root).hashes("toy.ipynb")
    for cell in find_plan("toy").cells("embedded", outputs=here.outputs):
        begin(Task(cell, "r", "toy_experiment", hashes, GitState(), here.root), hashes)
        (cell.folder / "progress.json").write_text(f'{{"epoch": {1 + cell.seed}, "epochs": 5}}')
    status("toy", None, None, here.outputs)
    said = capsys.readouterr().out
    assert "killed: was interrupted\n    ok (seeds 0, epoch 1 of 5; 1, epoch 2 of 5)\n" in said


def test_the_estimate_is_within_a_factor_of_two_of_what_then_ran(here, leave, capsys):
    """Rows cost 5 to 80 s, seeds vary by a third: from two seeds of two rows in three, the time of all the rest."""
    costs = {f"row-{i}": seconds for i, seconds in enumerate((5, 8, 13, 20, 30, 40, 55, 65, 80))}
    rows = [{"id": row, "parameters": {"scale": seconds / 10}} for row, seconds in costs.items()]
    here.plan(rows=rows, profiles={"embedded": {"kind": "embedded", "seeds": list(range(6))}})
    rng, rest = random.Random(0), []
    for cell in find_plan("toy").cells("embedded", outputs=here.outputs):
        seconds = costs[cell.row] * rng.uniform(0.67, 1.33)
        if cell.seed < 2 and int(cell.row[-1]) % 3:
            leave(cell, seconds=seconds)
        else:
            rest.append(seconds)
    request = Request("toy", "embedded")
    show_pending(request, here.outputs, force=False, workers=2)
    said = capsys.readouterr().out
    minutes = float(said.partition("to run: about ")[2].partition(" min")[0])
    assert sum(rest) / 2 < 60 * minutes < 2 * sum(rest)
    halved = float(said.partition("one cell after another; about ")[2].partition(" min")[0])
    assert abs(halved - minutes / 2) <= 1
    assert "min with 2 at once" in said


def test_a_dry_run_by_row_and_by_cell(here, leave, capsys):
    here.plan(summaries=["summary.ipynb"])
    first, second = find_plan("toy").cells("embedded", outputs=here.outputs)
    leave(first, seconds=30.0)
    show_pending(Request("toy", "embedded"), here.outputs, force=False, workers=None)
    said = capsys.readouterr().out
    assert said.startswith("toy / embedded: 3 cells: 1 done, 2 missing; to run: about 30 s, from earlier runs\n")
    assert "missing: never run\n    ok (seed 1), summary-toy-embedded\n" in said
    show_pending(Request("toy", "embedded"), here.outputs, force=True, workers=None, verbose=True)
    said = capsys.readouterr().out
    assert f"  stale    {first.id}: --force\n" in said
    assert f"  missing  {second.id}: never run\n" in said
    # Other seeds of the plan's rows say how long new ones take.
    show_pending(Request("toy", "embedded", seeds=[7]), here.outputs, force=False, workers=None)
    assert "2 missing; to run: about 30 s, from earlier runs" in capsys.readouterr().out


def test_the_reference_result_tells_the_time_of_what_never_ran_and_says_whose_it_is(here, leave, capsys):
    here.plan()
    plan = find_plan("toy")
    for cell in plan.cells("embedded", outputs=here.root / "elsewhere"):
        leave(cell, seconds=7200.0)
    write_reference(
        project_root() / "outputs" / "reference", collect(plan, "embedded", here.root / "elsewhere"), "there"
    )
    status(None, None, None, here.outputs)
    assert "never run: toy: embedded (2 cells, about 4.0 h, from reference, another machine)" in capsys.readouterr().out


def test_nothing_to_run_and_nothing_known(here, leave, capsys):
    here.plan()
    status("toy", "embedded", None, here.outputs)
    assert "2 cells: 2 missing; no estimate of the time: nothing like it has run yet\n" in capsys.readouterr().out
    for cell in find_plan("toy").cells("embedded", outputs=here.outputs):
        leave(cell)
    status("toy", "embedded", None, here.outputs)
    assert capsys.readouterr().out == "toy / embedded: 2 cells: 2 done\n2 cells: 2 done; nothing to run\n"
