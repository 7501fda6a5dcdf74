"""Parameters of the notebook of valued samples: which run, which epoch, whose contributions."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from mmlib.experiments.settings import Count, Index, about
from mmlib.parameters.base import ExperimentParameters, outputs_root, resolve_path


class Parameters(ExperimentParameters):
    """What is looked at."""

    experiment: ClassVar[str] = "valuation"
    runtime_fields: ClassVar[frozenset[str]] = frozenset({"outputs"})

    run: str = about(
        "", "finished run, by the beginning of its folder's name; empty: the first whose samples were valued"
    )
    small_run: bool = about(True, "train a run of seconds on generated data where there is none")
    epoch: Index = about(0, "epoch after which samples were valued, counted from 1; 0: the last")
    modality: str = about("", "whose highest and lowest contributions are shown; empty: the lower mean")
    samples: Count = about(4, "samples shown with the highest, and as many with the lowest")
    outputs: str = about("", "folder with the runs; empty: outputs/ of the project")

    def slug(self) -> str:
        return "valuation"

    def outputs_folder(self) -> Path:
        return resolve_path(self.outputs) if self.outputs else outputs_root()
