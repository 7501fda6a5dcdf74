"""What the loop asks of a task. Classification, localisation, verification, ... each implement these four calls."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from torch import Tensor, nn

from mmlib.training.distributed import Group


@dataclass
class Evaluation:
    """Metrics of one split (None where one is not defined) and the arrays that figures need later."""

    metrics: dict[str, float | None]
    arrays: dict[str, np.ndarray] = field(default_factory=dict)


class Task(Protocol):
    """A task; `output` is what the model returns; `batch` what the loader yields: `inputs`, `size` (samples
    over all processes), `len` and `to(device, non_blocking)`.

    A task that keeps something of its own (critics, an exemplar memory) also has `state_dict` and `load_state_dict`:
    checkpoints keep it. One with a `start_epoch(epoch)` is told each epoch of its stage, counted from 0, before the
    loader makes its order; it may replace the loader's plan then. One with `model_options(batch)` gives keyword
    arguments for the model's pass over a training batch.
    """

    def losses(self, output: Any, batch: Any) -> dict[str, Tensor]:
        """Losses by name, each weighted as it counts, 0-d means over the samples of the batch; their sum is minimised.

        The same names at every step.
        """
        ...

    def observables(self, output: Any, batch: Any) -> dict[str, Any]:
        """Keyword arguments for every modulation's `observe`; called without gradients."""
        ...

    def trace(self, output: Any, batch: Any, observed: dict[str, Any]) -> dict[str, Tensor]:
        """0-d values to keep for every step, on the device; the same names at every step, NaN where undefined."""
        ...

    def evaluate(self, model: nn.Module, loader: Iterable, group: Group) -> Evaluation:
        """Evaluate one split, every sample once; called on all processes, the result counts on the first."""
        ...
