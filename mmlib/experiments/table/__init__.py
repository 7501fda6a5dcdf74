"""A table of a paper from records: `Parameters` (cheap to import) and `run`. Nothing is trained unless asked."""

from mmlib.experiments.lazy import lazy
from mmlib.experiments.table.parameters import Parameters

__all__ = ["Parameters", "run"]

run = lazy("mmlib.experiments.table.experiment:run")
