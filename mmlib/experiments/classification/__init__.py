"""Audio-visual classification: `Parameters` (cheap to import) and `run` (loads torch when called)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmlib.experiments.classification.parameters import Parameters

if TYPE_CHECKING:
    from mmlib.record import Result

__all__ = ["Parameters", "run"]


def run(parameters: Parameters) -> Result:
    """Train and evaluate once; write the record's files into the output folder and return the result."""
    from mmlib.experiments.classification.experiment import ClassificationExperiment
    from mmlib.experiments.execution import execute

    return execute(ClassificationExperiment(), parameters)
