"""Parameters of a table: which plan, which profile, and which protocol its statements are tested on."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from mmlib.parameters.base import ExperimentParameters, outputs_root, resolve_path


class Parameters(ExperimentParameters):
    """One table on one profile, read from records."""

    experiment: ClassVar[str] = "table"
    runtime_fields: ClassVar[frozenset[str]] = frozenset({"outputs", "output", "run_missing"})

    plan: str = Field(default="table1", description="plan in notebooks/plans, without .yaml")
    profile: str = Field(default="embedded", description="profile of the plan: which data, which recipe")
    protocol: Literal["clean", "paper", "last"] = Field(
        default="clean", description="protocol the statements are tested on; the table always shows paper and clean"
    )
    run_missing: bool = Field(default=False, description="train the cells that are missing first (may take long)")
    outputs: str = Field(default="", description="folder with the records; empty: outputs/ of the project")
    output: str = Field(default="", description="folder of this notebook's own result; empty: beside the tables")

    def slug(self) -> str:
        return f"{self.plan}-{self.profile}"

    def outputs_folder(self) -> Path:
        """Where the records are read and the tables written."""
        return resolve_path(self.outputs) if self.outputs else outputs_root()

    def output_folder(self) -> Path:
        """Where `result.json` goes."""
        return resolve_path(self.output) if self.output else self.outputs_folder() / "tables" / self.slug()
