"""Parameters of the explorer: where the runs are, and which one to open first."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from mmlib.experiments.settings import about
from mmlib.parameters.base import ExperimentParameters, outputs_root, resolve_path


class Parameters(ExperimentParameters):
    """What the explorer opens."""

    experiment: ClassVar[str] = "explorer"
    runtime_fields: ClassVar[frozenset[str]] = frozenset({"outputs"})

    run: str = about("", "run to open first, by the beginning of its folder's name; empty: the first")
    small_run: bool = about(False, "train a run of seconds on generated data where there is none")
    outputs: str = about("", "folder with the runs; empty: outputs/ of the project")

    def slug(self) -> str:
        return "explorer"

    def outputs_folder(self) -> Path:
        return resolve_path(self.outputs) if self.outputs else outputs_root()
