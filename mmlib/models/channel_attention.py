"""Audio-guided attention with weights of its own for every channel: where in a picture, then when in a clip.

Pian et al., "Audio-Visual Class-Incremental Learning", ICCV 2023 (AV-CIL).

Paper says, and published code does: p_a = tanh(U_a x_a), p_v = tanh(U_v x_v); spatial weights w_s = softmax over the P
    positions of p_v ⊙ p_a; temporal weights w_t = softmax over the T steps of (Σ_p w_s ⊙ p_v) ⊙ p_a; the visual feature
    is Σ_t w_t ⊙ Σ_p w_s ⊙ x_v, of the tokens as they came in. Every channel has its own weights.
We do: the same, a few clips at a time where a batch is large. At the published size one copy of a batch's 256 x 1568 x
    768 tokens is 1.2 GB in single precision and the plain form keeps three and makes two more; here the tokens stay as
    they came (float16, usually), and what a few clips need is made again in the backward pass.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from mmlib.errors import UsageError

MOST_ELEMENTS = 1 << 24
"""Of one copy of the tokens: 64 MiB in single precision, 13 clips at the published size. Not less: glibc gives blocks
from 32 MiB back, but smaller ones litter its heap, which then grows with the batch. One piece saves the second pass,
for 28 MiB of each clip."""


@dataclass
class AttentionMaps:
    """Weights of M clips, each channel's own."""

    spatial: Tensor
    """(M, T, P, C), over the positions."""
    temporal: Tensor
    """(M, T, C), over the steps."""


class ChannelAttention(nn.Module):
    """Pooled visual tokens (B, C) of tokens (B, T, P, C) and a sound (B, audio).

    Args:
        audio, visual: sizes of the sound's vector and of a token, C.
        most_elements: how many elements of tokens are worked on at once. A batch that fits goes in one piece and keeps
            what its backward pass needs; a larger one goes in pieces, which costs another forward pass of this module.

    Tokens may be of any floating type; they are computed with in the type of the weights, or in autocast's.
    """

    def __init__(self, audio: int, visual: int, *, most_elements: int = MOST_ELEMENTS) -> None:
        super().__init__()
        self.most_elements = most_elements
        self.project_audio = nn.Linear(audio, visual)  # U_a
        self.project_visual = nn.Linear(visual, visual)  # U_v

    def forward(
        self, audio: Tensor, visual: Tensor, maps_of: slice | None = None
    ) -> tuple[Tensor, AttentionMaps | None]:
        """Pooled tokens (B, C), and the attention of the rows `maps_of` of the batch; `slice(None)` gives all.

        Raises `UsageError` for tokens of another shape.
        """
        size = self.project_visual.in_features
        if visual.dim() != 4 or visual.shape[3] != size or len(visual) != len(audio):
            raise UsageError(
                f"ChannelAttention takes visual tokens (B, T, P, {size}) with sounds (B, "
                f"{self.project_audio.in_features}); got {tuple(visual.shape)} and {tuple(audio.shape)}."
            )
        guide = torch.tanh(self.project_audio(audio.to(self.project_audio.weight.dtype)))  # p_a (B, C)
        clips = len(visual)
        first, last, _ = (slice(0) if maps_of is None else maps_of).indices(clips)
        pooled, spatial, temporal = [], [], []
        for start, stop in ((0, first), (first, last), (max(first, last), clips)):
            for piece in self._pieces(guide[start:stop], visual[start:stop]):
                if torch.is_grad_enabled() and visual.numel() > self.most_elements:
                    part = checkpoint(self.attend, *piece, use_reentrant=False, preserve_rng_state=False)
                else:
                    part = self.attend(*piece)
                pooled.append(part[0])
                if start == first and stop == last:
                    spatial.append(part[1])
                    temporal.append(part[2])
        maps = AttentionMaps(_joined(spatial), _joined(temporal)) if spatial else None
        return _joined(pooled), maps

    def _pieces(self, guide: Tensor, visual: Tensor) -> list[tuple[Tensor, Tensor]]:
        """The rows in as few pieces as the limit allows, of nearly the same size."""
        if not len(visual):
            return []
        rows = max(1, self.most_elements // visual[0].numel())
        pieces = -(-len(visual) // rows)
        return list(zip(guide.tensor_split(pieces), visual.tensor_split(pieces), strict=True))

    def attend(self, guide: Tensor, visual: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Pooled tokens (b, C), w_s (b, T, P, C) and w_t (b, T, C), from p_a (b, C) and tokens (b, T, P, C)."""
        tokens = visual.to(self.project_visual.weight.dtype)
        keys = self.project_visual(tokens).tanh_()  # p_v (b, T, P, C); the linear layer does not need its own output
        spatial = torch.softmax(keys * guide[:, None, None], dim=2)
        steps = (spatial * keys).sum(dim=2)  # (b, T, C)
        temporal = torch.softmax(steps * guide[:, None], dim=1)
        return (temporal * (spatial * tokens).sum(dim=2)).sum(dim=1), spatial, temporal


def _joined(parts: list[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(parts)
