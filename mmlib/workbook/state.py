"""What state each cell is in, and why: read from records and content hashes alone, nothing is run.

The one exception: a finished cell's data are compared too, for which its experiment finds (or prepares) them.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from mmlib.errors import BlockedError, UsageError
from mmlib.files import read_json
from mmlib.record import CellFile, Record, read_cell_file, read_record
from mmlib.seal import NOTEBOOK, WEIGHTS, altered
from mmlib.workbook.cell import Cell, State, inputs_hash
from mmlib.workbook.fingerprint import Fingerprints, why_stale


@dataclass(frozen=True)
class CellState:
    """A cell, its state, the reason in words, and its record where a valid one exists.

    `left`: the share of its epochs still to do, less than 1 where an interrupted run can go on.
    """

    cell: Cell
    state: State
    reason: str
    record: Record | None = None
    left: float = 1.0

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
    _missing: dict[str, str | None] = field(default_factory=dict)
    _prepared: dict[str, str | None] = field(default_factory=dict)
    _records: dict[Path, tuple[Record | None, str | None]] = field(default_factory=dict)
    _names: dict[Path, frozenset[str]] = field(default_factory=dict)

    def look(self, cells: Iterable[Cell]) -> list[CellState]:
        """The state of each cell, in order."""
        return [self.look_at(cell) for cell in cells]

    def look_at(self, cell: Cell) -> CellState:
        folder = cell.folder
        if not self._exists(folder):  # most cells of most plans
            return self._unless_blocked(CellState(cell, "missing", "never run"))
        record, problem = self._record(folder)
        if record and record.cell_id != cell.id:
            record, problem = None, f"record.json belongs to {record.cell_id}"
        started = None if record else read_cell_file(folder)[0]
        if record is None and started is None:
            return self._unless_blocked(CellState(cell, "missing", problem or "never run"))
        data = inputs_hash(cell, self._record) if cell.kind == "summary" else None
        current = self.fingerprints.hashes(cell.notebook, data, cell.parameters.modules_by_name())
        if record and record.done:
            if cell.kind == "run" and record.hashes.data is not None:
                current = current.model_copy(update={"data": self._data(cell)})
            reason = why_stale(record.hashes, current, cell.notebook) or altered(cell.folder, record.files)
            if reason is None:
                other = altered(cell.folder, record.files, (NOTEBOOK, WEIGHTS))
                return CellState(cell, "done", f"done, but {other}" if other else "done", record)
            if cell.kind == "summary" and record.hashes.data != current.data:
                reason = reason.replace("data changed", "the records it reads changed")
            return self._unless_blocked(CellState(cell, "stale", reason, record))
        if record:
            text = f"{record.status}: {record.error.message if record.error else 'no reason recorded'}"
            resumes = record.status in ("killed", "timeout") and why_stale(record.hashes, current, "") is None
            left = 1 - share_done(cell) if resumes else 1.0
            return self._unless_blocked(CellState(cell, record.status, text, record, left))
        return self._unless_blocked(self._unfinished(cell, started, problem, current))

    def _unfinished(self, cell: Cell, started: CellFile, problem: str | None, current) -> CellState:
        if self.running_since is not None and started.started >= self.running_since:
            reason = f"started {started.started} on {started.host}{progress_text(cell)}"
            return CellState(cell, "running", reason, left=1 - share_done(cell))
        if why_stale(started.hashes, current, "") is not None:  # it begins anew
            return CellState(cell, "killed", problem or "was interrupted")
        reason = problem or f"was interrupted{progress_text(cell)}"
        return CellState(cell, "killed", reason, left=1 - share_done(cell))

    def _unless_blocked(self, state: CellState) -> CellState:
        if state.state == "running":
            return state
        missing = self._missing_data(state.cell)
        return replace(state, state="blocked", reason=missing) if missing else state

    def _exists(self, folder: Path) -> bool:
        """Whether a cell's folder is there; all folders are listed once."""
        parent = folder.parent
        if parent not in self._names:
            try:
                self._names[parent] = frozenset(os.listdir(parent))
            except (FileNotFoundError, NotADirectoryError):
                self._names[parent] = frozenset()
        return folder.name in self._names[parent]

    def _record(self, folder: Path) -> tuple[Record | None, str | None]:
        """A folder's record, read once: plans share cells, and a summary looks at those of all its inputs."""
        if folder not in self._records:
            self._records[folder] = read_record(folder)
        return self._records[folder]

    def _data(self, cell: Cell) -> str | None:
        """Manifest hash of a finished cell's data; None (not compared) where they are gone."""
        key = cell.parameters.data_key()
        if key not in self._prepared:
            try:
                self._prepared[key] = None if self._missing_data(cell) else cell.parameters.prepare_data()
            except BlockedError:
                self._prepared[key] = None
        return self._prepared[key]

    def _missing_data(self, cell: Cell) -> str | None:
        """What a cell's data lack; a thousand cells share a handful of data sets, and each is a look at the disk."""
        key = cell.parameters.data_key()
        if key not in self._missing:
            self._missing[key] = cell.parameters.missing_data()
        return self._missing[key]


def progress_text(cell: Cell) -> str:
    """`, epoch 3 of 10` from the cell's progress file, or nothing."""
    progress = read_progress(cell.folder)
    epoch, epochs = progress.get("epoch"), progress.get("epochs")
    return f", epoch {epoch} of {epochs}" if epoch is not None and epochs else ""


def share_done(cell: Cell) -> float:
    """The share of a cell's epochs that its progress file says are done; 0 where it says nothing that can be."""
    progress = read_progress(cell.folder)
    epoch, epochs = progress.get("epoch"), progress.get("epochs")
    if not isinstance(epoch, int | float) or not isinstance(epochs, int | float) or epochs <= 0:
        return 0.0
    return min(1.0, max(0.0, epoch / epochs))


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
    if pid <= 0:  # would ask for a group of processes
        return False
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
