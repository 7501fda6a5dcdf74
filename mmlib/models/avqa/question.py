"""A question as one vector."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class QuestionEncoder(nn.Module):
    """q (B, C) from token ids (B, L), padded on the right with id 0.

    Published code does (MUSIC-AVQA; the same in IEMF): embedding, tanh, an LSTM of one layer over all L tokens, pads
        included; its last hidden and its last cell state, joined, through tanh and a linear layer. The pad is a word
        like any other: no mask, no fixed row of the embedding.
    We do: the same.

    Args:
        vocabulary: number of token ids, the pad included.
        channels: C (published: 512).
    """

    def __init__(self, vocabulary: int, channels: int) -> None:
        super().__init__()
        self.words = nn.Embedding(vocabulary, channels)
        self.lstm = nn.LSTM(channels, channels, batch_first=True)
        self.projection = nn.Linear(2 * channels, channels)

    def forward(self, tokens: Tensor) -> Tensor:
        _, (hidden, cell) = self.lstm(torch.tanh(self.words(tokens)))  # (1, B, C) each: states after the pads
        return self.projection(torch.tanh(torch.cat([hidden[-1], cell[-1]], dim=1)))
