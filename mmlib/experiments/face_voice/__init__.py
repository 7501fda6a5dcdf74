"""Face-voice association: `Parameters` (cheap to import) and `run` (loads torch when called)."""

from mmlib.experiments.face_voice.parameters import Parameters
from mmlib.experiments.lazy import lazy

__all__ = ["Parameters", "run"]

run = lazy("mmlib.experiments.face_voice.experiment:run")
