"""Classification of clips by any modalities: `Parameters` (cheap to import) and `run` (loads torch when called)."""

from mmlib.experiments.classification.parameters import Parameters
from mmlib.experiments.lazy import lazy

__all__ = ["Parameters", "run"]

run = lazy("mmlib.experiments.classification.experiment:run")
