"""No modulation: a stand-in with the same calls, so that a training loop needs no special case."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from mmlib.modulation.base import Modulation


class NoModulation(Modulation):
    """Leaves every gradient alone; the coefficients it reports are 1, and it reports no ratios."""

    def __init__(self, groups: Any, **settings: Any) -> None:
        super().__init__(groups, **{**settings, "touch": "all"})
        self.coefficients = {modality: torch.ones(()) for modality in self.modalities}

    def attach(self, optimizer: torch.optim.Optimizer) -> NoModulation:
        return self

    def observe(self, **_: Any) -> None:
        """Nothing to see."""

    def scores(self, **_: Any) -> dict[str, Tensor] | None:
        return {}

    def ratio(self, scores: dict[str, Tensor]) -> Tensor:
        return torch.ones(())
