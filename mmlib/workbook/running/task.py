"""A cell on its way to a worker and what comes back: plain values as JSON, a few words."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from mmlib.files import dump_json
from mmlib.record import GitState, Hashes
from mmlib.workbook.cell import Cell, parameters_class

MAX_ATTEMPTS = 3  # of one run: the first, and two more when a worker or kernel was killed
BLOCKED_KINDS = ("BlockedError", "DataError")  # what a notebook raises when something outside the workbook is missing


@dataclass(frozen=True)
class Task:
    """A cell to run, with all a worker needs to know. `hashes` lacks the data's, which the worker finds out.

    `preload` names the modules a warm kernel starts with, `version` is the hash of their sources, and `warm` the path
    of the process that has imported them, where there is one. `batch` and `verify` are for `mmlib.data.verification`:
    runs of one batch share what they found, and False compares nothing.
    """

    cell: Cell
    run_id: str
    experiment: str
    hashes: Hashes
    git: GitState
    project: Path
    timeout: float | None = None
    cold: bool = False
    force: bool = False
    preload: tuple[str, ...] = ()
    version: str = ""
    warm: str = ""
    batch: str = ""
    verify: bool = True

    def to_json(self) -> str:
        """As text: what travels is plain values, so that a scheduler needs none of the experiment's classes."""
        cell = {name: getattr(self.cell, name) for name in ("id", "notebook", "plan", "profile", "row", "seed", "kind")}
        cell |= {"outputs": str(self.cell.outputs), "parameters": self.cell.parameters.model_dump(mode="json")}
        names = ("run_id", "experiment", "timeout", "cold", "force", "version", "warm", "batch", "verify")
        plain = {name: getattr(self, name) for name in names}
        models = {"hashes": self.hashes.model_dump(), "git": self.git.model_dump()}
        plain["preload"] = list(self.preload)
        return dump_json({"cell": cell, **plain, **models, "project": str(self.project)}, indent=None)

    @classmethod
    def from_json(cls, text: str) -> Task:
        """Rebuild a task on a worker; the parameters are checked again by the worker's own experiment."""
        content = json.loads(text)
        project = Path(content.pop("project"))
        cell = content.pop("cell")
        os.environ["MMLIB_PROJECT"] = str(project)
        os.environ["MMLIB_OUTPUTS"] = cell["outputs"]
        parameters = parameters_class(content["experiment"]).resolve(cell.pop("parameters"))
        cell = Cell(**cell | {"outputs": Path(cell["outputs"]), "parameters": parameters})
        hashes, git = Hashes(**content.pop("hashes")), GitState(**content.pop("git"))
        content["preload"] = tuple(content["preload"])
        return cls(cell=cell, project=project, hashes=hashes, git=git, **content)


@dataclass(frozen=True)
class Outcome:
    """How a task ended: a cell state (or "cancelled"), and why in one line."""

    status: str
    kind: str = ""
    message: str = ""
    attempts: int = 1
