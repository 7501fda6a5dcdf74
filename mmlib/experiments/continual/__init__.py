"""Class-incremental learning: `Parameters` (cheap to import) and `run` (loads torch when called)."""

from mmlib.experiments.continual.parameters import Parameters
from mmlib.experiments.lazy import lazy

__all__ = ["Parameters", "run"]

run = lazy("mmlib.experiments.continual.experiment:run")
