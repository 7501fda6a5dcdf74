"""Summation of the modalities, at one of three places.

Paper says: U = X1 + X2 ("direct summation"), SimAM² with ζ = ½ in its place. Where in the network is not said.
Published code does (OGM-GE): adds class scores, L_v(v) + L_a(a), one Linear(C, K) per modality.
We do: `projected`, a Linear(C, C) per modality and a shared head, for all summation rows of one table, because at the
    logits SimAM²'s gate would only rescale K class scores; `logit` as published; `feature`, the bare features with a
    shared head. Rows of different sites must not be compared. Any number of modalities.

Unimodal logits: at `logit` each modality's own scores with their full biases. The published code takes half biases in
evaluation only, so that its scores no longer add up to the output; we take the same in both, unless
`unimodal_bias="published"` (which the sum at `logit` without SimAM² knows, and no other).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmlib.errors import ParameterError
from mmlib.fusion.base import Fusion, FusionOutput
from mmlib.fusion.options import SimAM2Options, SumBias, SumSite, check_choice


class Sum(Fusion):
    """U = X_v + X_a.

    Args:
        channels, num_classes: see `Fusion`.
        site: where the terms are added (see above). `projected` projects to the first modality's size (visual).
        unimodal_bias: bias of the unimodal logits at `logit`: `full`, or `published`, in evaluation 1/n of it (half).
        simam2: options of SimAM², or None for the plain sum.
    """

    def __init__(
        self,
        channels: Mapping[str, int],
        num_classes: int,
        *,
        site: SumSite = "projected",
        unimodal_bias: SumBias = "full",
        simam2: SimAM2Options | None = None,
    ) -> None:
        super().__init__(channels, num_classes)
        check_choice("sum_site", site, SumSite)
        check_choice("sum_unimodal_bias", unimodal_bias, SumBias)
        first = self.channels[self.modalities[0]]
        if site == "feature" and set(self.channels.values()) != {first}:
            raise ParameterError(
                f"sum_site 'feature' adds features, so all need one size; got {self.channels}. Use 'projected'."
            )
        self.site = site
        self.published_bias = unimodal_bias == "published" and site == "logit" and simam2 is None
        self.width = num_classes if site == "logit" else first
        if site == "feature":
            self.projections = nn.ModuleDict()
        else:
            self.projections = nn.ModuleDict({m: nn.Linear(self.channels[m], self.width) for m in self.modalities})
        self.classifier = nn.Identity() if site == "logit" else nn.Linear(self.width, num_classes)
        self.add_simam2(simam2, self.width)

    def terms(self, features: dict[str, Tensor]) -> dict[str, Tensor]:
        if self.site == "feature":
            return {modality: features[modality] for modality in self.modalities}
        return {modality: self.projections[modality](features[modality]) for modality in self.modalities}  # (B, C)

    def mixing_layers(self) -> list[nn.Module]:
        return [self.projections] if len(self.projections) else [self.classifier]

    @torch.no_grad()
    def unimodal_logits(self, output: FusionOutput) -> dict[str, Tensor]:
        if not self.published_bias or self.training:
            return super().unimodal_logits(output)
        layers = {modality: self.projections[modality] for modality in self.modalities}
        return {
            modality: F.linear(output.features[modality], layer.weight, layer.bias / len(layers))
            for modality, layer in layers.items()
        }

    def share_of_logits(self, part: Tensor) -> Tensor:
        return part if self.site == "logit" else super().share_of_logits(part)
