"""What a batch shows while it runs: a live table in a terminal, one line per change of state elsewhere."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterable

from mmlib.workbook.cell import Cell
from mmlib.workbook.state import read_progress
from mmlib.workbook.task import Outcome

SHOWN_CELLS = 16


def duration(seconds: float | None) -> str:
    """`42 s`, `3 min 5 s`, `2 h 10 min`; `?` for None."""
    if seconds is None:
        return "?"
    seconds = int(seconds)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"


class Display:
    """Shows a batch of `total` cells run by `workers` at a time. Use as a context."""

    def __init__(self, total: int, workers: int) -> None:
        self.total, self.workers = total, workers
        self.ended: Counter[str] = Counter()
        self.running: dict[str, Cell] = {}
        self.began = time.monotonic()
        self._since: dict[str, float] = {}
        self._times: list[float] = []
        self._live = None

    def __enter__(self) -> Display:
        if sys.stdout.isatty():
            from rich.live import Live

            self._live = Live(get_renderable=self._table, refresh_per_second=2, transient=True)
            self._live.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        if self._live:
            self._live.__exit__(*error)

    def say(self, line: str) -> None:
        """Print a line (above the live table, where there is one)."""
        if self._live:
            self._live.console.print(line, markup=False, highlight=False, soft_wrap=True)
        else:
            print(line, flush=True)

    def started(self, cell: Cell) -> None:
        if cell.id not in self.running:
            self.running[cell.id] = cell
            self._since[cell.id] = time.monotonic()
            if not self._live:
                self.say(f"{self._count()} running  {cell.id}")

    def finished(self, cell: Cell, outcome: Outcome) -> None:
        self.running.pop(cell.id, None)
        self.ended[outcome.status] += 1
        took = time.monotonic() - self._since.pop(cell.id, time.monotonic())
        self._times.append(took)
        text = f"{outcome.status:<8} {cell.id} ({duration(took)})"
        if outcome.status != "done":
            text += f": {outcome.message}"
        self.say(f"{self._count()} {text}")

    def retried(self, cell: Cell, outcome: Outcome) -> None:
        self.running.pop(cell.id, None)
        self._since.pop(cell.id, None)
        self.say(f"{self._count()} again    {cell.id}: {outcome.message} (attempt {outcome.attempts + 1})")

    def eta(self) -> float | None:
        """Seconds until the batch ends, from the cells that have; None before the first has."""
        left = self.total - sum(self.ended.values())
        if not self._times:
            return None
        spent = sum(time.monotonic() - since for since in self._since.values())
        mean = sum(self._times) / len(self._times)
        return max(0.0, (left * mean - min(spent, len(self._since) * mean)) / max(1, min(self.workers, left or 1)))

    def _count(self) -> str:
        width = len(str(self.total))
        return f"[{sum(self.ended.values()):>{width}}/{self.total}]"

    def _table(self):
        from rich.table import Table

        counts = ", ".join(f"{number} {name}" for name, number in sorted(self.ended.items())) or "none ended"
        title = f"{self._count()} {counts}, {len(self.running)} running; time left about {duration(self.eta())}"
        table = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0))
        for name in ("cell", "epoch", "loss", "time left"):
            table.add_column(name, overflow="fold")
        for line in running_lines(list(self.running.values())[:SHOWN_CELLS]):
            table.add_row(*line)
        return table


def running_lines(cells: Iterable[Cell]) -> list[tuple[str, str, str, str]]:
    """Cell, epoch, loss and time left of running cells, as their progress files say."""
    lines = []
    for cell in cells:
        progress = read_progress(cell.folder)
        epoch, loss = progress.get("epoch"), progress.get("loss")
        lines.append(
            (
                cell.id,
                "" if epoch is None else f"{epoch}/{progress.get('epochs', '?')}",
                "" if loss is None else f"{loss:.4f}",
                "" if progress.get("eta_s") is None else duration(progress["eta_s"]),
            )
        )
    return lines
