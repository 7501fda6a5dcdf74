"""What state each cell is in, and why: read from records and content hashes alone, nothing is run.

The one exception: a finished cell's data are compared too, for which its experiment finds (or prepares) them.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from mmlib.errors import BlockedError, UsageError
from mmlib.files import read_json
from mmlib.record import CellFile, Record, read_cell_file, read_record
from mmlib.workbook.cell import Cell, State, inputs_hash
from mmlib.workbook.fingerprint import Fingerprints, why_stale
from mmlib.workbook.memo import Memo


@dataclass(frozen=True)
class CellState:
    """A cell, its state, the reason in words, and its record where a valid one exists."""

    cell: Cell
    state: State
    reason: str
    record: Record | None = None

    @property
    def done(self) -> bool:
        return self.state == "done"


@dataclass
class Survey:
    """Looks at cells; caches what many cells share. Make a new one per command.

    `running_since`: when the run began that holds the outputs now (ISO 8601, UTC); a cell begun before it was
    interrupted. None without such a run.
    """

    fingerprints: Fingerprints
    running_since: str | None = None
    _missing: Memo = field(default_factory=lambda: Memo("missing_data"))
    _prepared: Memo = field(default_factory=lambda: Memo("prepare_data"))

    def look(self, cells: Iterable[Cell]) -> list[CellState]:
        """The state of each cell, in order."""
        return [self.look_at(cell) for cell in cells]

    def look_at(self, cell: Cell) -> CellState:
        record, problem = read_record(cell.folder)
        started, _ = read_cell_file(cell.folder)
        if record and record.cell_id != cell.id:
            record, problem = None, f"record.json belongs to {record.cell_id}"
        current = self.fingerprints.hashes(cell.notebook, inputs_hash(cell) if cell.kind == "summary" else None)
        if record and record.done:
            if cell.kind == "run" and record.hashes.data is not None:
                current = current.model_copy(update={"data": self._data(cell)})
            reason = why_stale(record.hashes, current, cell.notebook)
            if reason is None:
                return CellState(cell, "done", "done", record)
            if cell.kind == "summary" and record.hashes.data != current.data:
                reason = reason.replace("data changed", "the records it reads changed")
            return self._unless_blocked(CellState(cell, "stale", reason, record))
        if record:
            text = f"{record.status}: {record.error.message if record.error else 'no reason recorded'}"
            return self._unless_blocked(CellState(cell, record.status, text, record))
        if started:
            return self._unless_blocked(self._unfinished(cell, started, problem, current))
        return self._unless_blocked(CellState(cell, "missing", problem or "never run"))

    def _unfinished(self, cell: Cell, started: CellFile, problem: str | None, current) -> CellState:
        if self.running_since is not None and started.started >= self.running_since:
            return CellState(cell, "running", f"started {started.started} on {started.host}{progress_text(cell)}")
        same = why_stale(started.hashes, current, "") is None
        where = progress_text(cell) if same else ""
        return CellState(cell, "killed", problem or f"was interrupted{where}")

    def _unless_blocked(self, state: CellState) -> CellState:
        if state.state == "running":
            return state
        missing = self._missing(state.cell.parameters)
        return CellState(state.cell, "blocked", missing, state.record) if missing else state

    def _data(self, cell: Cell) -> str | None:
        """Manifest hash of a finished cell's data; None (not compared) where they are gone."""
        try:
            return None if self._missing(cell.parameters) else self._prepared(cell.parameters)
        except BlockedError:
            return None


def progress_text(cell: Cell) -> str:
    """`, epoch 3 of 10` from the cell's progress file, or nothing."""
    progress = read_progress(cell.folder)
    epoch, epochs = progress.get("epoch"), progress.get("epochs")
    return f", epoch {epoch} of {epochs}" if epoch is not None and epochs else ""


def read_progress(folder: Path) -> dict:
    """The content of progress.json, empty when there is none or it is damaged."""
    try:
        content = read_json(folder / "progress.json")
    except (OSError, UsageError):
        return {}
    return content if isinstance(content, dict) else {}


def process_lives(pid: int, host: str) -> bool:
    """Whether the process `pid` of `host` may still be alive; one of another machine is believed to be."""
    if host != socket.gethostname():
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
