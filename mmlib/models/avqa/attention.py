"""Which seconds of a clip a question is about."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class TemporalAttention(nn.Module):
    """One vector (B, C) of a sequence (B, T, C), for a query (B, C); and the weight (B, T) of each step: they add to 1.

    Published code does (MUSIC-AVQA; the same in IEMF): attention of several heads, the question the query, the seconds
        keys and values; then x ← LayerNorm(x + Dropout(W Dropout(ReLU(V x)))). The residual is around the feed-forward
        layers alone: the question itself does not pass.
    We do: the same. The weight shown of a step is the mean over heads.

    Args:
        channels: C, a multiple of `heads`.
        heads: of the attention (published: 4).
        dropout: of attention weights and of both feed-forward layers (published: .1).
    """

    def __init__(self, channels: int, heads: int = 4, dropout: float = 0.1) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(channels, heads, dropout=dropout, batch_first=True)
        self.first, self.second = nn.Linear(channels, channels), nn.Linear(channels, channels)
        self.norm = nn.LayerNorm(channels)
        self.dropout = nn.Dropout(dropout)

    def forward(self, query: Tensor, steps: Tensor) -> tuple[Tensor, Tensor]:
        found, weights = self.attention(query[:, None], steps, steps)  # (B, 1, C), (B, 1, T)
        found = found[:, 0]
        change = self.second(self.dropout(F.relu(self.first(found))))
        return self.norm(found + self.dropout(change)), weights[:, 0]
