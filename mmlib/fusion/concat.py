"""Concatenation, written as the sum of two padded vectors: U = [a; 0] + [0; v].

Paper says: concatenation is the case of Eq. 4 where the vectors are padded at different positions, hence
    uncorrelated; the degradation term and the mutual energy then "degrade to 0". They do not: see the worked example
    in the tests.
Published code does (OGM-GE): Linear(2C, K) on [a; v], audio first; unimodal logits are each half of the weight
    matrix with half of the bias.
We do: the same. With SimAM² the default `concat_scale="unit"` keeps U = [a; v] at ζ = ½, so that the rows of a table
    differ in the gate alone. ζ is learned from [v; a] without the padding, which carries nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmlib.fusion.base import AUDIO, VISUAL, Fusion
from mmlib.fusion.options import SimAM2Options


class Concat(Fusion):
    """U = [a; v]; see `Fusion` for the arguments. The modalities may differ in size."""

    def __init__(self, channels: Mapping[str, int], num_classes: int, *, simam2: SimAM2Options | None = None) -> None:
        super().__init__(channels, num_classes)
        width = self.channels[AUDIO] + self.channels[VISUAL]
        self.classifier = nn.Linear(width, num_classes)
        if simam2 is not None:
            simam2 = replace(simam2, scale=simam2.concat_scale)
        blocks = (self.channels[AUDIO], self.channels[VISUAL])
        self.add_simam2(simam2, width, blocks=blocks, source_channels=width)

    def terms(self, features: dict[str, Tensor]) -> dict[str, Tensor]:
        audio, visual = features[AUDIO], features[VISUAL]
        return {
            VISUAL: F.pad(visual, (self.channels[AUDIO], 0)),  # (B, C_a + C_v): [0; v]
            AUDIO: F.pad(audio, (0, self.channels[VISUAL])),  # (B, C_a + C_v): [a; 0]
        }

    def zeta_source(self, features: dict[str, Tensor]) -> Tensor:
        return torch.cat((features[VISUAL], features[AUDIO]), dim=-1)
