"""What is heard and what is seen in each second of a clip, before any question.

Published code does: sound through Linear, ReLU, Linear. Pictures are maps of a frozen ResNet, as wide as the network
    (512): the baseline takes their mean over positions, AVST looks at each position (`Grounding`). Both networks also
    build a ResNet, layers for sound and a dropout that nothing uses.
We do: the same, without what is not used. Maps of another width than the network's go through layers like those of
    sound, position by position (ours).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass
class Seconds:
    """By modality (B, T, C). Of a network that looks for what it hears in the picture also `picture` (B, T, P), how
    much it looks at each of P positions, and `match`, by `right` and `wrong` (B, T, 2): scores of no and yes to whether
    sound and picture belong together.
    """

    features: dict[str, Tensor]
    picture: Tensor | None = None
    match: dict[str, Tensor] | None = None


def layers(inputs: int, channels: int) -> nn.Module:
    """Linear, ReLU, Linear."""
    return nn.Sequential(nn.Linear(inputs, channels), nn.ReLU(), nn.Linear(channels, channels))


def picture_layers(inputs: int, channels: int) -> nn.Module:
    """Nothing where the maps are as wide as the network, as published."""
    return nn.Identity() if inputs == channels else layers(inputs, channels)


def positions_of(maps: Tensor, dtype: torch.dtype) -> Tensor:
    """Maps (B, T, C, H, W) of any float width to (B, T, P, C), a view of them in that dtype, the picture row by row."""
    return maps.to(dtype).flatten(-2).transpose(-1, -2)


class PlainSeconds(nn.Module):
    """The baseline's: sound, and the mean of the map.

    Args:
        sizes: channels of the inputs by modality, `audio` (B, T, C_a) and `visual` (B, T, C_v, H, W) or one of them;
            those not named are not part of the network.
        channels: C.
    """

    def __init__(self, sizes: Mapping[str, int], channels: int) -> None:
        super().__init__()
        self.audio = layers(sizes["audio"], channels) if "audio" in sizes else None
        self.visual = picture_layers(sizes["visual"], channels) if "visual" in sizes else None

    @property
    def modalities(self) -> tuple[str, ...]:
        return tuple(name for name in ("audio", "visual") if getattr(self, name) is not None)

    def forward(self, inputs: Mapping[str, Tensor], dtype: torch.dtype) -> Seconds:
        found = {}
        if self.audio is not None:
            found["audio"] = self.audio(inputs["audio"].to(dtype))
        if self.visual is not None:
            found["visual"] = self.visual(positions_of(inputs["visual"], dtype)).mean(dim=-2)
        return Seconds(found)
