"""DMRN, dual multimodal residual fusion: each modality plus what both say, then their mean.

Tian et al., "Audio-Visual Event Localization in Unconstrained Videos", ECCV 2018, late fusion.

Paper says: h_m' = tanh(h_m + f(h_a, h_v)), f the mean of two projections; the fused feature is the mean of both.
Published code does: one block, projections Linear - tanh - Linear, one Linear as head (Xavier weight). The released
    weights come from fine-tuning a trained AVGA, by code that is not released.
We do: the same block; trained from scratch its attention starts from Xavier weights, as AVGA's does
    (event localisation's parameter `init` starts it from a trained AVGA instead).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ResidualFusionBlock(nn.Module):
    """Features (B, T, C) by modality in, the same shapes out."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.visual, self.audio = (
            nn.Sequential(nn.Linear(channels, channels), nn.Tanh(), nn.Linear(channels, channels)) for _ in range(2)
        )

    def forward(self, features: dict[str, Tensor]) -> dict[str, Tensor]:
        shared = (self.visual(features["visual"]) + self.audio(features["audio"])) / 2
        return {modality: torch.tanh(feature + shared) for modality, feature in features.items()}


def residual_head(channels: int, num_classes: int) -> nn.Linear:
    """DMRN's head: one linear layer."""
    head = nn.Linear(channels, num_classes)
    nn.init.xavier_uniform_(head.weight)
    return head
