"""What a batch says of itself while it runs."""

from __future__ import annotations

import json

from mmlib.workbook.cell import Cell
from mmlib.workbook.running import progress
from mmlib.workbook.running.progress import Display, duration, running_lines
from mmlib.workbook.running.task import Outcome


def cell_with(tmp_path, name, **progress):
    cell = Cell(name, "n.ipynb", None, tmp_path)
    cell.folder.mkdir(parents=True)
    if progress:
        (cell.folder / "progress.json").write_text(json.dumps(progress))
    return cell


def test_durations():
    assert [duration(s) for s in (None, 5, 125, 7320)] == ["?", "5 s", "2 min 5 s", "2 h 2 min"]


def test_running_cells_show_what_their_progress_files_say(tmp_path):
    full = cell_with(tmp_path, "a", epoch=2, epochs=9, loss=0.5, eta_s=30.0)
    empty = cell_with(tmp_path, "b")
    (tmp_path / "runs" / "b" / "progress.json").write_text("{")
    assert running_lines([full, empty]) == [("a", "2/9", "0.5000", "30 s"), ("b", "", "", "")]


def test_time_left_comes_from_running_cells_first_and_ended_ones_later(tmp_path):
    display = Display(total=5, workers=2)
    assert display.eta() is None
    cells = [cell_with(tmp_path, name, eta_s=100.0) for name in "ab"]
    for cell in cells:
        display.started(cell)
    assert 245 < display.eta() < 255  # two times 100 s running, three of 100 s waiting, on two workers
    display._times.append(10.0)
    assert 100 <= display.eta() < 120  # never less than the slowest running cell says


def test_lines_are_printed_once_per_change_of_state(tmp_path, capsys):
    cell = cell_with(tmp_path, "a")
    with Display(total=1, workers=1) as display:
        display.started(cell)
        display.started(cell)
        display.finished(cell, Outcome("failed", "ValueError", "broke"))
    assert capsys.readouterr().out.splitlines() == ["[0/1] running  a", "[1/1] failed   a (0 s): broke"]


def test_a_log_says_the_time_left_from_the_first_cell_on(tmp_path, capsys, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock[0])
    cells = [cell_with(tmp_path, name) for name in "abcd"]
    with Display(4, 2, {"a": 100.0, "b": 20.0, "c": 100.0, "d": 20.0}) as display:
        display.started(cells[0])
        clock[0] = 50.0  # half of what was expected: so will the rest take
        display.finished(cells[0], Outcome("done"))
        for cell in cells[1:]:
            display.started(cell)
            display.finished(cell, Outcome("done"))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "[0/4, 2 min 0 s left] running  a"
    assert lines[1] == "[1/4, 50 s left] done     a (50 s)", "the longest cell takes that by itself"
    assert lines[-1] == "[4/4] done     d (0 s)"


def test_cells_without_an_expectation_take_what_others_take(tmp_path, monkeypatch):
    monkeypatch.setattr(progress.time, "monotonic", lambda: 0.0)
    display = Display(3, 1, {"a": 30.0})
    assert display.eta() == 90
    display.started(cell_with(tmp_path, "b"))
    assert display.eta() == 90


def test_the_live_table_renders(tmp_path):
    from rich.console import Console

    display = Display(total=3, workers=1)
    display.running["a"] = cell_with(tmp_path, "a", epoch=1, epochs=2, loss=1.0, eta_s=4.0)
    display._since["a"] = display.began
    console = Console(width=100, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(display._table())
    text = console.export_text()
    assert "[0/3] none ended, 1 running" in text
    assert "1/2" in text
