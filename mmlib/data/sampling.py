"""Which rows an epoch visits, in which order, and with what: a plan that a method may replace between epochs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch

from mmlib.errors import ParameterError


@dataclass(frozen=True, eq=False)
class SamplingPlan:
    """The list of one epoch. Rows may repeat, and the list may be longer or shorter than the dataset.

    `index` (N',) int64, positions within the dataset; `keep`, by modality, (N',) bool: which rows keep it (a modality
    without an entry is kept by all); `weight` (N',) float32, not negative: of each row's loss; `shuffle`: visit the
    rows in a random order, seeded by (seed, epoch), else as listed. With several processes all must set the same plan.
    Raises `ParameterError` for values that cannot be meant.
    """

    index: np.ndarray
    keep: Mapping[str, np.ndarray] | None = None
    weight: np.ndarray | None = None
    shuffle: bool = True

    def __post_init__(self) -> None:
        index = np.asarray(self.index)
        if index.ndim != 1 or (index.dtype.kind not in "iu" and len(index)):
            raise ParameterError(f"the index of a plan is {index.dtype} {list(index.shape)}: give (rows,) integers.")
        keep = None if self.keep is None else {name: np.array(mask) for name, mask in self.keep.items()}
        for name, mask in (keep or {}).items():
            if mask.shape != index.shape or mask.dtype != bool:
                raise ParameterError(
                    f"keep[{name!r}] of a plan of {len(index)} rows is {mask.dtype} {list(mask.shape)}: give one bool "
                    "per row."
                )
        weight = None if self.weight is None else np.array(self.weight, dtype=np.float32)
        if weight is not None and (weight.shape != index.shape or not (np.isfinite(weight) & (weight >= 0)).all()):
            raise ParameterError(
                f"the weights of a plan of {len(index)} rows have shape {list(weight.shape)}, or some are negative or "
                "not finite: give one finite number of at least 0 per row."
            )
        for name, value in (("index", index.astype(np.int64)), ("keep", keep), ("weight", weight)):
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        return len(self.index)

    def order(self, seed: int, epoch: int, turn: int = 0) -> np.ndarray:
        """Rows of this plan in the order they are visited, `(N',)`; `turn` counts how often the epoch began anew."""
        if not self.shuffle:
            return np.arange(len(self))
        keys = [seed, epoch, turn] if turn else [seed, epoch]
        return np.random.default_rng(keys).permutation(len(self))

    def state_dict(self) -> dict[str, Any]:
        """Tensors and plain numbers only, so that a checkpoint holds it."""
        state: dict[str, Any] = {"index": torch.from_numpy(self.index), "shuffle": self.shuffle}
        if self.keep is not None:
            state["keep"] = {name: torch.from_numpy(mask) for name, mask in self.keep.items()}
        if self.weight is not None:
            state["weight"] = torch.from_numpy(self.weight)
        return state

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> SamplingPlan:
        """The plan whose `state_dict` this is."""
        keep, weight = state.get("keep"), state.get("weight")
        return cls(
            state["index"].numpy(),
            None if keep is None else {name: mask.numpy() for name, mask in keep.items()},
            None if weight is None else weight.numpy(),
            state["shuffle"],
        )


class Sampler(Protocol):
    """Gives each epoch its plan. It depends on the epoch alone: what a method learns, it sets with `set_plan`."""

    def plan(self, epoch: int) -> SamplingPlan: ...


class WholeDataset:
    """Every row once, in every epoch."""

    def __init__(self, rows: int, shuffle: bool) -> None:
        self._plan = SamplingPlan(np.arange(rows), shuffle=shuffle)

    def plan(self, epoch: int) -> SamplingPlan:
        return self._plan
