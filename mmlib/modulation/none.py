"""No modulation: a stand-in with the same calls, so that a training loop needs no special case."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Self

import torch
from torch import Tensor, nn

from mmlib.modulation.policy import Modulation, Observation


class NoModulation(Modulation):
    """Leaves every gradient alone; the coefficients it reports are 1, and it reports no ratios."""

    def __init__(self, groups: Mapping[str, Iterable[nn.Parameter]], **settings: Any) -> None:
        # Any groups will do, so the checks of the base class do not apply.
        self.groups = {modality: list(parameters) for modality, parameters in groups.items()}
        self.modalities = tuple(groups)
        self.window = settings.get("window")
        self.seed = settings.get("seed", 0)
        self.epoch = self.step = 0
        self.ratios: dict[str, Tensor] = {}
        # On the model's device: a loop stacks them with what a step gave.
        self.coefficients = {
            modality: torch.ones((), device=parameters[0].device if parameters else None)
            for modality, parameters in self.groups.items()
        }
        self.observed, self._updated, self._hooks = False, set(), []

    def attach(self, optimizer: torch.optim.Optimizer) -> Self:
        return self

    def observe(self, **_: Any) -> None:
        """Nothing to see."""

    def scores(self, seen: Observation) -> dict[str, Tensor] | None:
        return {}

    def decide(self, scores: dict[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        return self.coefficients, {}
