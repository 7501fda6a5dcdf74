"""Audio-visual event localisation: `Parameters` (cheap to import) and `run` (loads torch when called)."""

from mmlib.experiments.event_localization.parameters import Parameters
from mmlib.experiments.lazy import lazy

__all__ = ["Parameters", "run"]

run = lazy("mmlib.experiments.event_localization.experiment:run")
