"""Face-voice association: `Parameters` (cheap to import) and `run` (loads torch when called)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmlib.experiments.face_voice.parameters import Parameters

if TYPE_CHECKING:
    from mmlib.record import Result

__all__ = ["Parameters", "run"]


def run(parameters: Parameters) -> Result:
    """Train and evaluate once; write the record's files into the output folder and return the result."""
    from mmlib.experiments.execution import execute
    from mmlib.experiments.face_voice.experiment import FaceVoiceExperiment

    return execute(FaceVoiceExperiment(), parameters)
