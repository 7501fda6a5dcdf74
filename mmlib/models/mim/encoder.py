"""MIM's encoder of a sequence: one convolution over time, then a small pre-norm transformer.

Published code does: Conv1d (kernel 3, no bias) to 80 channels, times √80 plus a sinusoidal position, three layers of
    five heads, a last LayerNorm. No mask of any kind; a step whose channel 0 is exactly 0 gets no position, which finds
    padding because the convolution has no bias. Text goes through BERT and a convolution alone.
We do: the same; with a mask, padding is attended by nobody and stays zero. Text without BERT goes through the same
    encoder on word vectors (`WordEncoder`): such numbers do not compare with those of BERT.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmlib.errors import ParameterError, UsageError
from mmlib.models.mim.pooling import steps_of


class StepEncoder(nn.Module):
    """(B, T, channels) from features (B, T, inputs).

    Args:
        inputs, channels: sizes of a step.
        layers, heads: of the transformer; `channels` is a multiple of `heads`.
        dropout: of embeddings, attention, the hidden layer (ReLU) and residuals, in this order.
    """

    def __init__(
        self,
        inputs: int,
        channels: int = 80,
        *,
        layers: int = 3,
        heads: int = 5,
        dropout: tuple[float, float, float, float] = (0.2, 0.5, 0.3, 0.3),
    ) -> None:
        super().__init__()
        self.inputs, self.channels = inputs, channels
        self.convolution = nn.Conv1d(inputs, channels, 3, padding=1, bias=False)
        self.embedding_dropout = nn.Dropout(dropout[0])
        self.layers = nn.ModuleList([TransformerLayer(channels, heads, *dropout[1:]) for _ in range(layers)])
        self.norm = nn.LayerNorm(channels)

    def mask_of(self, inputs: Tensor) -> Tensor:
        """(B, T) bool, False at right padding."""
        return steps_of(inputs)

    def forward(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        """Without a mask, padding takes part as published. Raises `UsageError` for inputs of another shape."""
        if inputs.dim() != 3 or inputs.shape[2] != self.inputs:
            raise UsageError(f"StepEncoder({self.inputs}) takes (B, T, {self.inputs}); got {tuple(inputs.shape)}.")
        steps = self.convolution(inputs.transpose(1, 2)).transpose(1, 2)  # (B, T, C)
        counted = steps[..., 0] != 0 if mask is None else mask  # (B, T)
        table = sinusoids(steps.shape[1] + 1, self.channels, steps.device)[1:]  # row 0 is that of padding
        steps = math.sqrt(self.channels) * steps + table * counted[..., None]
        steps = self.embedding_dropout(steps if mask is None else steps * mask[..., None])
        for layer in self.layers:
            steps = layer(steps, mask)
        steps = self.norm(steps)
        return steps if mask is None else steps * mask[..., None]


class TransformerLayer(nn.Module):
    """x + attention(LN x), then x + feed-forward(LN x), of four times the width. 12 C² + 13 C parameters."""

    def __init__(
        self, channels: int, heads: int = 5, attention: float = 0.5, hidden: float = 0.3, residual: float = 0.3
    ) -> None:
        super().__init__()
        if channels % heads:
            raise ParameterError(f"{channels} channels cannot be shared among {heads} heads: give a multiple.")
        self.heads, self.attention_dropout = heads, attention
        self.queries_keys_values = nn.Linear(channels, 3 * channels)
        self.out = nn.Linear(channels, channels)
        self.first, self.second = nn.Linear(channels, 4 * channels), nn.Linear(4 * channels, channels)
        self.attention_norm, self.feed_norm = nn.LayerNorm(channels), nn.LayerNorm(channels)
        self.hidden_dropout, self.residual_dropout = nn.Dropout(hidden), nn.Dropout(residual)
        for linear in (self.queries_keys_values, self.out, self.first, self.second):
            nn.init.xavier_uniform_(linear.weight)
            nn.init.zeros_(linear.bias)

    def forward(self, steps: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B, T, C); `mask` (B, T) bool, False at padding, which no step attends to."""
        steps = steps + self.residual_dropout(self._attention(self.attention_norm(steps), mask))
        hidden = self.hidden_dropout(torch.relu(self.first(self.feed_norm(steps))))
        return steps + self.residual_dropout(self.second(hidden))

    def _attention(self, steps: Tensor, mask: Tensor | None) -> Tensor:
        split = self.queries_keys_values(steps).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        queries, keys, values = split.unbind()  # each (B, H, T, C / H)
        # A sample without a valid step attends to its padding, whose result is set to zero later: never a row of -inf.
        seen = None if mask is None else (mask | ~mask.any(dim=1, keepdim=True))[:, None, None]
        dropout = self.attention_dropout if self.training else 0.0
        found = F.scaled_dot_product_attention(queries, keys, values, attn_mask=seen, dropout_p=dropout)
        return self.out(found.transpose(1, 2).flatten(2))


class WordEncoder(nn.Module):
    """(B, T, channels) from token ids (B, T), 0 for padding: learned word vectors, then `StepEncoder`.

    Args:
        vocabulary: number of ids, padding included.
        width: size of a word vector.
        channels, options: of `StepEncoder`.
    """

    def __init__(self, vocabulary: int, width: int, channels: int = 80, **options: object) -> None:
        super().__init__()
        self.channels = channels
        self.words = nn.Embedding(vocabulary, width, padding_idx=0)
        self.steps = StepEncoder(width, channels, **options)

    def mask_of(self, inputs: Tensor) -> Tensor:
        return steps_of(inputs)

    def forward(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        return self.steps(self.words(inputs), mask)


def sinusoids(rows: int, channels: int, device: torch.device | None = None) -> Tensor:
    """Positions (rows, channels): sines, then cosines, of frequencies from 1 to 1/10000; row 0 is zero, and so is the
    last column of an odd size.
    """
    half = channels // 2
    frequencies = torch.exp(torch.arange(half, device=device) * (-math.log(10_000) / max(1, half - 1)))
    angles = torch.arange(rows, device=device)[:, None] * frequencies  # (rows, half)
    table = torch.cat((angles.sin(), angles.cos()), dim=1)
    table = F.pad(table, (0, channels - 2 * half))
    return torch.cat((torch.zeros_like(table[:1]), table[1:]))
