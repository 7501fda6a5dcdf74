"""A cell: one notebook with fully resolved parameters, and the folder its results go to."""

from __future__ import annotations

import importlib
import os
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from mmlib.errors import UsageError
from mmlib.files import content_hash, safe_name, sha256_file
from mmlib.parameters.base import ExperimentParameters, project_root
from mmlib.record import Record, read_record

State = Literal["done", "failed", "killed", "timeout", "blocked", "stale", "missing", "running"]


@dataclass(frozen=True)
class Cell:
    """What a runner runs. `id` is a readable slug plus a hash of the notebook's name and the parameters' identity.

    `plan`, `profile` and `row` say who asked for it; the same cell may be asked for by several plans and runs once.
    `inputs` are the cells a summary reads: a change in their records makes the summary stale.
    """

    id: str
    notebook: str
    parameters: ExperimentParameters
    outputs: Path
    plan: str | None = None
    profile: str | None = None
    row: str | None = None
    seed: int | None = None
    kind: Literal["run", "summary"] = "run"
    inputs: tuple[Cell, ...] = field(default=(), repr=False)
    sources: tuple[Path, ...] = ()

    @property
    def folder(self) -> Path:
        """``outputs/runs/<id>``, for a summary ``outputs/summaries/<id>``."""
        return self.outputs / ("runs" if self.kind == "run" else "summaries") / self.id

    @property
    def previous(self) -> Path:
        """Where the results of an outdated run wait until the new run has succeeded."""
        return self.folder.parent / ".previous" / self.id

    def notebook_parameters(self) -> dict[str, object]:
        """Every parameter as plain JSON, with `output` pointing at the folder where the experiment has one."""
        values = self.parameters.model_dump(mode="json")
        return values | ({"output": str(self.folder)} if "output" in values else {})


def cell_id(notebook: str, parameters: ExperimentParameters) -> str:
    """For example ``synthetic-concat-simam2-s0-1f3a9c2e``. Raises `UsageError` where it cannot name a folder."""
    return safe_name(f"{parameters.slug()}-{content_hash([notebook, parameters.identity()])[:8]}", "the cell")


def more_seeds(cells: list[Cell]) -> list[Cell]:
    """Cells that differ from the plan's in nothing but the seed and have been run (`mmlib run --seeds 3,4`)."""
    known = {cell.id for cell in cells}
    folders = {parent: _seeds_in(parent) for parent in {cell.folder.parent for cell in cells}}
    by_row = {cell.row: cell for cell in reversed(cells)}
    found = []
    for cell in by_row.values():
        stem = cell.parameters.slug().removesuffix(str(cell.seed))
        for seed, names in folders[cell.folder.parent].get(stem, {}).items():
            if names <= known:
                continue
            parameters = cell.parameters.model_copy(update={"seed": seed})
            name = cell_id(cell.notebook, parameters)
            if name in names and name not in known:
                found.append(replace(cell, id=name, parameters=parameters, seed=seed))
    return sorted(found, key=lambda cell: (cell.row, cell.seed))


Listing = dict[str, dict[int, set[str]]]
_SEED = re.compile(r"(.*?)([0-9]+)-[0-9a-f]{8}")
_LISTED: dict[str, tuple[int, Listing]] = {}
SETTLED = 2 * 10**9  # nanoseconds; file systems keep times in steps of up to two seconds


def _seeds_in(folder: Path) -> Listing:
    """The names in a folder that end in a seed and a hash, by what comes before and by seed; {} where there is none.

    Read again only where the folder has changed: every plan and profile asks, and there may be thousands of names.
    """
    try:
        changed = os.stat(folder).st_mtime_ns
        place = str(folder)
        if place in _LISTED and _LISTED[place][0] == changed:
            return _LISTED[place][1]
        names = os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    found: Listing = {}
    for name in names:
        parts = _SEED.fullmatch(name)
        digits = parts[2] if parts else ""
        for before in range(len(digits)):  # what comes before the seed may itself end in digits
            if digits[before] != "0" or before == len(digits) - 1:
                stem = parts[1] + digits[:before]
                found.setdefault(stem, {}).setdefault(int(digits[before:]), set()).add(name)
    if time.time_ns() - changed > SETTLED:  # else a name may come in the same step, which would not show
        _LISTED[place] = (changed, found)
    return found


def parameters_class(experiment: str) -> type[ExperimentParameters]:
    """The `Parameters` of an experiment module. Modules beside `notebooks/` are found too. Raises `UsageError`."""
    root = str(project_root())
    if root not in sys.path:
        sys.path.append(root)
    try:
        module = importlib.import_module(experiment)
    except ImportError as error:
        raise UsageError(
            f"the experiment {experiment!r} named in a notebook's metadata cannot be imported: {error}. Correct "
            "metadata.mmlib.experiment, or install what is missing."
        ) from error
    except SyntaxError as error:
        raise UsageError(f"{error.filename}, line {error.lineno}: {error.msg}. Mend it and run again.") from error
    parameters = getattr(module, "Parameters", None)
    if not (isinstance(parameters, type) and issubclass(parameters, ExperimentParameters)):
        raise UsageError(f"the module {experiment} has no class Parameters (a subclass of ExperimentParameters).")
    return parameters


Reader = Callable[[Path], tuple[Record | None, str | None]]


def inputs_hash(cell: Cell, read: Reader = read_record) -> str:
    """Hash of all a summary reads: its source files, and of each input cell's record what the summary could show.

    `read` gives the record of a cell's folder. Which run of a finished cell it was counts; when a failed one failed
    again in the same way does not. More seeds are looked for now: another plan of the same run may have made them
    since the cell was listed.
    """
    sources = {path.name: sha256_file(path) if path.is_file() else None for path in cell.sources}
    seen: dict[str, object] = {}
    for one in (*cell.inputs, *more_seeds(list(cell.inputs))):
        record, _ = read(one.folder)
        if record is not None:
            seen[one.id] = record.run_id if record.done else [record.status, record.model_dump(include={"error"})]
    return content_hash([sources, seen])
