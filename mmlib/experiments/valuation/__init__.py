"""A finished run whose training samples were valued, looked at sample by sample.

`Parameters` (cheap to import) and `run` (loads torch when called), which gives the run with what was valued.
"""

from mmlib.experiments.lazy import lazy
from mmlib.experiments.valuation.parameters import Parameters

__all__ = ["Parameters", "run"]

run = lazy("mmlib.experiments.valuation.valued:run")
