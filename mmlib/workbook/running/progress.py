"""What a batch shows while it runs: a live table in a terminal, one line per change of state elsewhere."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping

from mmlib.data.progress import duration
from mmlib.workbook.cell import Cell
from mmlib.workbook.running.task import Outcome
from mmlib.workbook.state import read_progress

SHOWN_CELLS = 16


class Display:
    """Shows a batch of `total` cells run by `workers` at a time. Use as a context.

    `expected`: seconds that cells will take as earlier records have it, by id, as far as they say anything.
    """

    def __init__(self, total: int, workers: int, expected: Mapping[str, float] | None = None) -> None:
        self.total, self.workers = total, workers
        self.expected = dict(expected or {})
        self.ended: Counter[str] = Counter()
        self.running: dict[str, Cell] = {}
        self.began = time.monotonic()
        self._since: dict[str, float] = {}
        self._times: list[float] = []
        self._ended: set[str] = set()
        self._pace = [0.0, 0.0]  # seconds that ended cells took, and that they were expected to take
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
                self.say(f"{self._line_start()} running  {cell.id}")

    def finished(self, cell: Cell, outcome: Outcome) -> None:
        self.running.pop(cell.id, None)
        self.ended[outcome.status] += 1
        took = time.monotonic() - self._since.pop(cell.id, time.monotonic())
        self._times.append(took)
        self._ended.add(cell.id)
        if cell.id in self.expected and outcome.status == "done":
            self._pace = [self._pace[0] + took, self._pace[1] + self.expected[cell.id]]
        text = f"{outcome.status:<8} {cell.id} ({duration(took)})"
        if outcome.status != "done":
            text += f": {outcome.message}"
        self.say(f"{self._line_start()} {text}")

    def retried(self, cell: Cell, outcome: Outcome) -> None:
        self.running.pop(cell.id, None)
        self._since.pop(cell.id, None)
        self.say(f"{self._line_start()} again    {cell.id}: {outcome.message} (attempt {outcome.attempts + 1})")

    def eta(self) -> float | None:
        """Seconds until the batch ends; None while there is nothing to judge by.

        From what the running cells say of themselves; of the others, from what they were expected to take, at the pace
        of those that have ended, or from how long those took.
        """
        now = time.monotonic()
        elapsed = {name: now - since for name, since in self._since.items()}
        said = {name: read_progress(cell.folder).get("eta_s") for name, cell in self.running.items()}
        pace = self._pace[0] / self._pace[1] if self._pace[0] and self._pace[1] else 1.0
        expected = {name: pace * seconds for name, seconds in self.expected.items()}
        times = self._times or [elapsed[name] + eta for name, eta in said.items() if eta is not None]
        times = times or list(expected.values())
        if not times:
            return None
        mean = sum(times) / len(times)
        rest = [
            max(0.0, expected.get(name, mean) - elapsed[name]) if eta is None else eta for name, eta in said.items()
        ]
        waiting = [seconds for name, seconds in expected.items() if name not in self._ended and name not in said]
        unknown = self.total - sum(self.ended.values()) - len(said) - len(waiting)
        waiting += [mean] * unknown
        return max([0.0, *rest, *waiting, (sum(rest) + sum(waiting)) / max(1, self.workers)])

    def _count(self) -> str:
        width = len(str(self.total))
        return f"[{sum(self.ended.values()):>{width}}/{self.total}]"

    def _line_start(self) -> str:
        """The count and, in a log, the time left; the live table has its own."""
        left = None if self._live or sum(self.ended.values()) == self.total else self.eta()
        return self._count() if left is None else f"{self._count()[:-1]}, {duration(left)} left]"

    def _table(self):
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        counts = ", ".join(f"{number} {name}" for name, number in sorted(self.ended.items())) or "none ended"
        title = f"{self._count()} {counts}, {len(self.running)} running; time left about {duration(self.eta())}"
        table = Table(box=None, padding=(0, 2, 0, 0))
        for name in ("cell", "epoch", "loss", "time left"):
            table.add_column(name, overflow="fold")
        for line in running_lines(list(self.running.values())[:SHOWN_CELLS]):
            table.add_row(*line)
        return Group(Text(title), table)


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
