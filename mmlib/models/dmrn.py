"""DMRN, dual multimodal residual fusion: each modality plus what both say, then their mean.

Tian et al., "Audio-Visual Event Localization in Unconstrained Videos", ECCV 2018, late fusion.

Paper says: h_m' = tanh(h_m + f(h_a, h_v)), f the mean of two projections; the fused feature is the mean of both.
Published code does: projections Linear - tanh - Linear, one Linear as head (Xavier weight). It trains one block; with
    several, all share their weights, and because it returns the two features in each other's place, every second block
    sends each modality through the other's projection. The released weights come from fine-tuning a trained AVGA, by
    code that is not released.
We do: the same, with one or several `blocks`; trained from scratch its attention starts from Xavier weights, as AVGA's
    does (event localisation's parameter `init` starts it from a trained AVGA instead).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ResidualFusion(nn.Module):
    """Features (B, T, C) by modality in, the same shapes out, after `blocks` (at least 1) residual blocks."""

    def __init__(self, channels: int, blocks: int = 1) -> None:
        super().__init__()
        self.blocks = blocks
        self.visual, self.audio = (
            nn.Sequential(nn.Linear(channels, channels), nn.Tanh(), nn.Linear(channels, channels)) for _ in range(2)
        )

    def forward(self, features: dict[str, Tensor]) -> dict[str, Tensor]:
        through = ("visual", "audio")  # which modality goes through `self.visual`, which through `self.audio`
        for _ in range(self.blocks):
            shared = (self.visual(features[through[0]]) + self.audio(features[through[1]])) / 2
            features = {modality: torch.tanh(feature + shared) for modality, feature in features.items()}
            through = through[::-1]
        return features


def residual_head(channels: int, num_classes: int) -> nn.Linear:
    """DMRN's head: one linear layer."""
    head = nn.Linear(channels, num_classes)
    nn.init.xavier_uniform_(head.weight)
    return head
