"""Answers to questions on a clip, from sound, picture and words: MUSIC-AVQA's baseline and AVST.

Li et al., "Learning to Answer Questions in Dynamic Audio-Visual Scenarios", CVPR 2022; with IEMF's heads: He et al.,
2025 (arXiv 2505.10176).

Paper says: the question attends to the seconds of sound and of picture; what it finds is joined, and with the question
    gives one of 42 answers.
Published code does: y of sound, x of picture (`TemporalAttention`); AVST adds to each the mean over seconds;
    answer = W_2 t(W_1 t(y, x) ⊙ q), where t is tanh, or nothing in IEMF's code, its baselines included. IEMF's heads
    see y ⊙ q and x ⊙ q. Squeezed dimensions make it need batches of one question in evaluation.
We do: the same for any size of batch. What a network does not see has no part in it: no layers, no place in (y, x);
    with neither modality the product is left out and the answer is W_2 t(q). How the paper's ablations are built is not
    published. Ours: `pooling` "mean" in place of the attention, and a code of each second, without which no network
    here can tell first from last.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from mmlib.errors import UsageError
from mmlib.models.avqa.attention import TemporalAttention
from mmlib.models.avqa.grounding import Grounding
from mmlib.models.avqa.question import QuestionEncoder
from mmlib.models.avqa.seconds import PlainSeconds
from mmlib.models.unimodal_heads import HeadsName, UnimodalHeads

Pooling = Literal["attention", "mean"]
CODE_DEVIATION = 0.3
"""Of a second's code when training begins: about as large as the vectors of sound then are."""


@dataclass
class AVQAOutput:
    """`logits` (B, K), `question` q (B, C); by modality `features` (B, C) before q is multiplied in and `attention`
    (B, T), how much of it is of each second. `picture` (B, T, P) and `match`: see `Seconds`.
    """

    logits: Tensor
    question: Tensor
    features: dict[str, Tensor]
    attention: dict[str, Tensor]
    picture: Tensor | None = None
    match: dict[str, Tensor] | None = None
    head_logits: dict[str, Tensor] | None = None
    """(B, K) scores of each modality's own head, where there are heads."""
    keep: dict[str, Tensor] | None = None
    zeta: Tensor | None = None
    r: Tensor | None = None


class AVQA(nn.Module):
    """Scores (B, K) of answers.

    Args:
        seconds: makes the modalities' vectors of each second: `PlainSeconds`, `Grounding` (AVST), or None for a network
            that sees the question alone.
        vocabulary: number of token ids.
        channels: C (published: 512).
        answers: K.
        attention_heads, dropout: see `TemporalAttention`.
        pooling: how seconds become one vector, by the question's attention or as their mean.
        add_mean: add the mean over seconds to what the attention finds, as AVST does.
        tanh: t is tanh, as in MUSIC-AVQA; IEMF's code has none.
        seconds_coded: None, or the number T of seconds, each of which gets a learned code by modality.
        unimodal_heads: heads on each modality's vector times q, for IEMF and its losses.
    """

    def __init__(
        self,
        seconds: PlainSeconds | Grounding | None,
        vocabulary: int,
        channels: int,
        answers: int,
        *,
        attention_heads: int = 4,
        dropout: float = 0.1,
        pooling: Pooling = "attention",
        add_mean: bool = False,
        tanh: bool = True,
        seconds_coded: int | None = None,
        unimodal_heads: HeadsName = "none",
    ) -> None:
        super().__init__()
        self.modalities: tuple[str, ...] = () if seconds is None else seconds.modalities
        self.add_mean, self.tanh = add_mean, tanh
        self.encoder = QuestionEncoder(vocabulary, channels)
        self.seconds = seconds
        attended = self.modalities if pooling == "attention" else ()
        self.attention = nn.ModuleDict({m: TemporalAttention(channels, attention_heads, dropout) for m in attended})
        coded = self.modalities if seconds_coded else ()
        self.codes = nn.ParameterDict({m: CODE_DEVIATION * torch.randn(seconds_coded, channels) for m in coded})
        self.fusion = nn.Linear(len(self.modalities) * channels, channels) if self.modalities else None
        self.answer = nn.Linear(channels, answers)
        heads = unimodal_heads != "none"
        if heads and not self.modalities:
            raise UsageError("unimodal heads judge sound and picture; this network sees the question alone.")
        sizes = dict.fromkeys(self.modalities, channels)
        self.heads = UnimodalHeads(sizes, answers, detached=unimodal_heads == "detached") if heads else None

    def forward(self, inputs: Mapping[str, Tensor]) -> AVQAOutput:
        """Inputs: `question` (B, L) int64, what `seconds` takes, and in training, for a match head, `other`."""
        question = self.encoder(inputs["question"])
        found = None if self.seconds is None else self.seconds(inputs, question.dtype)
        features, weights = {}, {}
        for name in self.modalities:
            steps = found.features[name]  # (B, T, C)
            steps = steps + self.codes[name] if name in self.codes else steps
            features[name], weights[name] = self._pooled(name, question, steps)
        heads = None if self.heads is None else self.heads({m: f * question for m, f in features.items()})
        return AVQAOutput(
            self.answered(features, question),
            question,
            features,
            weights,
            picture=None if found is None else found.picture,
            match=None if found is None else found.match,
            head_logits=heads,
        )

    def _pooled(self, name: str, question: Tensor, steps: Tensor) -> tuple[Tensor, Tensor]:
        """(B, C) and the weights (B, T) of the seconds in it."""
        mean = steps.mean(dim=1)
        if name not in self.attention:
            return mean, steps.new_full(steps.shape[:2], 1 / steps.shape[1])
        attended, weights = self.attention[name](question, steps)
        return (attended + mean if self.add_mean else attended), weights

    def answered(self, features: Mapping[str, Tensor], question: Tensor) -> Tensor:
        """Scores (B, K); a modality of the network without an entry in `features` counts as zero."""
        mixed = question
        if self.fusion is not None:
            nothing = torch.zeros_like(question)
            joined = torch.cat([features.get(name, nothing) for name in self.modalities], dim=1)
            mixed = self.fusion(self._activated(joined)) * question
        return self.answer(self._activated(mixed))

    def _activated(self, values: Tensor) -> Tensor:
        return torch.tanh(values) if self.tanh else values

    def unimodal_logits(self, output: AVQAOutput) -> dict[str, Tensor]:
        """(B, K) by modality: the answer with the other modality's vector at zero."""
        return {name: self.answered({name: value}, output.question) for name, value in output.features.items()}

    def mixing_parameters(self) -> list[nn.Parameter]:
        """Of the layer that mixes the modalities, which IEMF changes."""
        return [] if self.fusion is None else list(self.fusion.parameters())

    def fusion_parameters(self) -> list[nn.Parameter]:
        """Of that layer and of the one that answers."""
        return [*self.mixing_parameters(), *self.answer.parameters()]
