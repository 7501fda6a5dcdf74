"""Summation with a learned weight: U = ζ X_v + (1 - ζ) X_a (SimAM², Eq. 4 without the gate).

Paper says: the second form of summation, "learnable parameters are used to adjust the weights of both sides", after
    FOP.
Published code does (FOP): ζ from a network on the concatenated embeddings; see `mmlib.fusion.zeta`.
We do: the same on the terms of `Sum`. With SimAM², the ζ learned here is the ζ of SimAM².
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor

from mmlib.fusion.base import AUDIO, VISUAL, FusionOutput
from mmlib.fusion.options import SimAM2Options, SumSite, ZetaNorm
from mmlib.fusion.sum import Sum
from mmlib.fusion.zeta import Zeta


class WeightedSum(Sum):
    """U = ζ X_v + (1 - ζ) X_a with learned ζ.

    Args:
        channels, num_classes, site: see `Sum`.
        simam2: options of SimAM², or None; its ζ options (`zeta_norm`, `zeta_hidden`, ...) win over those below, and
            `zeta="half"` is read as `learned`, since learning ζ is what this fusion is.
        zeta_hidden, zeta_norm: the ζ network without SimAM².
    """

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
        if simam2 is None:
            self.zeta = Zeta(self.width, "learned", hidden=zeta_hidden, norm=zeta_norm)

    def superpose(self, terms: dict[str, Tensor], features: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        if self.simam2 is not None:
            return super().superpose(terms, features)
        zeta = self.zeta(terms[VISUAL], terms[AUDIO])  # (B, C)
        return zeta * terms[VISUAL] + (1 - zeta) * terms[AUDIO], {"zeta": zeta}

    def contributions(self, output: FusionOutput) -> dict[str, Tensor]:
        if self.simam2 is not None:
            return super().contributions(output)
        return {VISUAL: output.zeta * output.terms[VISUAL], AUDIO: (1 - output.zeta) * output.terms[AUDIO]}
