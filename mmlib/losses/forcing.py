"""Forcing the correlation of two modalities to a value, as an additional loss.

Paper says (SimAM², section 2.1): the Soft-HGR maximal correlation of the two modalities is forced to be equal to a
    value by the mean absolute error. Neither the critics, their training, the weight of this loss nor its scale is
    given, and H is no coefficient in [0, 1].
We do: loss + β |ρ̂ - target|, where ρ̂ is one of
    `paired`: mean over the channels of the correlation of X1's channel with X2's, without any critic. It aligns
        neurons, and leaves the maximal correlation where it is;
    `critic`: the correlation of two critics' outputs (k = 1) on the scale chosen. The critics take a few steps towards
        a larger Soft-HGR on each batch before the encoders take theirs.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor

from mmlib.losses.critics import CriticPair, standardised
from mmlib.losses.soft_hgr import HGRScale, column_correlations, correlation, mean_absolute_error

Force = Literal["paired", "critic"]


class ForcedCorrelation:
    """The loss β |ρ̂ - target| of two batches of signals, with the critics' state.

    Args:
        kind: `paired` or `critic`.
        target: ρ̂ is drawn towards it.
        weight: β.
        channels: of the two signals.
        scale, steps, learning_rate, seed: of the critics: the scale of ρ̂, their steps per step of the model, Adam's
            rate, and the seed of their initialisation.

    Batches of one process only: with several, each would force its own part.
    """

    def __init__(
        self,
        kind: Force,
        target: float,
        weight: float,
        channels: tuple[int, int],
        *,
        scale: HGRScale = "pearson",
        steps: int = 3,
        learning_rate: float = 3e-3,
        seed: int = 0,
        device: torch.device | None = None,
    ) -> None:
        self.kind, self.target, self.weight, self.scale, self.steps = kind, target, weight, scale, steps
        self.value: Tensor | None = None
        """ρ̂ of the last batch, 0-d, detached."""
        self.critics = self.optimizer = None
        if kind == "critic":
            self.critics = CriticPair(channels, seed=seed).to(device)
            self.optimizer = torch.optim.Adam(self.critics.parameters(), lr=learning_rate, foreach=True)

    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        """The weighted loss, 0-d, of signals (m, C1) and (m, C2); trains the critics first."""
        with torch.autocast(x.device.type, enabled=False):
            value = self._correlation(x.float(), y.float())
        self.value = value.detach()
        return self.weight * mean_absolute_error(value, self.target)

    def _correlation(self, x: Tensor, y: Tensor) -> Tensor:
        if len(x) < 2:  # the last batch of an epoch may hold one sample, which has no correlation
            return x.new_full((), self.target) + 0 * (x.sum() + y.sum())
        if self.critics is None:
            return column_correlations(x, y).mean()
        x, y = standardised(x), standardised(y)
        for _ in range(self.steps):
            self.critics.ascend(self.optimizer, x, y)
        return correlation(*self.critics(x, y), self.scale)

    def state_dict(self) -> dict[str, Any]:
        """Critics and their optimiser, for a checkpoint; empty without critics."""
        if self.critics is None:
            return {}
        return {"critics": self.critics.state_dict(), "optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        if self.critics is not None:
            self.critics.load_state_dict(state["critics"])
            self.optimizer.load_state_dict(state["optimizer"])
