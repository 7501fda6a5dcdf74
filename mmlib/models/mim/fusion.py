"""MIM's fusions of purified vectors of one size: product, sum, concatenation.

Published code does: product (the default) and concatenation through Linear, Tanh and an output layer; the sum through
    the output layer alone. Layers of the fusion that is not used are built too. A tensor fusion is in the paper only.
We do: the same three, each with its own layers only, for any number of modalities.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Literal

import torch
from torch import Tensor, nn

from mmlib.fusion import check_choice

FusionName = Literal["product", "sum", "concat"]


class VectorFusion(nn.Module):
    """Outputs (B, K) from vectors (B, C) by modality.

    Args:
        modalities: names, in their order.
        channels: C.
        outputs: K.
        fusion: `product` tanh(W ∏ f_m), `sum` Σ f_m, `concat` tanh(W [f_1 … f_M]), each before the output layer.
    """

    def __init__(self, modalities: Sequence[str], channels: int, outputs: int, fusion: FusionName = "product") -> None:
        super().__init__()
        check_choice("fusion", fusion, FusionName)
        self.modalities, self.fusion = tuple(modalities), fusion
        width = {"product": channels, "concat": channels * len(self.modalities), "sum": 0}[fusion]
        self.hidden = nn.Linear(width, channels) if width else None
        self.output = nn.Linear(channels, outputs)

    def forward(self, vectors: Mapping[str, Tensor]) -> Tensor:
        parts = [vectors[modality] for modality in self.modalities]
        if self.fusion == "sum":
            return self.output(sum(parts[1:], start=parts[0]))
        joined = prod(parts[1:], start=parts[0]) if self.fusion == "product" else torch.cat(parts, dim=1)
        return self.output(torch.tanh(self.hidden(joined)))
