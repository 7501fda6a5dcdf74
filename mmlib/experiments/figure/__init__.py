"""A figure of a paper from records: `Parameters` (cheap to import) and `run`. Nothing is trained unless asked."""

from mmlib.experiments.figure.parameters import Parameters
from mmlib.experiments.lazy import lazy

__all__ = ["Parameters", "run"]

run = lazy("mmlib.experiments.figure.experiment:run")
