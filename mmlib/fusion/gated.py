"""Gated fusion: audio decides how much of the visual hidden vector passes, U = σ(h_a)·h_v.

Published code does (OGM-GE): h_m = Linear(C, C)(x_m), U = σ(h_a)·h_v, one head; a switch lets the visual side gate
    instead, U = σ(h_v)·h_a. It returns h_a and h_v as the unimodal part.
We do: the same, as a sum of two terms, σ(h_a)·h_v = ½ h_v + ½ tanh(h_a / 2)·h_v. The identity is exact; that the first
    term, which the gate cannot change, is called visual and the second, audio's correction, audio, is our choice (the
    paper has no gated row). Unimodal logits by `film_decouple` as in `mmlib.fusion.film`, `head` with h_v and h_a. For
    more than two modalities, an extension: one gate for the sum of all others, U = σ(h_g)·Σ_{m≠g} h_m, so that two are
    the published case; the terms are ½ h_m and ½ tanh(h_g / 2)·Σ h_m.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from operator import add

import torch
from torch import Tensor, nn

from mmlib.fusion.base import Fusion, FusionOutput
from mmlib.fusion.modalities import AUDIO
from mmlib.fusion.options import Decouple, SimAM2Options, check_choice, check_modality


class Gated(Fusion):
    """U = σ(h_g)·Σ h_m, over all modalities m other than the gate g.

    Args:
        channels, num_classes: see `Fusion`. Hidden vectors have the size of the first modality that is not the gate.
        gate: the modality that gates; None: audio, as published, or the last where there is no audio.
        decouple: how unimodal logits are formed.
        simam2: options of SimAM², or None for the plain sum of the terms.
    """

    fewest = 2

    def __init__(
        self,
        channels: Mapping[str, int],
        num_classes: int,
        *,
        gate: str | None = None,
        decouple: Decouple = "head",
        simam2: SimAM2Options | None = None,
    ) -> None:
        super().__init__(channels, num_classes)
        check_choice("film_decouple", decouple, Decouple)
        if not gate:
            gate = AUDIO if AUDIO in self.modalities else self.modalities[-1]
        check_modality("gate_modality", gate, self.modalities)
        self.gate = gate
        self.gated = tuple(modality for modality in self.modalities if modality != gate)
        self.decouple = decouple
        width = self.channels[self.gated[0]]
        self.hidden = nn.ModuleDict({m: nn.Linear(self.channels[m], width) for m in self.modalities})
        self.classifier = nn.Linear(width, num_classes)
        self.add_simam2(simam2, width)

    def terms(self, features: dict[str, Tensor]) -> dict[str, Tensor]:
        terms = {m: self.hidden[m](features[m]) / 2 for m in self.gated}  # (B, C)
        opened = torch.tanh(self.hidden[self.gate](features[self.gate]) / 2)
        return {**terms, self.gate: opened * reduce(add, terms.values())}

    def mixing_layers(self) -> list[nn.Module]:
        return [self.hidden]

    @torch.no_grad()
    def unimodal_logits(self, output: FusionOutput) -> dict[str, Tensor]:
        if self.decouple == "term":
            return super().unimodal_logits(output)
        if self.decouple == "zero":
            return self.scores_of_each_alone(output.features)
        return {m: self.share_of_logits(self.hidden[m](output.features[m])) for m in self.modalities}
