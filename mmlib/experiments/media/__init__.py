"""Raw media on their way to the prepared format, to be looked at: `Parameters` (cheap to import) and `run`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmlib.experiments.media.parameters import Parameters

if TYPE_CHECKING:
    from mmlib.experiments.media.experiment import MediaView

__all__ = ["Parameters", "run"]


def run(parameters: Parameters) -> MediaView:
    """One clip under every preset, and a preparation's skipped clips and splits. Trains nothing."""
    from mmlib.experiments.media.experiment import run as run_experiment

    return run_experiment(parameters)
