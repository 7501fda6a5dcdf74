"""Unimodal purification networks (UPN): each modality closes steps, or channels, that it takes for impurity.

Paper says: a Unimodal Purification Network identifies and filters out impurity within each modality before fusion.
Published code does: a bidirectional LSTM, a non-negative score per step, a squeeze-and-excitation over time on the
    scores, a hard-concrete gate per step, then the mean over time of act(sequence · gate); the divisor is the number
    of all steps. Padding passes through all of it. One linear layer is never used.
We do: the same without the unused layer; with a mask, padding reaches nothing: the LSTM's way back begins at the last
    step, scores of padding are 0, penalty and mean are over valid steps. `mixing = False` leaves out the layers whose
    size is the number of steps. (Where they are used and all scores happen to begin below 0, none of them ever learns:
    the ReLU passes no gradient.) `VectorUPN` is ours, for features without steps: it gates channels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mmlib.errors import ParameterError, UsageError
from mmlib.models.mim.gate import HardConcreteGate
from mmlib.models.mim.pooling import ActivationName, pool, step_mean

MakeGate = Callable[[], HardConcreteGate]


@dataclass
class Purified:
    """`vector` (B, C) purified; `gate` (B, T) or (B, C), exactly 0 or 1; `penalty` (B,), mean over steps or channels;
    `logits` of the gate's shape.
    """

    vector: Tensor
    gate: Tensor
    penalty: Tensor
    logits: Tensor


class SequenceUPN(nn.Module):
    """Purifies a sequence (B, T, C) step by step.

    Args:
        channels: C, even.
        steps: T, the same for all inputs; needed with `mixing`.
        ratio: T over the width of the bottleneck over time.
        activation: of the pooling.
        mixing: whether scores of all steps are mixed before the gate; without, the score itself is the logit.
        gate: makes the gate.

    Raises `ParameterError` for an odd number of channels, `UsageError` for inputs of another shape.
    """

    def __init__(
        self,
        channels: int,
        steps: int | None = None,
        *,
        ratio: int = 5,
        activation: ActivationName = "tanh",
        mixing: bool = True,
        gate: MakeGate = HardConcreteGate,
    ) -> None:
        super().__init__()
        if channels % 2 or (mixing and not steps):
            raise ParameterError(
                f"SequenceUPN needs an even number of channels, and the number of steps for mixing; got {channels} "
                f"channels and {steps} steps."
            )
        self.channels, self.steps, self.activation = channels, steps, activation
        half = channels // 2
        self.forth = nn.LSTM(channels, half, batch_first=True)
        self.back = nn.LSTM(channels, half, batch_first=True)
        self.score = nn.Sequential(nn.Linear(channels, half), nn.ReLU(), nn.Linear(half, 1))
        self.mixing = None
        if mixing:
            narrow = max(1, steps // ratio)
            self.mixing = nn.Sequential(nn.Linear(steps, narrow), nn.ReLU(), nn.Linear(narrow, steps))
        self.gate = gate()

    def forward(self, sequence: Tensor, mask: Tensor | None = None, uniform: Tensor | None = None) -> Purified:
        """`mask` (B, T) bool: right padding is False. `uniform` (B, T): the gate's noise."""
        wanted = (self.steps if self.mixing is not None else sequence.shape[1], self.channels)
        if sequence.dim() != 3 or sequence.shape[1:] != wanted:
            raise UsageError(f"SequenceUPN takes (B, {wanted[0]}, {wanted[1]}); got {tuple(sequence.shape)}.")
        logits = self.logits(sequence, mask)  # (B, T)
        gate, penalty = self.gate(logits, uniform)
        if mask is not None:
            gate = gate * mask
        vector = pool(sequence * gate[..., None], self.activation, mask)  # (B, C)
        return Purified(vector, gate, step_mean(penalty, mask), logits)

    def logits(self, sequence: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B, T), from what stands before and after each step."""
        there, _ = self.forth(sequence)
        back, _ = self.back(reverse(sequence, mask))
        scores = self.score(torch.cat((there, reverse(back, mask)), dim=2)).squeeze(2)  # (B, T)
        if self.mixing is None:
            return scores
        scores = torch.relu(scores)
        return self.mixing(scores if mask is None else scores * mask)


class VectorUPN(nn.Module):
    """Purifies a vector (B, C) channel by channel; a single gate would switch the whole modality off. Ours.

    Args:
        channels: C.
        ratio: C over the width of the bottleneck.
        gate: makes the gate.
    """

    def __init__(self, channels: int, *, ratio: int = 5, gate: MakeGate = HardConcreteGate) -> None:
        super().__init__()
        self.channels = channels
        narrow = max(1, channels // ratio)
        self.score = nn.Sequential(nn.Linear(channels, narrow), nn.ReLU(), nn.Linear(narrow, channels))
        self.gate = gate()

    def forward(self, vector: Tensor, mask: None = None, uniform: Tensor | None = None) -> Purified:
        """`uniform` (B, C): the gate's noise."""
        if vector.dim() != 2 or vector.shape[1] != self.channels:
            raise UsageError(f"VectorUPN takes (B, {self.channels}); got {tuple(vector.shape)}.")
        logits = self.score(vector)
        gate, penalty = self.gate(logits, uniform)
        return Purified(vector * gate, gate, penalty.mean(dim=1), logits)


def reverse(sequence: Tensor, mask: Tensor | None = None) -> Tensor:
    """The valid steps of (B, T, C) in the opposite order, right padding where it was. Twice gives the sequence."""
    if mask is None:
        return sequence.flip(1)
    place = torch.arange(sequence.shape[1], device=sequence.device)
    mirrored = mask.sum(dim=1, keepdim=True) - 1 - place  # (B, T)
    index = torch.where(mirrored >= 0, mirrored, place)
    return sequence.gather(1, index[..., None].expand_as(sequence))


def as_steps(features: Tensor) -> Tensor:
    """Maps (B, C, H, W) as sequences (B, H·W, C); sequences and vectors as they are."""
    return features.flatten(2).transpose(1, 2) if features.dim() == 4 else features
