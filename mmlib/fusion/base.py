"""The contract of a fusion: features by modality in, class scores and what led to them out.

Every fusion is three steps, so that SimAM² can take the place of the middle one in all of them:

1. `terms`: the signals that the published fusion adds up, one per modality (concatenation adds padded vectors, FiLM
    adds γ·F and β);
2. `superpose`: U, their plain sum, or SimAM² of them;
3. `head`: class scores of U.

The published fusions join two modalities, visual and audio; the names and the number of the `channels` decide here.
Extensions to more than two: concatenation and sum as they are, a weighted sum with softmax weights, one gate for the
sum of all others, and SimAM² as a fold (`mmlib.fusion.fold`). FiLM is for two.

Samples that miss a modality (`keep`): its feature becomes zero before the fusion, as in the valuation of samples (Wei
et al., CVPR 2024), and the encoder gets no gradient from that row. What the fusion itself adds to a zero feature, the
biases of its projections and of its head, stays: "only audio" means W_a f_a + b with the whole bias.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmlib.errors import ParameterError, UsageError
from mmlib.fusion.fold import SimAM2Fold
from mmlib.fusion.modalities import in_order, kept_features
from mmlib.fusion.options import SimAM2Options
from mmlib.fusion.simam2 import SimAM2
from mmlib.fusion.simam2_output import SimAM2Output


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
    """What the encoders gave, by modality; zero where a sample dropped it."""
    zeta: Tensor | None = None
    """(B, C) weight of the first of two terms (visual), in (0, 1), where there is one."""
    weights: dict[str, Tensor] | None = None
    """(B, C) weights of more than two terms by modality; they add up to 1 (weighted sum)."""
    r: Tensor | None = None
    """SimAM² of two terms: correlation measure (Eq. 6), 0-d."""
    superposed: SimAM2Output | None = None
    """SimAM² of two terms: all that it gave; energies and gate, each (B, C), are computed where somebody asks."""
    folded: tuple[SimAM2Output, ...] | None = None
    """SimAM² as a fold of more than two terms: what each of the n - 1 superpositions gave."""
    head_logits: dict[str, Tensor] | None = None
    """(B, K) scores of each modality's own head, with gradient, where the model has such heads."""
    keep: dict[str, Tensor] | None = None
    """(B,) bool by modality: which samples kept it; None, and a modality that is not named, where all did."""


