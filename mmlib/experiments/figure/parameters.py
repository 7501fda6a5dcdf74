"""Parameters of a figure: which plan, which profile."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from mmlib.experiments.settings import about
from mmlib.parameters.base import ExperimentParameters, outputs_root, resolve_path


class Parameters(ExperimentParameters):
    """One figure on one profile, drawn from records."""

    experiment: ClassVar[str] = "figure"
    runtime_fields: ClassVar[frozenset[str]] = frozenset({"outputs", "output", "run_missing"})

    plan: str = about("correlation", "plan in notebooks/plans, without .yaml")
    profile: str = about("embedded", "profile of the plan: which data, which recipe")
    landscape_samples: int = about(
        0, "iemf: compute the loss landscape on so many test samples (minutes); 0 shows what was computed before"
    )
    run_missing: bool = about(False, "train the cells that are missing first (may take long)")
    outputs: str = about("", "folder with the records; empty: outputs/ of the project")
    output: str = about("", "folder of this notebook's own result; empty: beside the figures")

    def slug(self) -> str:
        return f"{self.plan}-{self.profile}"

    def outputs_folder(self) -> Path:
        """Where the records are read and the figures written."""
        return resolve_path(self.outputs) if self.outputs else outputs_root()

    def output_folder(self) -> Path:
        """Where `result.json` goes."""
        return resolve_path(self.output) if self.output else self.outputs_folder() / "figures" / self.slug()
