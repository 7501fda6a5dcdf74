"""Audio-visual event localisation: `Parameters` (cheap to import) and `run` (loads torch when called)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmlib.experiments.event_localization.parameters import Parameters

if TYPE_CHECKING:
    from mmlib.experiments.finished import FinishedRun

__all__ = ["Parameters", "run"]


def run(parameters: Parameters) -> FinishedRun:
    """Train and evaluate once; write the record's files into the output folder and return the result."""
    from mmlib.experiments.event_localization.experiment import EventLocalization
    from mmlib.experiments.execution import execute

    return execute(EventLocalization(), parameters)
