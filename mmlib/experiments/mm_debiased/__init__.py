"""The audit of MM-Debiased's list, to be looked at: `Parameters` (cheap to import) and `run`."""

from mmlib.experiments.lazy import lazy
from mmlib.experiments.mm_debiased.parameters import Parameters

__all__ = ["Parameters", "run"]

run = lazy("mmlib.experiments.mm_debiased.experiment:run")
