"""Where in the picture the sound comes from, and whether the two belong together (AVST's spatial grounding).

Li et al., "Learning to Answer Questions in Dynamic Audio-Visual Scenarios", CVPR 2022.

Paper says: sound attends to the positions of the picture of the same second; a head tells pairs of one clip and second
    from pairs of a sound and the picture of another clip.
Published code does: with the map's positions v_p and the sound a, the mean g1 of the raw v_p; weights, the softmax over
    positions of the cosine of v_p and a; g2, the weighted sum of the v_p at length 1; the picture's vector is
    W tanh(g1, g2). The head is a network 2C, C, C/2, C/4, 2 with ReLUs on (a, picture), class 1 for a right pair.
We do: the same. The cosines are made without a copy of the maps at length 1. The head is left out where no loss of a
    match is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from mmlib.models.avqa.seconds import Seconds, layers, picture_layers, positions_of

TINY = 1e-12
"""Shortest length that is divided by, as torch's `normalize` has it."""


def ground(sound: Tensor, positions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """g1 (..., C), g2 (..., C) and weights (..., P) of sound (..., C) looking at positions (..., P, C)."""
    lengths = torch.linalg.vector_norm(positions, dim=-1).clamp(min=TINY)  # (..., P)
    direction = nn.functional.normalize(sound, dim=-1)
    cosines = (positions @ direction[..., None])[..., 0] / lengths
    weights = cosines.softmax(dim=-1)
    seen = ((weights / lengths)[..., None, :] @ positions)[..., 0, :]
    return positions.mean(dim=-2), seen, weights


class MatchHead(nn.Sequential):
    """Scores (..., 2) of no and yes to whether sound and picture, joined (..., 2C), belong together."""

    def __init__(self, channels: int) -> None:
        sizes = [2 * channels, channels, channels // 2, channels // 4]
        hidden = [part for pair in zip(sizes, sizes[1:], strict=False) for part in (nn.Linear(*pair), nn.ReLU())]
        super().__init__(*hidden, nn.Linear(sizes[-1], 2))


class Grounding(nn.Module):
    """Sound and grounded picture of each second.

    Args:
        sizes: channels of the inputs, `audio` (B, T, C_a) and `visual` (B, T, C_v, H, W).
        channels: C, a multiple of 4.
        match: build the match head. A pass whose inputs hold `other`, maps like `visual` of other clips, then scores
            right and wrong pairs.
    """

    modalities = ("audio", "visual")

    def __init__(self, sizes: Mapping[str, int], channels: int, *, match: bool = True) -> None:
        super().__init__()
        self.audio = layers(sizes["audio"], channels)
        self.visual = picture_layers(sizes["visual"], channels)
        self.combine = nn.Linear(2 * channels, channels)
        self.match = MatchHead(channels) if match else None

    def forward(self, inputs: Mapping[str, Tensor], dtype: torch.dtype | None = None) -> Seconds:
        """`dtype`: in which numbers to compute; the weights' own unless said."""
        dtype = dtype or self.combine.weight.dtype
        sound = self.audio(inputs["audio"].to(dtype))
        picture, weights = self.look(sound, inputs["visual"])
        match = None
        if self.match is not None and "other" in inputs:
            other, _ = self.look(sound, inputs["other"])
            pairs = {"right": picture, "wrong": other}
            match = {name: self.match(torch.cat([sound, seen], dim=-1)) for name, seen in pairs.items()}
        return Seconds({"audio": sound, "visual": picture}, weights, match)

    def look(self, sound: Tensor, maps: Tensor) -> tuple[Tensor, Tensor]:
        """The picture's vector (B, T, C) and the weights (B, T, P) of maps (B, T, C_v, H, W), for sound (B, T, C)."""
        positions = self.visual(positions_of(maps, sound.dtype))
        mean, seen, weights = ground(sound, positions)
        return self.combine(torch.tanh(torch.cat([mean, seen], dim=-1))), weights
