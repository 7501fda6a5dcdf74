"""Raw media on their way to the prepared format, to be looked at: `Parameters` (cheap to import) and `run`."""

from mmlib.experiments.lazy import lazy
from mmlib.experiments.media.parameters import Parameters

__all__ = ["Parameters", "run"]

run = lazy("mmlib.experiments.media.experiment:run")
