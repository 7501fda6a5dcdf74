"""Small encoders of sequences of features and of tokens. Not from a paper.

Two convolutions over time, each with ReLU, then the mean over the steps that count: those of a mask, or without one
those that are not padding (a step whose features are all zero, a token with the id 0). What follows the last step that
counts changes nothing, so a sequence's feature does not depend on how far its batch is padded.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mmlib.errors import UsageError

PADDING = 0  # the token id that says "no token"


class SequenceEncoder(nn.Module):
    """Features (B, channels) of sequences (B, T, inputs); a sequence without a step gives zeros.

    Raises `UsageError` for an input or mask of another shape.
    """

    def __init__(self, inputs: int, channels: int = 64) -> None:
        super().__init__()
        self.inputs, self.channels = inputs, channels
        self.first = nn.Conv1d(inputs, channels, 3, padding=1)
        self.second = nn.Conv1d(channels, channels, 3, padding=1)

    def forward(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        """`mask` (B, T) bool: which steps count."""
        if inputs.dim() != 3 or inputs.shape[2] != self.inputs:
            raise UsageError(
                f"{type(self).__name__}({self.inputs}) takes (B, T, {self.inputs}); got {tuple(inputs.shape)}."
            )
        mask = (inputs != 0).any(dim=-1) if mask is None else mask
        if mask.shape != inputs.shape[:2]:
            raise UsageError(f"the mask has the shape {tuple(mask.shape)}; it must be {tuple(inputs.shape[:2])}.")
        counts = mask[:, None].to(inputs.dtype)  # (B, 1, T)
        steps = inputs.transpose(1, 2) * counts  # (B, inputs, T)
        steps = torch.relu(self.first(steps)) * counts  # (B, channels, T); biases do not leak into the padding
        steps = torch.relu(self.second(steps)) * counts
        return steps.sum(dim=2) / counts.sum(dim=2).clamp(min=1)  # (B, channels)


class TokenEncoder(nn.Module):
    """Features (B, channels) of token ids (B, T), int64 in 0..vocabulary-1, where 0 is padding.

    Args:
        vocabulary: number of ids, padding included.
        channels: size of the embeddings and of the features.

    Raises `UsageError` for an input that is not integer or of another shape.
    """

    def __init__(self, vocabulary: int, channels: int = 64) -> None:
        super().__init__()
        self.vocabulary, self.channels = vocabulary, channels
        self.embedding = nn.Embedding(vocabulary, channels, padding_idx=PADDING)
        self.sequence = SequenceEncoder(channels, channels)

    def forward(self, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        """`mask` (B, T) bool: which tokens count; without one, those that are not padding."""
        if tokens.dim() != 2 or tokens.is_floating_point():
            raise UsageError(
                f"TokenEncoder takes integer ids (B, T); got {tokens.dtype} of shape {tuple(tokens.shape)}."
            )
        return self.sequence(self.embedding(tokens), tokens != PADDING if mask is None else mask)
