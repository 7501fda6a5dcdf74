"""Files a person or the runner reads while training goes on: `history.jsonl` per epoch, `progress.json` in between."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mmlib.errors import OutputsError
from mmlib.files import dump_json, write_json, write_problem, write_text

PROGRESS_SECONDS = 2.0


class History:
    """One JSON object per finished epoch, appended to `history.jsonl`; without a folder, kept in memory only."""

    def __init__(self, folder: Path | None):
        self.path = folder / "history.jsonl" if folder else None
        self.entries: list[dict[str, Any]] = []
        self._lines: list[str] = []

    @property
    def text(self) -> str:
        """The lines of `history.jsonl`."""
        return "".join(self._lines)

    def restart(self, entries: list[dict[str, Any]]) -> None:
        """Begin with `entries`: lines of a killed run that are newer than its checkpoint disappear."""
        self.entries = list(entries)
        self._lines = [_line(entry) for entry in entries]
        if self.path:
            write_text(self.path, self.text)

    def append(self, entry: dict[str, Any]) -> None:
        self.entries.append(entry)
        self._lines.append(_line(entry))
        if self.path:
            try:
                with open(self.path, "a", encoding="utf-8") as stream:
                    stream.write(self._lines[-1])
            except OSError as error:
                raise OutputsError(
                    f"cannot write {self.path}: {write_problem(error, self.path)}. Free space or choose another folder "
                    "with --outputs; what was written before is kept."
                ) from error


def _line(entry: dict[str, Any]) -> str:
    return dump_json(entry, indent=None) + "\n"


class Progress:
    """`progress.json`, at most every two seconds: {stage, stages, epoch, epochs, step, steps, loss, eta_s}.

    `epoch` and `epochs` count through all stages, from 0; `step` and `steps` are of the running epoch. The time left
    assumes that coming epochs take as many steps as the last one did.

    Args:
        folder: where it is written; None writes nothing.
        stages: epochs of each stage, by name, in order.
    """

    def __init__(self, folder: Path | None, stages: Mapping[str, int]):
        self.path = folder / "progress.json" if folder else None
        self.names, self.epochs = list(stages), sum(stages.values())
        self.first_epochs = dict(zip(stages, np.cumsum([0, *stages.values()]).tolist(), strict=False))
        self.stage, self.now, self.steps = self.names[0], 0, 0  # the stage, the epoch and the epoch's steps under way
        self.started = self.written = time.monotonic()
        self.done_before: float | None = None  # epochs done when this session began

    def start(self, stage: str, epoch: int) -> None:
        """A stage begins or goes on at its `epoch`; the first call begins to measure the rate."""
        self.stage, self.now, self.steps = stage, self.first_epochs[stage] + epoch, 0
        if self.done_before is None:
            self.done_before, self.started = self.now, time.monotonic()
        self.write(0, None)

    def epoch(self, epoch: int, steps: int) -> None:
        """An epoch of the stage begins; it takes `steps` steps."""
        first = self.steps == 0
        self.now, self.steps = self.first_epochs[self.stage] + epoch, steps
        if first:
            self.write(0, None)  # now that the number of steps is known

    def due(self) -> bool:
        """Whether it is time to look at the loss (the only moment within an epoch that waits for the device)."""
        return time.monotonic() - self.written >= PROGRESS_SECONDS

    def write(self, step: int, loss: float | None) -> None:
        """`step` is the number of steps done in the running epoch."""
        now = time.monotonic()
        done = self.now + (step / self.steps if self.steps else 0)
        trained = done - (self.done_before or 0)
        eta = round((now - self.started) / trained * (self.epochs - done), 1) if trained > 0 else None
        entry = {"stage": self.stage, "stages": self.names, "epoch": self.now, "epochs": self.epochs}
        entry |= {"step": step, "steps": self.steps, "loss": loss}
        self.written = now
        if self.path:
            write_json(self.path, {**entry, "eta_s": 0.0 if done >= self.epochs else eta}, durable=False)

    def finish(self) -> None:
        """All stages are done."""
        self.now = self.epochs
        self.write(0, None)
