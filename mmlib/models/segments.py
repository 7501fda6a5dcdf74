"""What the networks of event localisation share: segment features by modality, then one fusion of the library.

A network subclasses `SegmentNetwork`, builds its encoders in `__init__`, then `self.fusion`, and says in `encode` how
inputs become features. Inputs: audio (B, T, F_a), visual (B, T, H, W, F_v), T one-second segments, float32.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from mmlib.errors import ParameterError, UsageError
from mmlib.fusion import Fusion, FusionOutput

MODALITIES = ("audio", "visual")
AttentionGroup = Literal["visual", "split", "none"]


@dataclass
class SegmentOutput(FusionOutput):
    """A fusion's output, (B, T, ...), and what a network of segments adds."""

    attention: Tensor | None = None
    """(B, T, P) weight of each position of the map; sums to 1 over P."""
    similarity: Tensor | None = None
    """(B, T) cosine of the modalities' features (PSP)."""
    shares: Tensor | None = None
    """(B, T, T) how much each visual segment agrees with each audio segment; rows sum to 1 or 0 (PSP)."""
    affinity: Tensor | None = None
    """(B, T, T) the same after pruning: by which visual segments take up audio segments (PSP)."""
    clip_scores: Tensor | None = None
    """(B, K) scores of the whole clip, before softmax (weak supervision)."""


class SegmentNetwork(nn.Module):
    """Base of AVGA and PSP.

    Args:
        modalities: what the network gets to see; a modality left out is replaced by zeros.
    """

    fusion: Fusion

    def __init__(self, modalities: Sequence[str] = MODALITIES) -> None:
        super().__init__()
        if not modalities or not set(modalities) <= set(MODALITIES):
            raise ParameterError(f"modalities are {tuple(modalities)}; choose from {', '.join(MODALITIES)}.")
        self.shown = tuple(modalities)

    def encode(self, audio: Tensor, visual: Tensor) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Features (B, T, C) by modality, and further fields of `SegmentOutput`."""
        raise NotImplementedError

    def clip_scores(self, scores: Tensor) -> Tensor | None:
        """(B, K) from segment scores (B, T, K); None for a network that is supervised on segments."""
        return None

    def forward(self, inputs: dict[str, Tensor], keep: Mapping[str, Tensor] | None = None) -> SegmentOutput:
        """Class scores of every segment. Raises `UsageError` for a missing modality, and for a keep mask."""
        if keep:
            raise UsageError(
                f"{type(self).__name__} cannot drop a modality of single samples: its modalities see each other before "
                "the fusion. Use the parameter modalities, which leaves one out for all."
            )
        missing = [modality for modality in MODALITIES if modality not in inputs]
        if missing:
            raise UsageError(f"{type(self).__name__} got no input for {', '.join(missing)}; got {', '.join(inputs)}.")
        seen = {m: inputs[m] if m in self.shown else torch.zeros_like(inputs[m]) for m in MODALITIES}
        features, more = self.encode(seen["audio"], seen["visual"])
        fused = self.fusion(features)
        return SegmentOutput(**vars(fused), **more, clip_scores=self.clip_scores(fused.logits))

    def unimodal_logits(self, output: FusionOutput) -> dict[str, Tensor]:
        """Class scores (B, T, K) of each modality alone, without gradient; see `Fusion.unimodal_logits`."""
        return self.fusion.unimodal_logits(output)

    def modality_parameters(self, **options: str) -> dict[str, list[nn.Parameter]]:
        """The matrices that belong to each modality: the groups that a modulation changes."""
        raise NotImplementedError


def recurrent(inputs: int, hidden: int) -> nn.LSTM:
    """A bidirectional LSTM over segments, (B, T, inputs) to (B, T, 2·hidden); torch's own initialisation."""
    return nn.LSTM(inputs, hidden, batch_first=True, bidirectional=True)


def matrices_of(*modules: nn.Module) -> list[nn.Parameter]:
    """Parameters of two dimensions or more, in order."""
    return [parameter for module in modules for parameter in module.parameters() if parameter.dim() >= 2]


def with_attention(
    groups: dict[str, list[nn.Parameter]], attention: nn.Module, attention_group: AttentionGroup
) -> dict[str, list[nn.Parameter]]:
    """`groups` with the attention's matrices: all to visual (its only output is visual), split, or to nobody."""
    if attention_group not in ("visual", "split", "none"):
        raise ParameterError(f"attention_group is {attention_group!r}; choose one of 'visual', 'split', 'none'.")
    if attention_group == "none":
        return groups
    more = attention.matrices(split=attention_group == "split")
    return {modality: parameters + more[modality] for modality, parameters in groups.items()}
