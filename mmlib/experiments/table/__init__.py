"""A table of a paper from records: `Parameters` (cheap to import) and `run`. Nothing is trained unless asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmlib.experiments.table.parameters import Parameters

if TYPE_CHECKING:
    from mmlib.experiments.table.experiment import TableResult

__all__ = ["Parameters", "run"]


def run(parameters: Parameters) -> TableResult:
    """Read the records of one plan and profile, compute verdicts, write tables, figures and `result.json`."""
    from mmlib.experiments.table.experiment import run as run_experiment

    return run_experiment(parameters)
