"""FiLM: one modality generates a scale and a shift for the other, U = γ·F + β.

Perez et al., "FiLM: Visual Reasoning with a General Conditioning Layer", AAAI 2018; Eq. 9 and 10 of SimAM².

Paper says: the two terms of U = ζ γ·F + (1 - ζ) β are treated as two modalities; which one generates matters.
Published code does (OGM-GE): audio generates (γ, β) by one Linear(C, 2C), γ first; a shared head. Its unimodal logits
    raise a shape error, so its FiLM and gated rows cannot be run; its authors answer that the unimodal part before the
    fusion is used.
We do: both directions (`film_generator`), for two modalities; the generator's own term is β, the other modality's is
    γ·F. Note that γ·F already contains the generating modality, so ζ and a ratio of ζ are only loosely "visual".
    Unimodal logits by `film_decouple`: `head` puts the features before the fusion through the head (half of the bias
    each), `term` each term's share of the output (they add up to it), `zero` runs the fusion with the other modality
    set to zero.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from mmlib.errors import ParameterError
from mmlib.fusion.base import Fusion, FusionOutput, check_two
from mmlib.fusion.options import Decouple, SimAM2Options, check_choice, check_modality


class FiLM(Fusion):
    """U = γ(g)·F(c) + β(g), where g generates and c is conditioned.

    Args:
        channels, num_classes: see `Fusion`.
        generator: the modality that generates γ and β.
        decouple: how unimodal logits are formed (see above). `head` needs both modalities to have one size.
        simam2: options of SimAM², or None for the plain sum of the terms.
    """

    def __init__(
        self,
        channels: Mapping[str, int],
        num_classes: int,
        *,
        generator: str = "audio",
        decouple: Decouple = "head",
        simam2: SimAM2Options | None = None,
    ) -> None:
        super().__init__(channels, num_classes)
        check_two(self, "one that generates and one that is conditioned")
        check_modality("film_generator", generator, self.modalities)
        check_choice("film_decouple", decouple, Decouple)
        self.generator = generator
        (self.conditioned,) = (modality for modality in self.modalities if modality != generator)
        self.decouple = decouple
        width = self.channels[self.conditioned]
        if decouple == "head" and self.channels[generator] != width:
            raise ParameterError(
                f"film_decouple 'head' puts both modalities through one head; got {self.channels}. "
                "Use 'term' or 'zero'."
            )
        self.scale_and_shift = nn.Linear(self.channels[generator], 2 * width)
        self.classifier = nn.Linear(width, num_classes)
        self.add_simam2(simam2, width)

    def terms(self, features: dict[str, Tensor]) -> dict[str, Tensor]:
        gamma, beta = self.scale_and_shift(features[self.generator]).chunk(2, dim=-1)  # (B, C) each
        return {self.conditioned: gamma * features[self.conditioned], self.generator: beta}

    def mixing_layers(self) -> list[nn.Module]:
        return [self.scale_and_shift]

    @torch.no_grad()
    def unimodal_logits(self, output: FusionOutput) -> dict[str, Tensor]:
        if self.decouple == "term":
            return super().unimodal_logits(output)
        if self.decouple == "zero":
            return self.scores_of_each_alone(output.features)
        return {modality: self.share_of_logits(output.features[modality]) for modality in self.modalities}
