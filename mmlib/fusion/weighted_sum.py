"""Summation with a learned weight: U = ζ X_v + (1 - ζ) X_a (SimAM², Eq. 4 without the gate).

Paper says: the second form of summation, "learnable parameters are used to adjust the weights of both sides", after
    FOP.
Published code does (FOP): ζ from a network on the concatenated embeddings; see `mmlib.fusion.zeta`.
We do: the same on the terms of `Sum`. With SimAM², the ζ learned here is the ζ of SimAM². For more than two modalities,
    an extension: U = Σ w_m X_m with softmax weights of every sample and channel, from the same network on all terms.
    For two the weight stays the published ζ, a sigmoid.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import reduce
from operator import add
from typing import Any

from torch import Tensor, nn

from mmlib.fusion.base import FusionOutput
from mmlib.fusion.options import SimAM2Options, SumSite, ZetaNorm
from mmlib.fusion.sum import Sum
from mmlib.fusion.zeta import SoftmaxWeights, Zeta


class WeightedSum(Sum):
    """U = ζ X_v + (1 - ζ) X_a with learned ζ; for more than two modalities U = Σ w_m X_m, Σ w_m = 1.

    Args:
        channels, num_classes, site: see `Sum`.
        simam2: options of SimAM², or None; its ζ options (`zeta_norm`, `zeta_hidden`, ...) win over those below, and
            `zeta="half"` is read as `learned`, since learning ζ is what this fusion is.
        zeta_hidden, zeta_norm: the network of ζ or of the weights, without SimAM².
    """

    fewest = 2

    def __init__(
        self,
        channels: Mapping[str, int],
        num_classes: int,
        *,
        site: SumSite = "projected",
        simam2: SimAM2Options | None = None,
        zeta_hidden: int = 128,
        zeta_norm: ZetaNorm = "batch",
    ) -> None:
        if simam2 is not None and simam2.zeta == "half":
            simam2 = replace(simam2, zeta="learned")
        super().__init__(channels, num_classes, site=site, simam2=simam2)
        if simam2 is not None:
            return
        if len(self.modalities) == 2:
            self.zeta = Zeta(self.width, "learned", hidden=zeta_hidden, norm=zeta_norm)
        else:
            self.weights = SoftmaxWeights(len(self.modalities), self.width, hidden=zeta_hidden, norm=zeta_norm)

    def mixing_layers(self) -> list[nn.Module]:
        weights = [] if self.simam2 is not None else [self.zeta if len(self.modalities) == 2 else self.weights]
        return super().mixing_layers() + weights

    def superpose(self, terms: dict[str, Tensor], features: dict[str, Tensor]) -> tuple[Tensor, dict[str, Any]]:
        if self.simam2 is not None:
            return super().superpose(terms, features)
        signals = [terms[modality] for modality in self.modalities]
        if len(signals) == 2:
            zeta = self.zeta(*signals)  # (B, C)
            return zeta * signals[0] + (1 - zeta) * signals[1], {"zeta": zeta}
        weights = dict(zip(self.modalities, self.weights(signals), strict=True))  # n of (B, C)
        fused = reduce(add, (weights[modality] * terms[modality] for modality in self.modalities))
        return fused, {"weights": weights}

    def contributions(self, output: FusionOutput) -> dict[str, Tensor]:
        if self.simam2 is not None:
            return super().contributions(output)
        weights = output.weights
        if weights is None:
            weights = dict(zip(self.modalities, (output.zeta, 1 - output.zeta), strict=True))
        return {modality: weights[modality] * output.terms[modality] for modality in self.modalities}
