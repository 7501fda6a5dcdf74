"""Values of every step. They stay on the device and move to the host once per epoch.

Columns are the union of what all stages traced, NaN where a stage has none.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from mmlib.training.distributed import Group, summed


class Trace:
    """One row per step; over several processes, means weighted by each one's share of the global batch."""

    def __init__(self, group: Group):
        self.group = group
        self.names: list[str] = []
        self.rows: list[Tensor] = []  # of the running epoch, each (names,)
        self.counts: list[tuple[int, int]] = []  # samples of each step: here, and in the global batch
        self.arrays: dict[str, np.ndarray] = {}  # of the finished epochs, each (steps,)

    def append(self, values: Mapping[str, Tensor], count: int, global_count: int) -> None:
        """Keep the 0-d `values` of one step."""
        if not self.rows:
            self.names = list(values)
        self.rows.append(torch.stack([values[name].detach().float() for name in self.names]))
        self.counts.append((count, global_count))

    def open_column(self, name: str) -> np.ndarray:
        """A value at the steps of the running epoch so far; waits for the device."""
        return torch.stack(self.rows)[:, self.names.index(name)].cpu().numpy()

    def close_epoch(self, epoch: int) -> dict[str, np.ndarray]:
        """Move the epoch's rows to the host: name -> (steps,), with `samples` the global batch sizes."""
        table = torch.stack(self.rows)  # (steps, names)
        counts = np.array(self.counts, dtype=np.float32)  # (steps, 2)
        if self.group.many:
            shares = torch.from_numpy(counts[:, 0] / counts[:, 1]).to(table.device)
            table = summed(table * shares[:, None], self.group)
        columns = {"samples": counts[:, 1], **dict(zip(self.names, table.cpu().numpy().T, strict=True))}
        first = len(self.arrays["step"]) if self.arrays else 0
        steps = {"epoch": np.full(len(table), epoch), "step": np.arange(first, first + len(table)), **columns}
        for name in {**self.arrays, **steps}:
            before, now = self.arrays.get(name), steps.get(name)
            before = np.full(first, np.nan, np.float32) if before is None else before
            now = np.full(len(table), np.nan, np.float32) if now is None else now
            self.arrays[name] = np.concatenate([before, now]) if first else now
        self.rows, self.counts = [], []
        return columns

    def state_dict(self) -> dict[str, Tensor]:
        return {name: torch.from_numpy(value) for name, value in self.arrays.items()}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        self.arrays = {name: value.numpy() for name, value in state.items()}


def weighted_means(columns: Mapping[str, np.ndarray]) -> dict[str, float | None]:
    """Means over an epoch's steps, weighted by samples; None for a value that is defined at no step."""
    means = {}
    for name, values in columns.items():
        known = np.isfinite(values)
        weights = columns["samples"][known].astype(np.float64)
        means[name] = float(np.average(values[known].astype(np.float64), weights=weights)) if known.any() else None
    return {name: mean for name, mean in means.items() if name != "samples"}
