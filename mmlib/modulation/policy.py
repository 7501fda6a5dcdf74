"""The contract of gradient modulation: observe a step, turn it into a coefficient per group, change the gradients.

    modulation = OGMGE(model.modality_parameters(), alpha=0.8).attach(optimizer)
    for epoch in range(epochs):
        modulation.set_epoch(epoch)
        for inputs, targets in loader:
            output = model(inputs)
            modulation.observe(unimodal_logits=model.unimodal_logits(output), zeta=output.zeta, targets=targets)
            loss(output.logits, targets).backward()
            optimizer.step()              # the gradients are modulated here, by the optimiser's own step hook
            optimizer.zero_grad()

It works in any loop, see `mmlib.modulation.mechanism`. The scores of all batches observed since the last step count
together, which is what gradient accumulation needs (and what a skipped step leaves for the next one). Under
`torch.distributed` they are summed over all processes before ratios are formed. A method that follows evaluations
instead of steps (MSLR) is told them after each epoch, `modulation.end_epoch(epoch, {split: {metric: value}})`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from mmlib.collectives import all_reduce_sum
from mmlib.errors import ParameterError, UsageError
from mmlib.fusion.modalities import in_order
from mmlib.modulation.mechanism import Mechanism


@dataclass(frozen=True)
class Observation:
    """What a training step tells a modulation; a method takes what it needs, and None says that there is none."""

    unimodal_logits: Mapping[str, Tensor] | None = None
    """(B, K) or (B, T, K) class scores of each modality alone, by the fusion."""
    fused_logits: Tensor | None = None
    """(B, K) or (B, T, K) class scores of the whole model."""
    head_logits: Mapping[str, Tensor] | None = None
    """(B, K) class scores of each modality's own head."""
    zeta: Tensor | None = None
    """(B, C) or (B, T, C) weight of the first of two modalities, in (0, 1)."""
    targets: Tensor | None = None
    """(B,) or (B, T) class indices; negative ones do not count."""
    rows: Tensor | None = None
    """(B,) bool: the samples that count; None for all."""


class Modulation(Mechanism, ABC):
    """Base of the modulations; a subclass says what it scores and how scores become coefficients.

    Args:
        groups: the parameters of each modality, by its name, or of whatever a method modulates.
        alpha: strength of the modulation, at least 0.
        **settings: see `Mechanism`: window, seed, tensors, apply_to.

    Attributes: `coefficients`, by group, and `ratios`, by modality, both 0-d, of the running update.

    Raises:
        ParameterError: for an empty group, or a setting out of range.
    """

    needs: ClassVar[str] = ""
    """What `observe` needs and what provides it, for the error that says it is missing."""

    def __init__(self, groups: Mapping[str, Iterable[nn.Parameter]], *, alpha: float = 0.0, **settings: Any) -> None:
        if alpha < 0:
            raise ParameterError(f"{type(self).__name__}: alpha is {alpha}; it must be at least 0.")
        super().__init__({name: groups[name] for name in in_order(groups)}, **settings)
        self.alpha = alpha
        self.modalities = tuple(self.groups)
        self.ratios: dict[str, Tensor] = {}
        self._scores: dict[str, Tensor] = {}  # since the last update

    # What a method defines.

    @abstractmethod
    def scores(self, seen: Observation) -> dict[str, Tensor] | None:
        """0-d sums over this process's part of the batch, or None if what they need is missing."""

    @abstractmethod
    def decide(self, scores: dict[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Coefficient of every group, and ratios to report, all 0-d, from scores summed over the whole batch."""

    def traced(self) -> dict[str, Tensor]:
        """0-d values of the running update that a training loop keeps beside the coefficients, by name."""
        return {}

    # What a training loop calls, beside `attach`, `detach` and `set_epoch`.

    @torch.no_grad()
    def observe(
        self,
        *,
        unimodal_logits: Mapping[str, Tensor] | None = None,
        fused_logits: Tensor | None = None,
        head_logits: Mapping[str, Tensor] | None = None,
        zeta: Tensor | None = None,
        targets: Tensor | None = None,
        rows: Tensor | None = None,
        **_: Any,
    ) -> None:
        """Score a training batch; sets `ratios` and `coefficients`. Collective under `torch.distributed`.

        Args: see `Observation`. Anything else that a task reports is ignored, so that one call serves every method.

        Raises:
            UsageError: if what the method needs is missing, or targets are no class indices where it needs them.
        """
        seen = Observation(unimodal_logits, fused_logits, head_logits, zeta, targets, rows)
        scores = self.scores(seen)
        if scores is None:
            raise UsageError(f"{type(self).__name__} needs {self.needs}")
        totals = all_reduce_sum(torch.stack(list(scores.values())))
        scores = dict(zip(scores, totals.unbind(), strict=True))
        if not self.begin_update():
            scores = {name: value + self._scores[name] for name, value in scores.items()}
        self._scores = scores
        self.coefficients, self.ratios = self.decide(scores)
        if not self.active:
            self.coefficients = {name: torch.ones_like(value) for name, value in self.coefficients.items()}
