"""How long cells will take: which records say it, and how they are scaled."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from claims_fakes import fake_record

from mmlib.record import Record
from mmlib.workbook.cell import Cell
from mmlib.workbook.state import CellState
from mmlib.workbook.times import Times, Total, took


def cell_of(row="a", seed=0, plan="p", profile="x", epochs=10, kind="run", notebook="n.ipynb") -> Cell:
    return Cell(f"{plan}-{row}-{seed}", notebook, SimpleNamespace(epochs=epochs), None, plan, profile, row, seed, kind)


def record_of(cell: Cell, training: float, rest: float = 0.0, epochs: int | None = None, status="done") -> Record:
    minutes, seconds = divmod(int(training + rest), 60)
    ended = f"2026-01-01T{minutes // 60:02}:{minutes % 60:02}:{seconds:02}+00:00"
    return fake_record(
        cell.row, cell.seed, cell_id=cell.id, plan=cell.plan, profile=cell.profile, wall_s=training, ended=ended,
        parameters={"epochs": epochs or cell.parameters.epochs}, status=status,
    )  # fmt: skip


def learned(*pairs: tuple[Cell, Record], reference=None) -> Times:
    times = Times(reference)
    times.learn(CellState(cell, "done", "done", record) for cell, record in pairs)
    return times


def keep(folder, *records: Record) -> None:
    """A committed reference result of plan p, profile x."""
    content = {"format": "mmlib-reference", "version": 1, "plan": "p", "profile": "x", "made": "there"}
    content["records"] = [record.model_dump(mode="json") for record in records]
    (folder / "p-x.json").write_text(json.dumps(content))


def test_a_row_takes_what_it_took_the_median_of_its_seeds():
    runs = [
        (cell_of(seed=seed), record_of(cell_of(seed=seed), seconds)) for seed, seconds in enumerate((90, 100, 5000))
    ]
    estimate = learned(*runs).of(cell_of(seed=7))
    assert (estimate.seconds, estimate.basis) == (100, "row")


def test_training_is_scaled_by_epochs_and_the_rest_is_not():
    times = learned((cell_of(), record_of(cell_of(), 100, rest=20)))
    assert times.of(cell_of()).seconds == 120
    assert times.of(cell_of(epochs=20)).seconds == 220
    assert times.of(cell_of(epochs=1)).seconds == 30


def test_other_rows_stand_in_first_those_of_the_plan_then_of_the_notebook():
    times = learned((cell_of("a"), record_of(cell_of("a"), 100)), (cell_of("b"), record_of(cell_of("b"), 200)))
    assert times.of(cell_of("c")).seconds == 150
    assert times.of(cell_of("c")).basis == "other rows"
    assert times.of(cell_of("c", plan="q", epochs=20)).seconds == 300
    assert times.of(cell_of("c", plan="q", profile="y")) is None
    assert times.of(cell_of("c", plan="q", notebook="m.ipynb")) is None


def test_the_reference_says_how_rows_compare_and_runs_here_how_fast_this_machine_is(tmp_path):
    keep(tmp_path, record_of(cell_of("a"), 100), record_of(cell_of("b"), 1000), record_of(cell_of("d"), 30))
    alone = Times(tmp_path)
    assert (alone.of(cell_of("b")).seconds, alone.of(cell_of("b")).basis) == (1000, "reference")
    here = learned((cell_of("a"), record_of(cell_of("a", epochs=20), 100, epochs=20)), reference=tmp_path)
    assert (here.of(cell_of("b")).seconds, here.of(cell_of("b")).basis) == (500, "other rows")
    assert here.of(cell_of("a")).seconds == 50
    (tmp_path / "p-x.json").write_text("{")
    assert Times(tmp_path).of(cell_of("b")) is None, "a damaged one is none"


def test_what_did_not_finish_or_has_no_times_says_nothing():
    failed = record_of(cell_of(), 3, status="failed")
    silent = record_of(cell_of(), 0).model_copy(update={"wall_s": None})
    assert took(failed) is None
    assert took(silent).of(None) == 0.5, "less than a second"
    assert took(silent.model_copy(update={"ended": "yesterday"})) is None
    assert took(silent.model_copy(update={"ended": "yesterday", "wall_s": 5.0})).of(None) == 5
    assert learned((cell_of(), failed)).of(cell_of(seed=1)) is None


def test_a_resumed_run_counts_what_it_ran_before():
    assert took(record_of(cell_of(), 30).model_copy(update={"wall_s": 500.0})).of(None) == 500


def test_an_interrupted_cell_has_the_rest_of_its_epochs_to_do():
    times = learned((cell_of(), record_of(cell_of(), 100)))
    assert times.left(CellState(cell_of(seed=1), "killed", "was interrupted", left=0.25)).seconds == 25


@pytest.mark.parametrize("known", [True, False])
def test_a_total_counts_what_has_no_estimate_but_no_summaries_of_which_nothing_is_known(known):
    times = learned(*[(cell_of(), record_of(cell_of(), 100))] * known)
    states = [CellState(cell_of(seed=seed), "missing", "never run") for seed in (1, 2)]
    states.append(CellState(cell_of("t", kind="summary", plan="z"), "missing", "never run"))
    expected = Total(200, 2, 0, ["row"]) if known else Total(0, 2, 2)
    assert times.total(states) == expected
    # One that was made before is: its own record tells.
    summary = cell_of("t", kind="summary", plan="z")
    times.learn([CellState(summary, "stale", "", record_of(summary, 0, rest=12))])
    assert times.total(states).seconds == expected.seconds + 12
