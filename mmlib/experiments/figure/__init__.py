"""A figure of a paper from records: `Parameters` (cheap to import) and `run`. Nothing is trained unless asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmlib.experiments.figure.parameters import Parameters

if TYPE_CHECKING:
    from mmlib.experiments.figure.experiment import FigureResult

__all__ = ["Parameters", "run"]


def run(parameters: Parameters) -> FigureResult:
    """Read the records of one plan and profile, analyse and draw them, write figures and `result.json`."""
    from mmlib.experiments.figure.experiment import run as run_experiment

    return run_experiment(parameters)
