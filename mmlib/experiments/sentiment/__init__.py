"""Sentiment from text, sound and face by MIM: `Parameters` (cheap to import) and `run` (loads torch when called)."""

from mmlib.experiments.lazy import lazy
from mmlib.experiments.sentiment.parameters import Parameters

__all__ = ["Parameters", "run"]

run = lazy("mmlib.experiments.sentiment.experiment:run")
