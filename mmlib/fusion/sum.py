"""Summation of two modalities, at one of three places.

Paper says: U = X1 + X2 ("direct summation"), SimAM² with ζ = ½ in its place. Where in the network is not said.
Published code does (OGM-GE): adds class scores, L_v(v) + L_a(a), one Linear(C, K) per modality.
We do: `projected`, a Linear(C, C) per modality and a shared head, for all summation rows of one table, because at the
    logits SimAM²'s gate would only rescale K class scores; `logit` as published; `feature`, the bare features with a
    shared head. Rows of different sites must not be compared.

Unimodal logits: at `logit` each modality's own scores with their full biases. The published code takes half biases in
evaluation only; we take the same in both, so that the scores add up to the output.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from mmlib.errors import ParameterError
from mmlib.fusion.base import AUDIO, VISUAL, Fusion
from mmlib.fusion.options import SimAM2Options, SumSite, check_choice


class Sum(Fusion):
    """U = X_v + X_a.

    Args:
        channels, num_classes: see `Fusion`.
        site: where the terms are added (see above). `projected` projects to the visual size.
        simam2: options of SimAM², or None for the plain sum.
    """

    def __init__(
        self,
        channels: Mapping[str, int],
        num_classes: int,
        *,
        site: SumSite = "projected",
        simam2: SimAM2Options | None = None,
    ) -> None:
        super().__init__(channels, num_classes)
        check_choice("sum_site", site, SumSite)
        if site == "feature" and self.channels[VISUAL] != self.channels[AUDIO]:
            raise ParameterError(
                f"sum_site 'feature' adds features, so both need one size; got {self.channels}. Use 'projected'."
            )
        self.site = site
        self.width = num_classes if site == "logit" else self.channels[VISUAL]
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

    def share_of_logits(self, part: Tensor) -> Tensor:
        return part if self.site == "logit" else super().share_of_logits(part)
