"""A linear classifier on each modality's feature, beside any fusion.

Published code does (IEMF, classification): Linear(512, K) on the pooled feature of each encoder, with its own
    cross-entropy that also trains the encoder; the paper's figure shows these branches as forward only.
We do: both (`detached`). A head that no loss trains gets no gradient, which DistributedDataParallel refuses: build
    heads only where `mmlib.losses.unimodal.unimodal_losses` is added to the loss.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from torch import Tensor, nn

HeadsName = Literal["none", "attached", "detached"]


class UnimodalHeads(nn.Module):
    """Class scores (B, K) or (B, T, K) of each modality from its own feature.

    Args:
        channels: size of the feature by modality.
        num_classes: K.
        detached: the heads learn, but their losses do not reach the encoders.
    """

    def __init__(self, channels: Mapping[str, int], num_classes: int, *, detached: bool = False) -> None:
        super().__init__()
        self.detached = detached
        self.heads = nn.ModuleDict({modality: nn.Linear(size, num_classes) for modality, size in channels.items()})

    def forward(self, features: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Scores by modality, from features (B, C_m) or (B, T, C_m)."""
        return {
            modality: head(features[modality].detach() if self.detached else features[modality])
            for modality, head in self.heads.items()
        }
