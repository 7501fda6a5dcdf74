"""Files a person or the runner reads while training goes on: `history.jsonl` per epoch, `progress.json` in between."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from mmlib.errors import OutputsError
from mmlib.files import dump_json, write_json, write_text

PROGRESS_SECONDS = 2.0


class History:
    """One JSON object per finished epoch, appended to `history.jsonl`; without a folder, kept in memory only."""

    def __init__(self, folder: Path | None):
        self.path = folder / "history.jsonl" if folder else None
        self.entries: list[dict[str, Any]] = []

    def restart(self, entries: list[dict[str, Any]]) -> None:
        """Begin with `entries`: lines of a killed run that are newer than its checkpoint disappear."""
        self.entries = list(entries)
        if self.path:
            write_text(self.path, "".join(_line(entry) for entry in entries))

    def append(self, entry: dict[str, Any]) -> None:
        self.entries.append(entry)
        if self.path:
            try:
                with open(self.path, "a", encoding="utf-8") as stream:
                    stream.write(_line(entry))
            except OSError as error:
                raise OutputsError(f"cannot write {self.path}: {error.strerror or error}.") from error


def _line(entry: dict[str, Any]) -> str:
    return dump_json(entry, indent=None) + "\n"


class Progress:
    """`progress.json`: {epoch, epochs, step, steps, loss, eta_s}, at most every two seconds."""

    def __init__(self, folder: Path | None, epochs: int, steps: int):
        self.path = folder / "progress.json" if folder else None
        self.epochs, self.steps = epochs, steps
        self.first_step = 0
        self.started = self.written = time.monotonic()

    def start(self, epoch: int) -> None:
        """Begin to measure the rate: `epoch` is the first one trained in this session."""
        self.first_step, self.started = epoch * self.steps, time.monotonic()
        self.write(epoch, 0, None)

    def due(self) -> bool:
        """Whether it is time to look at the loss (the only moment within an epoch that waits for the device)."""
        return time.monotonic() - self.written >= PROGRESS_SECONDS

    def write(self, epoch: int, step: int, loss: float | None) -> None:
        """`epoch` counts from 0, `step` is the number of steps done in it."""
        now, done, total = time.monotonic(), epoch * self.steps + step, self.epochs * self.steps
        rate = (now - self.started) / max(done - self.first_step, 1)
        eta = round(rate * (total - done), 1) if done > self.first_step else None
        entry = {"epoch": epoch, "epochs": self.epochs, "step": step, "steps": self.steps, "loss": loss}
        self.written = now
        if self.path:
            write_json(self.path, {**entry, "eta_s": 0.0 if done >= total else eta})
