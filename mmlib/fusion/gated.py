"""Gated fusion: audio decides how much of the visual hidden vector passes, U = σ(h_a)·h_v.

Published code does (OGM-GE): h_m = Linear(C, C)(x_m), U = σ(h_a)·h_v, one head. It returns h_a and h_v as the
    unimodal part.
We do: the same, as a sum of two terms, σ(h_a)·h_v = ½ h_v + ½ tanh(h_a / 2)·h_v. The identity is exact; that the first
    term, which audio cannot change, is called visual and the second, audio's correction, audio, is our choice (the
    paper has no gated row). Unimodal logits by `film_decouple` as in `mmlib.fusion.film`, `head` with h_v and h_a.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from mmlib.fusion.base import AUDIO, VISUAL, Fusion, FusionOutput
from mmlib.fusion.options import Decouple, SimAM2Options, check_choice


class Gated(Fusion):
    """U = σ(h_a)·h_v.

    Args:
        channels, num_classes: see `Fusion`. The hidden vectors have the visual size.
        decouple: how unimodal logits are formed.
        simam2: options of SimAM², or None for the plain sum of the terms.
    """

    def __init__(
        self,
        channels: Mapping[str, int],
        num_classes: int,
        *,
        decouple: Decouple = "head",
        simam2: SimAM2Options | None = None,
    ) -> None:
        super().__init__(channels, num_classes)
        check_choice("film_decouple", decouple, Decouple)
        self.decouple = decouple
        width = self.channels[VISUAL]
        self.hidden = nn.ModuleDict({m: nn.Linear(self.channels[m], width) for m in self.modalities})
        self.classifier = nn.Linear(width, num_classes)
        self.add_simam2(simam2, width)

    def terms(self, features: dict[str, Tensor]) -> dict[str, Tensor]:
        half_visual = self.hidden[VISUAL](features[VISUAL]) / 2  # (B, C)
        return {VISUAL: half_visual, AUDIO: torch.tanh(self.hidden[AUDIO](features[AUDIO]) / 2) * half_visual}

    @torch.no_grad()
    def unimodal_logits(self, output: FusionOutput) -> dict[str, Tensor]:
        if self.decouple == "term":
            return super().unimodal_logits(output)
        if self.decouple == "zero":
            return self.scores_of_each_alone(output.features)
        return {m: self.share_of_logits(self.hidden[m](output.features[m])) for m in self.modalities}
