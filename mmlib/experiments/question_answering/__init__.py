"""Questions on sound and video: `Parameters` (cheap to import) and `run` (loads torch when called)."""

from mmlib.experiments.lazy import lazy
from mmlib.experiments.question_answering.parameters import Parameters

__all__ = ["Parameters", "run"]

run = lazy("mmlib.experiments.question_answering.experiment:run")
