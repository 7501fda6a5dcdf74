"""The explorer: a finished run looked into with widgets, and SimAM² on two small signals edited by hand.

`Parameters` (cheap to import) and `run`, which gives its panels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmlib.experiments.explorer.parameters import Parameters

if TYPE_CHECKING:
    from mmlib.experiments.explorer.panels import Explorer

__all__ = ["Parameters", "run"]


def run(parameters: Parameters) -> Explorer:
    """The panels over the finished runs there are; trains nothing unless `small_run` asks for it."""
    from mmlib.experiments.explorer.panels import Explorer

    return Explorer.over(parameters.outputs_folder(), parameters.run, parameters.small_run)
