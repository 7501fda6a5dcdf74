"""The contract of a fusion: features of two modalities in, class scores and what led to them out.

Every fusion is three steps, so that SimAM² can take the place of the middle one in all of them:

1. `terms`: the two signals that the published fusion adds up (concatenation adds two padded vectors, FiLM adds γ·F
    and β);
2. `superpose`: U, their plain sum, or SimAM² of them;
3. `head`: class scores of U.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmlib.errors import ParameterError, UsageError
from mmlib.fusion.options import SimAM2Options
from mmlib.fusion.simam2 import SimAM2

VISUAL, AUDIO = "visual", "audio"


@dataclass
class FusionOutput:
    """What a fusion gives; (B, ...) stands for (B, ...) or (B, T, ...)."""

    logits: Tensor
    """(B, K) class scores."""
    fused: Tensor
    """(B, C) what enters the head."""
    terms: dict[str, Tensor]
    """The superposed signals by modality, each (B, C)."""
    features: dict[str, Tensor]
    """What the encoders gave, by modality."""
    zeta: Tensor | None = None
    """(B, C) weight of the visual term, in (0, 1), where there is one."""
    r: Tensor | None = None
    """SimAM²: correlation measure (Eq. 6), 0-d."""
    energy: Tensor | None = None
    """SimAM²: E* (Eq. 7), (B, C)."""
    gate: Tensor | None = None
    """SimAM²: the factor on U (Eq. 8), (B, C)."""


class Fusion(nn.Module):
    """Base of the fusions. A subclass builds its layers, then `self.classifier`, then calls `add_simam2`.

    Args:
        channels: size of each modality's features, for `visual` and `audio`.
        num_classes: K.
    """

    modalities = (VISUAL, AUDIO)
    classifier: nn.Module

    def __init__(self, channels: Mapping[str, int], num_classes: int) -> None:
        super().__init__()
        if set(channels) != set(self.modalities):
            raise ParameterError(
                f"{type(self).__name__} fuses {' and '.join(self.modalities)}; channels were given for "
                f"{', '.join(sorted(channels)) or 'nothing'}."
            )
        self.channels = {modality: channels[modality] for modality in self.modalities}
        self.num_classes = num_classes
        self.simam2: SimAM2 | None = None

    def add_simam2(self, options: SimAM2Options | None, width: int, **settings: Any) -> None:
        """Let SimAM² superpose the terms, which have `width` channels; does nothing without options."""
        if options is not None:
            raw = options.zeta_input == "raw"
            settings.setdefault("source_channels", sum(self.channels.values()) if raw else None)
            self.simam2 = SimAM2(width, options, **settings)

    def terms(self, features: dict[str, Tensor]) -> dict[str, Tensor]:
        """The two signals (B, C) that the published fusion adds up, by modality."""
        raise NotImplementedError

    def zeta_source(self, features: dict[str, Tensor]) -> Tensor | None:
        """What ζ is learned from, if not from the two terms: the features, visual first, (B, C_v + C_a)."""
        if self.simam2 is not None and self.simam2.options.zeta_input == "raw":
            return torch.cat([features[modality] for modality in self.modalities], dim=-1)
        return None

    def superpose(self, terms: dict[str, Tensor], features: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """U (B, C) and, with SimAM², what `FusionOutput` reports of it."""
        if self.simam2 is None:
            return terms[VISUAL] + terms[AUDIO], {}
        out = self.simam2(terms[VISUAL], terms[AUDIO], source=self.zeta_source(features))
        return out.fused, {"zeta": out.zeta, "r": out.r, "energy": out.energy, "gate": out.gate}

    def head(self, fused: Tensor) -> Tensor:
        """Class scores (B, K)."""
        return self.classifier(fused)

    def forward(self, features: dict[str, Tensor]) -> FusionOutput:
        """Fuse features (B, C_m) or (B, T, C_m) by modality. Raises `UsageError` if a modality is missing."""
        missing = [modality for modality in self.modalities if modality not in features]
        if missing:
            raise UsageError(f"{type(self).__name__}: no features for {', '.join(missing)}; got {', '.join(features)}.")
        terms = self.terms(features)
        fused, extras = self.superpose(terms, features)
        return FusionOutput(self.head(fused), fused, terms, dict(features), **extras)

    def contributions(self, output: FusionOutput) -> dict[str, Tensor]:
        """The part (B, C) of the fused feature that comes from each modality's term; they add up to `output.fused`."""
        visual, audio = output.terms[VISUAL], output.terms[AUDIO]
        if self.simam2 is not None:
            visual, audio = self.simam2.parts(visual, audio, output.zeta, output.gate)
        return {VISUAL: visual, AUDIO: audio}

    @torch.no_grad()
    def unimodal_logits(self, output: FusionOutput) -> dict[str, Tensor]:
        """Class scores (B, K) of each modality alone: the decoupled logits of OGM-GE.

        By default each modality's share of the output, with half of the bias each, so that they add up to
        `output.logits`. They are scores for measuring, without gradient, and the same in training and evaluation.
        """
        return {modality: self.share_of_logits(part) for modality, part in self.contributions(output).items()}

    def share_of_logits(self, part: Tensor) -> Tensor:
        """Class scores of a part of U: the head with half of its bias."""
        weight, bias = self.classifier.weight, self.classifier.bias
        return F.linear(part.to(weight.dtype), weight, bias / 2)

    def scores_of_each_alone(self, features: dict[str, Tensor]) -> dict[str, Tensor]:
        """Class scores (B, K) of the whole fusion with the other modality's features set to zero."""
        with _in_evaluation_mode(self):
            return {kept: self(_only(features, kept)).logits for kept in self.modalities}


def _only(features: dict[str, Tensor], kept: str) -> dict[str, Tensor]:
    return {name: value if name == kept else torch.zeros_like(value) for name, value in features.items()}


@contextlib.contextmanager
def _in_evaluation_mode(module: nn.Module) -> Iterator[None]:
    """Evaluation mode, so that a pass made only for measuring leaves running statistics alone."""
    training = {child: child.training for child in module.modules()}
    module.eval()
    try:
        yield
    finally:
        for child, mode in training.items():
            child.training = mode
