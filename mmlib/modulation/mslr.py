"""MSLR: a learning rate for each modality, from how its own accuracy develops.

Yao & Mihalcea, "Modality-specific Learning Rates for Effective Multimodal Additive Late-fusion", Findings of ACL 2022,
in the form in which IEMF's code compares itself with it.

Published code does (IEMF): multiplies every gradient of a modality's encoder and own head, batch norms included, by
    0.9 q (audio) or 1.1 q (visual) in epochs 0 to 50; the fusion is left alone. q = 1 until five evaluations exist;
    from the sixth on it is the newest accuracy over the mean of the five before, so that epoch 6 (counted from 0) is
    the first one trained with q ≠ 1. The accuracies are those of the unimodal heads on the test split, and without
    IEMF no loss trains these heads: q is then noise.
We do: the same factors, by the accuracy of each modality's share of the fusion, which always means something, or of the
    heads (which here always learn), on the validation split unless another is named. A modality that is not named among
    the factors has the factor 1; where the five accuracies are all 0, q is 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from mmlib.errors import ParameterError, UsageError
from mmlib.modulation.policy import Modulation, Observation
from mmlib.modulation.tensors import Tensors

PUBLISHED_FACTORS = {"audio": 0.9, "visual": 1.1}
REMEMBERED = 5  # evaluations that q compares the newest one with


class MSLR(Modulation):
    """g ← f_m q_m g. See `Modulation`; the groups are the modalities', of encoder and own head.

        mslr = MSLR(model.modality_parameters(heads=True)).attach(optimizer)
        mslr.observe()                                                  # in every step
        mslr.end_epoch(epoch, {"validation": {"top1_audio": ..., "top1_visual": ...}})

    Args:
        groups: by modality.
        factors: f_m, at least 0; 1 for a modality that is not named.
        split: whose accuracies count.
        accuracy: the metric's name before the modality's: `top1` for the fusion's shares, `top1_head` for heads.
        tensors: which of the groups' tensors; all, as published.
        **settings: see `Mechanism`; the published window is its default, (0, 50).

    Attributes: `q`, by modality.
    """

    def __init__(
        self,
        groups: Mapping[str, Iterable[nn.Parameter]],
        *,
        factors: Mapping[str, float] = PUBLISHED_FACTORS,
        split: str = "validation",
        accuracy: str = "top1",
        tensors: Tensors = "all",
        **settings: Any,
    ) -> None:
        super().__init__(groups, tensors=tensors, **settings)
        if bad := {m: factor for m, factor in factors.items() if not factor >= 0}:
            raise ParameterError(f"MSLR: factors must be at least 0; got {bad}.")
        self.factors = {modality: float(factors.get(modality, 1.0)) for modality in self.modalities}
        self.split, self.accuracy = split, accuracy
        self.q = dict.fromkeys(self.modalities, 1.0)
        self.remembered: dict[str, list[float]] = {modality: [] for modality in self.modalities}

    def scores(self, seen: Observation) -> dict[str, Tensor] | None:
        return {}

    def decide(self, scores: dict[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        factors = {m: self.factors[m] * self.q[m] for m in self.modalities}
        return {m: torch.full((), factor, device=self.groups[m][0].device) for m, factor in factors.items()}, {}

    @torch.no_grad()
    def observe(self, **_: Any) -> None:
        """Nothing of a step counts; q follows from evaluations."""
        self.begin_update()
        self.coefficients, self.ratios = self.decide({})
        if not self.active:
            self.coefficients = {name: torch.ones_like(value) for name, value in self.coefficients.items()}

    def end_epoch(self, epoch: int, metrics: Mapping[str, Mapping[str, float | None]]) -> None:
        """Take note of an epoch's accuracies: `metrics` by split, then by name. One that is None leaves q as it is.

        Raises `UsageError` where the split or a modality's accuracy is missing.
        """
        for modality in self.modalities:
            name = f"{self.accuracy}_{modality}"
            if name not in metrics.get(self.split, {}):
                known = "; ".join(f"{split}: {', '.join(found)}" for split, found in metrics.items()) or "nothing"
                raise UsageError(
                    f"MSLR follows {name} on the split {self.split!r}, which the evaluation after epoch {epoch} lacks. "
                    f"It has {known}."
                )
            newest, past = metrics[self.split][name], self.remembered[modality]
            if newest is None:
                continue
            if len(past) == REMEMBERED:
                mean = sum(past) / REMEMBERED
                self.q[modality] = float(newest) / mean if mean else 1.0
                del past[0]
            past.append(float(newest))

    def state_dict(self) -> dict[str, Any]:
        remembered = {modality: list(past) for modality, past in self.remembered.items()}
        return {**super().state_dict(), "q": dict(self.q), "remembered": remembered}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        super().load_state_dict(state)
        self.q = {modality: float(state["q"][modality]) for modality in self.modalities}
        self.remembered = {modality: list(state["remembered"][modality]) for modality in self.modalities}
