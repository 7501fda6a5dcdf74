"""A cell: one notebook with fully resolved parameters, and the folder its results go to."""

from __future__ import annotations

import importlib
import os
import sys
from bisect import bisect_left
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from mmlib.errors import UsageError
from mmlib.files import content_hash, safe_name, sha256_file
from mmlib.parameters.base import ExperimentParameters, project_root
from mmlib.record import read_record

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
    folders = {parent: _names_in(parent) for parent in {cell.folder.parent for cell in cells}}
    by_row = {cell.row: cell for cell in reversed(cells)}
    found = []
    for cell in by_row.values():
        stem = cell.parameters.slug().removesuffix(str(cell.seed))
        names = folders[cell.folder.parent]
        for name in names[bisect_left(names, stem) :]:
            if not name.startswith(stem):
                break
            seed, _, _ = name.removeprefix(stem).partition("-")
            if name in known or not seed.isdecimal():
                continue
            parameters = cell.parameters.model_copy(update={"seed": int(seed)})
            other = replace(cell, id=cell_id(cell.notebook, parameters), parameters=parameters, seed=int(seed))
            if other.id == name:
                found.append(other)
    return sorted(found, key=lambda cell: (cell.row, cell.seed))


def _names_in(folder: Path) -> list[str]:
    """What lies in a folder, sorted; nothing where there is none."""
    return sorted(os.listdir(folder)) if folder.is_dir() else []


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


def inputs_hash(cell: Cell) -> str:
    """Hash of all a summary reads: its source files, and of each input cell's record what the summary could show.

    Which run of a finished cell it was counts; when a failed one failed again in the same way does not. More seeds
    are looked for now: another plan of the same run may have made them since the cell was listed.
    """
    sources = {path.name: sha256_file(path) if path.is_file() else None for path in cell.sources}
    seen: dict[str, object] = {}
    for one in (*cell.inputs, *more_seeds(list(cell.inputs))):
        record, _ = read_record(one.folder)
        if record is not None:
            seen[one.id] = record.run_id if record.done else [record.status, record.model_dump(include={"error"})]
    return content_hash([sources, seen])