class Fusion(nn.Module):
    """Base of the fusions. A subclass builds its layers, then `self.classifier`, then calls `add_simam2`.

    Args:
        channels: size of each modality's features; the names are the modalities.
        num_classes: K.

    Attributes: `modalities`, in the order of the terms (see `mmlib.fusion.modalities.in_order`).
    """

    classifier: nn.Module
    fewest = 1

    def __init__(self, channels: Mapping[str, int], num_classes: int) -> None:
        super().__init__()
        self.modalities = in_order(channels)
        if len(channels) < self.fewest:
            raise ParameterError(
                f"{type(self).__name__} joins at least {self.fewest} modalities; channels were given for "
                f"{', '.join(channels) or 'nothing'}."
            )
        self.channels = {modality: channels[modality] for modality in self.modalities}
        self.num_classes = num_classes
        self.simam2: SimAM2 | SimAM2Fold | None = None

    def add_simam2(self, options: SimAM2Options | None, width: int, **settings: Any) -> None:
        """Let SimAM² superpose the terms, which have `width` channels; does nothing without options.

        Raises `ParameterError` for a number of terms other than two, unless `options.fold` is set.
        """
        if options is None:
            return
        raw = options.zeta_input == "raw"
        settings.setdefault("source_channels", sum(self.channels.values()) if raw else None)
        if len(self.modalities) == 2:
            self.simam2 = SimAM2(width, options, **settings)
        else:
            self.simam2 = SimAM2Fold(self.modalities, width, options, **settings)

    def terms(self, features: dict[str, Tensor]) -> dict[str, Tensor]:
        """The signals (B, C) that the published fusion adds up, by modality."""
        raise NotImplementedError

    def zeta_source(self, features: dict[str, Tensor]) -> Tensor | None:
        """What ζ is learned from, if not from the terms: all features in the order of `modalities`, (B, ΣC_m)."""
        if self.simam2 is not None and self.simam2.options.zeta_input == "raw":
            return torch.cat([features[modality] for modality in self.modalities], dim=-1)
        return None

    def superpose(self, terms: dict[str, Tensor], features: dict[str, Tensor]) -> tuple[Tensor, dict[str, Any]]:
        """U (B, C) and, with SimAM², what `FusionOutput` reports of it."""
        signals = [terms[modality] for modality in self.modalities]
        if self.simam2 is None:
            return reduce(add, signals), {}
        source = self.zeta_source(features)
        if isinstance(self.simam2, SimAM2Fold):
            fused, folded = self.simam2(signals, source=source)
            return fused, {"folded": folded}
        out = self.simam2(*signals, source=source)
        return out.fused, {"zeta": out.zeta, "r": out.r, "superposed": out}

    def head(self, fused: Tensor) -> Tensor:
        """Class scores (B, K)."""
        return self.classifier(fused)

    def forward(self, features: dict[str, Tensor], keep: Mapping[str, Tensor] | None = None) -> FusionOutput:
        """Fuse features (B, C_m) or (B, T, C_m) by modality.

        Args:
            features: by modality.
            keep: (B,) bool by modality, False for samples that drop it (see above); None or empty keeps all.

        Raises `UsageError` if a modality is missing or a mask does not fit.
        """
        missing = [modality for modality in self.modalities if modality not in features]
        if missing:
            raise UsageError(f"{type(self).__name__}: no features for {', '.join(missing)}; got {', '.join(features)}.")
        if keep:
            features = kept_features(features, keep)
        terms = self.terms(features)
        fused, extras = self.superpose(terms, features)
        return FusionOutput(self.head(fused), fused, terms, dict(features), **extras, keep=dict(keep) if keep else None)

    def mixing_layers(self) -> list[nn.Module]:
        """The layers in which the modalities meet, SimAM²'s aside: unless overridden the head, which sees their sum."""
        return [self.classifier]

    def mixing_parameters(self) -> list[nn.Parameter]:
        """Parameters of the layers that mix the modalities (the fusion layer of IEMF), weights and biases.

        The layer whose input joins all modalities, or those whose outputs are added up, which is one linear layer on
        the joined vector; and what learns the weights of the terms (ζ).
        """
        layers = [*self.mixing_layers(), *([] if self.simam2 is None else [self.simam2])]
        return [parameter for layer in layers for parameter in layer.parameters()]

    def contributions(self, output: FusionOutput) -> dict[str, Tensor]:
        """The part (B, C) of the fused feature that comes from each modality's term; they add up to `output.fused`."""
        parts = [output.terms[modality] for modality in self.modalities]
        if isinstance(self.simam2, SimAM2Fold):
            parts = self.simam2.parts(parts, output.folded)
        elif self.simam2 is not None:
            parts = self.simam2.parts(*parts, output.zeta, output.superposed.gate)
        return dict(zip(self.modalities, parts, strict=True))

    @torch.no_grad()
    def unimodal_logits(self, output: FusionOutput) -> dict[str, Tensor]:
        """Class scores (B, K) of each modality alone: the decoupled logits of OGM-GE.

        By default each modality's share of the output, with 1/n of the bias each (half of it for two), so that they
        add up to `output.logits`. They are scores for measuring, without gradient, and the same in training and
        evaluation.
        """
        return {modality: self.share_of_logits(part) for modality, part in self.contributions(output).items()}

    def share_of_logits(self, part: Tensor) -> Tensor:
        """Class scores of a part of U: the head with 1/n of its bias."""
        weight, bias = self.classifier.weight, self.classifier.bias
        return F.linear(part.to(weight.dtype), weight, bias / len(self.modalities))

    def scores_of_each_alone(self, features: dict[str, Tensor]) -> dict[str, Tensor]:
        """Class scores (B, K) of the whole fusion with all other modalities' features set to zero, by modality."""
        with _in_evaluation_mode(self):
            return {kept: self(_only(features, kept)).logits for kept in self.modalities}


def check_two(fusion: Fusion, reason: str) -> None:
    """Raise `ParameterError` unless the fusion joins two modalities; `reason` says what the two are to each other."""
    if len(fusion.modalities) != 2:
        raise ParameterError(
            f"{type(fusion).__name__} is defined for two modalities, {reason}; got {len(fusion.modalities)}: "
            f"{', '.join(fusion.modalities)}. Use 'concat', 'sum', 'weighted_sum' or 'gated'."
        )


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
