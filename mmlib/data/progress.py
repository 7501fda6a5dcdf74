"""Progress of long preparations: how far, at what rate, and how long it will still take."""

from __future__ import annotations

import sys
import time
from typing import TextIO


class Progress:
    """Print `title: done of total unit, rate, time left`, at most every `every` seconds and once at the end.

    On a terminal one line is overwritten; elsewhere (a log, a notebook) each report is a line of its own. `done` counts
    from what an interrupted run had finished: the rate is that of this run. The first report says no time left: its
    rate is mostly the start of the work. Quiet where it is all over before the first report is due.
    """

    def __init__(
        self, title: str, total: int, unit: str, *, done: int = 0, every: float = 2.0, stream: TextIO | None = None
    ) -> None:
        self.title, self.total, self.unit, self.done, self.every = title, total, unit, done, every
        self.stream = stream or sys.stdout
        self._first, self._started = done, time.monotonic()
        self._last = self._started
        self._reported = False

    def advance(self, count: int) -> None:
        """`count` more are done."""
        self.done += count
        now = time.monotonic()
        if now - self._last >= self.every or (self._reported and self.done >= self.total):
            self._print(self.line(now - self._started, left=self._reported))
            self._last, self._reported = now, True

    def line(self, seconds: float, left: bool = True) -> str:
        """The report after `seconds` of this run; `left`: with the time still to go."""
        rate = (self.done - self._first) / seconds if seconds > 0 else 0.0
        text = f"{self.title}: {self.done:,} of {self.total:,} {self.unit}"
        if rate >= 0.1:
            text += f", {rate:,.{0 if rate >= 10 else 1}f} {self.unit}/s"
        if left and self.done < self.total and rate > 0:
            text += f", {duration((self.total - self.done) / rate)} left"
        return text

    def _print(self, line: str) -> None:
        if self.stream.isatty():
            end = "\n" if self.done >= self.total else ""
            print(f"\r{line:<78}", end=end, file=self.stream, flush=True)
        else:
            print(line, file=self.stream, flush=True)


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
