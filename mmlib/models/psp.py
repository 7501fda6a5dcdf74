"""PSP: positive sample propagation, segments of one modality learn from those of the other that agree with them.

Zhou et al., "Positive Sample Propagation along the Audio-Visual Event Line", CVPR 2021; repository PSP_CVPR_2021.

Paper says: similarities of all pairs of segments are normalised by rows, those below τ are cut, and each segment
    receives the others' features by what is left; the fused feature is the mean of both modalities.
Published code does: τ = 0.099 (0.095 weakly supervised), just below the uniform share of ten segments; rows are
    normalised again after the cut when fully supervised only; two linear layers without an activation before the LSTMs
    (weakly supervised: one, for the picture only); 118,594 parameters that no output depends on.
We do: the same without the dead parameters. The fused mean is the library's `Mean`, so that SimAM² superposes there;
    the cosine similarity is of the features before it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmlib.fusion import SimAM2Options, check_choice
from mmlib.fusion.segments import HiddenHead, Mean
from mmlib.models.guided_attention import AudioAxis, GuidedAttention
from mmlib.models.segments import MODALITIES, AttentionGroup, SegmentNetwork, matrices_of, recurrent, with_attention

Scope = Literal["pre_psp", "all"]
EPSILON = 1e-8
THRESHOLDS = {False: 0.099, True: 0.095}  # by weak


class Propagation(nn.Module):
    """Visual and audio features (B, T, C) in; both after propagation, shares and affinity (B, T, T), out.

    Args:
        channels: C.
        threshold: τ; a normalised similarity must exceed it.
        output_layers: a linear layer, ReLU and dropout after the propagation, and rows normalised again after pruning.
    """

    def __init__(self, channels: int, threshold: float, dropout: float, output_layers: bool) -> None:
        super().__init__()
        self.threshold, self.again = threshold, output_layers
        names = ("Wv1", "Wv2", "Wvf", "Wa1", "Wa2", "Waf") if output_layers else ("Wv1", "Wv2", "Wa1", "Wa2")
        self.layers = nn.ModuleDict({name: nn.Linear(channels, channels, bias=False) for name in names})
        for layer in self.layers.values():
            nn.init.xavier_uniform_(layer.weight)
        self.norm = nn.LayerNorm(channels, eps=1e-6)  # one for both modalities
        self.dropout = nn.Dropout(dropout)

    def through(self, name: str, x: Tensor) -> Tensor:
        return self.dropout(F.relu(self.layers[name](x)))

    def prune(self, shares: Tensor) -> Tensor:
        """Shares of a row up to τ to zero; the cut is constant for the gradient."""
        kept = shares * (shares > self.threshold)
        return kept / (kept.sum(dim=-1, keepdim=True) + EPSILON) if self.again else kept

    def forward(self, visual: Tensor, audio: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        v1, v2 = (self.through(name, visual) for name in ("Wv1", "Wv2"))
        a1, a2 = (self.through(name, audio) for name in ("Wa1", "Wa2"))
        agreement = F.relu(v2 @ a1.transpose(1, 2) / math.sqrt(visual.shape[-1]))  # (B, T_v, T_a)
        shares = row_shares(agreement)
        to_visual, to_audio = self.prune(shares), self.prune(row_shares(agreement.transpose(1, 2)))
        visual, audio = visual + to_visual @ a2, audio + to_audio @ v1
        if self.again:
            visual, audio = self.through("Wvf", visual), self.through("Waf", audio)
        return self.norm(visual), self.norm(audio), shares, to_visual


def row_shares(affinity: Tensor) -> Tensor:
    """Each row of (..., T, T) divided by its sum; a row of zeros stays one."""
    return affinity / (affinity.sum(dim=-1, keepdim=True) + EPSILON)


class WeightedHead(HiddenHead):
    """Weakly supervised PSP: scores S of each segment, weighted by how much event it holds, sigmoid(relu(W3 S))."""

    def __init__(self, channels: int, num_classes: int, hidden: int) -> None:
        super().__init__(channels, num_classes, hidden=hidden, bias=False, relu_first=False)
        self.weight = nn.Linear(num_classes, 1, bias=False)

    def forward(self, fused: Tensor) -> Tensor:
        scores = super().forward(fused)  # (B, T, K)
        return torch.sigmoid(F.relu(self.weight(scores))) * scores


class PSP(SegmentNetwork):
    """PSP, fully or (`weak`) weakly supervised; arguments as `AVGA`'s, and:

    Args:
        projection: size of the first of the two linear layers before attention and LSTM (fully supervised).
        threshold: τ of `Propagation`; None for the published 0.099, weakly supervised 0.095.
        dropout: inside the propagation.
    """

    def __init__(
        self,
        audio: int = 128,
        visual: int = 512,
        positions: int = 49,
        num_classes: int = 29,
        *,
        hidden: int = 128,
        head: int = 64,
        attention: int = 512,
        projection: int = 256,
        audio_axis: AudioAxis = "position",
        threshold: float | None = None,
        dropout: float = 0.1,
        weak: bool = False,
        modalities: Sequence[str] = MODALITIES,
        simam2: SimAM2Options | None = None,
    ) -> None:
        super().__init__(modalities)
        self.weak = weak
        if weak:
            self.audio_projection = nn.Identity()
            self.visual_projection = nn.Linear(visual, hidden)
        else:
            self.audio_projection = _two_layers(audio, projection, hidden)
            self.visual_projection = _two_layers(visual, projection, hidden)
        heard = audio if weak else hidden
        self.attention = GuidedAttention(heard, visual, positions, width=attention, audio_axis=audio_axis)
        self.audio_lstm = recurrent(heard, hidden)
        self.visual_lstm = recurrent(hidden, hidden)
        width = 2 * hidden
        tau = THRESHOLDS[weak] if threshold is None else threshold
        self.propagation = Propagation(width, tau, dropout, output_layers=not weak)
        if weak:
            scores: HiddenHead = WeightedHead(width, num_classes, head)
        else:
            scores = HiddenHead(width, num_classes, hidden=head, bias=False, relu_first=False)
        self.fusion = Mean(dict.fromkeys(MODALITIES, width), num_classes, scores, simam2=simam2)

    def encode(self, audio: Tensor, visual: Tensor) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        audio = self.audio_projection(audio)  # (B, T, heard)
        attended, weights = self.attention(audio, visual)  # (B, T, visual), (B, T, P)
        seen = self.visual_projection(attended)  # (B, T, hidden)
        visual, audio, shares, affinity = self.propagation(self.visual_lstm(seen)[0], self.audio_lstm(audio)[0])
        similarity = F.cosine_similarity(visual, audio, dim=-1)  # (B, T)
        more = {"attention": weights, "similarity": similarity, "shares": shares, "affinity": affinity}
        return {"visual": visual, "audio": audio}, more

    def clip_scores(self, scores: Tensor) -> Tensor | None:
        return scores.mean(dim=1) if self.weak else None

    def modality_parameters(
        self, *, attention_group: AttentionGroup = "visual", scope: Scope = "pre_psp"
    ) -> dict[str, list[nn.Parameter]]:
        """Projections, LSTMs and attention; with scope "all" also the propagation's layers of each modality.

        OGM-GE's supplement modulates only what comes before the propagation. Never the norm, the head or ζ.
        """
        check_choice("scope", scope, Scope)
        groups = {
            "visual": matrices_of(self.visual_projection, self.visual_lstm),
            "audio": matrices_of(self.audio_projection, self.audio_lstm),
        }
        if scope == "all":
            for name, layer in self.propagation.layers.items():
                groups["visual" if name.startswith("Wv") else "audio"].append(layer.weight)
        return with_attention(groups, self.attention, attention_group)


def _two_layers(inputs: int, between: int, outputs: int) -> nn.Sequential:
    """Two linear layers without bias and, as published, without an activation between them."""
    return nn.Sequential(nn.Linear(inputs, between, bias=False), nn.Linear(between, outputs, bias=False))
