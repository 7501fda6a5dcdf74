"""AVGA: audio-guided visual attention, an LSTM per modality, late fusion; which event, and in which seconds.

Tian et al., "Audio-Visual Event Localization in Unconstrained Videos", ECCV 2018; repository AVE-ECCV18.

Paper says: class probabilities of every segment; cross-entropy; weakly supervised, the mean of the segments' scores is
    the clip's.
Published code does: [a; v] - ReLU - 64 - ReLU - K - softmax (A+V-att) or a residual mean (DMRN, `mmlib.models.dmrn`);
    weakly supervised, the maximum over segments, then softmax. Attention, L1 and L2 start from Xavier weights.
We do: class scores instead of probabilities (losses apply softmax where they need it). The `fusion`: `concat` as
    published (with SimAM²: of padded vectors, where by the paper's own analysis it does little); `sum`, the mean of
    the LSTMs' outputs, where SimAM² superposes; `projected_sum`, the concatenation read as a sum; `dmrn`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from torch import Tensor, nn

from mmlib.fusion import SimAM2Options, check_choice
from mmlib.fusion.segments import HiddenConcat, HiddenHead, Mean, ProjectedSum
from mmlib.models.dmrn import ResidualFusion, residual_head
from mmlib.models.guided_attention import AudioAxis, GuidedAttention
from mmlib.models.segments import MODALITIES, AttentionGroup, SegmentNetwork, matrices_of, recurrent, with_attention

AVGAFusion = Literal["concat", "sum", "projected_sum", "dmrn"]
MilPool = Literal["max", "mean"]


class AVGA(SegmentNetwork):
    """AVGA for segments of `audio` and maps of `visual` features; see above.

    Args:
        audio, visual: sizes of the input features (published: 128, 512).
        positions: P, positions of a map (published: 49).
        num_classes: K, background included.
        fusion: concat, sum, projected_sum or dmrn.
        hidden: size of an LSTM's state per direction. head: of the hidden layer before the scores.
        attention: width of the attention's projections. audio_axis: see `GuidedAttention`.
        weak: supervised on clips: `SegmentOutput.clip_scores` is then the `mil_pool` of segment scores.
        blocks: residual blocks of dmrn. modalities: see `SegmentNetwork`.
        simam2: options, or None for the published fusion.
    """

    def __init__(
        self,
        audio: int = 128,
        visual: int = 512,
        positions: int = 49,
        num_classes: int = 29,
        *,
        fusion: AVGAFusion = "concat",
        hidden: int = 128,
        head: int = 64,
        attention: int = 512,
        audio_axis: AudioAxis = "position",
        weak: bool = False,
        mil_pool: MilPool = "max",
        blocks: int = 1,
        modalities: Sequence[str] = MODALITIES,
        simam2: SimAM2Options | None = None,
    ) -> None:
        super().__init__(modalities)
        check_choice("fusion", fusion, AVGAFusion)
        check_choice("mil_pool", mil_pool, MilPool)
        self.weak, self.mil_pool = weak, mil_pool
        self.audio_lstm = recurrent(audio, hidden)
        self.visual_lstm = recurrent(visual, hidden)
        self.attention = GuidedAttention(audio, visual, positions, width=attention, audio_axis=audio_axis)
        self.residual = ResidualFusion(2 * hidden, blocks) if fusion == "dmrn" else None
        channels = dict.fromkeys(MODALITIES, 2 * hidden)
        if fusion == "concat":
            self.fusion = HiddenConcat(channels, num_classes, hidden=head, simam2=simam2)
        elif fusion == "projected_sum":
            self.fusion = ProjectedSum(channels, num_classes, hidden=head, simam2=simam2)
        elif fusion == "sum":
            self.fusion = Mean(channels, num_classes, HiddenHead(2 * hidden, num_classes, hidden=head), simam2=simam2)
        else:
            self.fusion = Mean(channels, num_classes, residual_head(2 * hidden, num_classes), simam2=simam2)

    def encode(self, audio: Tensor, visual: Tensor) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        attended, weights = self.attention(audio, visual)  # (B, T, visual), (B, T, P)
        features = {"visual": self.visual_lstm(attended)[0], "audio": self.audio_lstm(audio)[0]}  # (B, T, 2·hidden)
        return (features if self.residual is None else self.residual(features)), {"attention": weights}

    def clip_scores(self, scores: Tensor) -> Tensor | None:
        if not self.weak:
            return None
        return scores.amax(dim=1) if self.mil_pool == "max" else scores.mean(dim=1)

    def modality_parameters(self, *, attention_group: AttentionGroup = "visual") -> dict[str, list[nn.Parameter]]:
        """LSTMs, and the attention as `attention_group` says; never the fusion, its head or ζ."""
        groups = {"visual": matrices_of(self.visual_lstm), "audio": matrices_of(self.audio_lstm)}
        return with_attention(groups, self.attention, attention_group)
