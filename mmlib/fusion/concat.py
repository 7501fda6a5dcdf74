"""Concatenation, written as the sum of padded vectors: U = [a; 0] + [0; v].

Paper says: concatenation is the case of Eq. 4 where the vectors are padded at different positions, hence
    uncorrelated; the degradation term and the mutual energy then "degrade to 0". They do not: see the worked example
    in the tests.
Published code does (OGM-GE): Linear(2C, K) on [a; v], audio first; unimodal logits are each half of the weight
    matrix with half of the bias.
We do: the same, for any number of modalities (audio first for the pair, otherwise in the order given). With SimAM² the
    default `concat_scale="unit"` keeps U = [a; v] at ζ = ½, so that the rows of a table differ in the gate alone. ζ is
    learned from [v; a] without the padding, which carries nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmlib.fusion.base import Fusion
from mmlib.fusion.modalities import side_by_side
from mmlib.fusion.options import SimAM2Options


class Concat(Fusion):
    """U = [a; v]; see `Fusion` for the arguments. The modalities may differ in size, and there may be one alone."""

    def __init__(self, channels: Mapping[str, int], num_classes: int, *, simam2: SimAM2Options | None = None) -> None:
        super().__init__(channels, num_classes)
        blocks = {modality: self.channels[modality] for modality in side_by_side(self.modalities)}
        width = sum(blocks.values())
        self.padding: dict[str, tuple[int, int]] = {}  # channels before and after a modality's block
        before = 0
        for modality, size in blocks.items():
            self.padding[modality] = (before, width - before - size)
            before += size
        self.classifier = nn.Linear(width, num_classes)
        if simam2 is not None:
            simam2 = replace(simam2, scale=simam2.concat_scale)
        self.add_simam2(simam2, width, blocks=tuple(blocks.values()), source_channels=width)

    def terms(self, features: dict[str, Tensor]) -> dict[str, Tensor]:
        # (B, C_a + C_v): [0; v] and [a; 0]
        return {modality: F.pad(features[modality], self.padding[modality]) for modality in self.modalities}

    def zeta_source(self, features: dict[str, Tensor]) -> Tensor:
        return torch.cat([features[modality] for modality in self.modalities], dim=-1)
