"""Late fusion of segment features in the networks of event localisation, as fusions of this package.

AVGA (Tian et al., ECCV 2018) concatenates or, in its DMRN variant, averages; PSP (Zhou et al., CVPR 2021) averages.
Shapes are (B, T, C) throughout; the head's outputs are class scores of every segment.

Paper says (SimAM²): the module goes where late fusion happens; more is not said.
Published code does: [a; v] - ReLU - Linear - ReLU - Linear (AVGA), the mean and such a head without the first ReLU
    (PSP), the mean and one Linear (DMRN).
We do: the same; SimAM² takes the mean's place, where ζ = ½ without a gate is the published network, bit for bit. For
    concatenation it can only gate padded vectors (`Concat`), or the sum of the two halves of the hidden layer, which
    is the same network (`ProjectedSum`). Decoupled scores: the other modality's term is set to zero. A hidden layer
    after a concatenation then keeps half of its bias for each, after a mean all of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from operator import add
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from mmlib.errors import ParameterError
from mmlib.fusion.base import Fusion, FusionOutput
from mmlib.fusion.concat import Concat
from mmlib.fusion.modalities import side_by_side
from mmlib.fusion.options import SimAM2Options


class HiddenHead(nn.Module):
    """Class scores through a hidden layer: [ReLU -] L1 - ReLU - L2, Xavier weights.

    Args:
        channels, hidden, num_classes: sizes.
        bias: of both layers (AVGA has them, PSP not).
        relu_first: rectify the input.
    """

    def __init__(
        self, channels: int, num_classes: int, *, hidden: int = 64, bias: bool = True, relu_first: bool = True
    ) -> None:
        super().__init__()
        self.relu_first = relu_first
        self.hidden = nn.Linear(channels, hidden, bias=bias)
        self.output = nn.Linear(hidden, num_classes, bias=bias)
        for layer in (self.hidden, self.output):
            nn.init.xavier_uniform_(layer.weight)

    def forward(self, fused: Tensor) -> Tensor:
        return self.output(F.relu(self.hidden(F.relu(fused) if self.relu_first else fused)))  # (B, T, K)

    def share(self, part: Tensor, count: int) -> Tensor:
        """Scores of one of `count` parts of the input, with as small a share of the hidden layer's bias."""
        part = F.relu(part) if self.relu_first else part
        return self.output(F.relu(F.linear(part, self.hidden.weight, self.hidden.bias / count)))


class HiddenConcat(Concat):
    """AVGA's fusion: [a; v] and a head with a hidden layer. SimAM² here gates padded vectors."""

    def __init__(
        self,
        channels: Mapping[str, int],
        num_classes: int,
        *,
        hidden: int = 64,
        simam2: SimAM2Options | None = None,
    ) -> None:
        super().__init__(channels, num_classes, simam2=simam2)
        self.classifier = HiddenHead(sum(self.channels.values()), num_classes, hidden=hidden)

    def mixing_layers(self) -> list[nn.Module]:
        return [self.classifier.hidden]

    def share_of_logits(self, part: Tensor) -> Tensor:
        return self.classifier.share(part, len(self.modalities))


class Mean(Fusion):
    """U = ½ X_v + ½ X_a of features of one size (1/n each), and any head; with SimAM², U of Eq. 4.

    Args:
        channels, num_classes: see `Fusion`.
        head: module from (B, T, C) to (B, T, K).
    """

    def __init__(
        self, channels: Mapping[str, int], num_classes: int, head: nn.Module, *, simam2: SimAM2Options | None = None
    ) -> None:
        super().__init__(channels, num_classes)
        width = self.channels[self.modalities[0]]
        if set(self.channels.values()) != {width}:
            raise ParameterError(f"a mean of features needs one size for all; got {self.channels}.")
        self.classifier = head
        self.add_simam2(simam2, width)

    def terms(self, features: dict[str, Tensor]) -> dict[str, Tensor]:
        return {modality: features[modality] for modality in self.modalities}

    def superpose(self, terms: dict[str, Tensor], features: dict[str, Tensor]) -> tuple[Tensor, dict[str, Any]]:
        if self.simam2 is not None:
            return super().superpose(terms, features)
        share = 1 / len(self.modalities)
        return reduce(add, (share * terms[modality] for modality in self.modalities)), {}

    def contributions(self, output: FusionOutput) -> dict[str, Tensor]:
        if self.simam2 is not None:
            return super().contributions(output)
        return {modality: term * (1 / len(self.modalities)) for modality, term in output.terms.items()}

    def share_of_logits(self, part: Tensor) -> Tensor:
        return self.classifier(part)


class _AfterHidden(nn.Module):
    """What follows AVGA's hidden layer: ReLU - L2."""

    def __init__(self, hidden: int, num_classes: int) -> None:
        super().__init__()
        self.output = nn.Linear(hidden, num_classes)
        nn.init.xavier_uniform_(self.output.weight)

    def forward(self, fused: Tensor) -> Tensor:
        return self.output(F.relu(fused))


class ProjectedSum(Fusion):
    """AVGA's concatenation, read as the sum of what its hidden layer makes of each half: the same network.

    X_v = L1_v relu(v) + b/2, X_a = L1_a relu(a) + b/2, U = X_v + X_a = L1 relu([a; v]) + b. SimAM² superposes the two
    (with `scale="unit"`, so that ζ = ½ without a gate changes nothing). Of n modalities each gets b/n.
    """

    def __init__(
        self,
        channels: Mapping[str, int],
        num_classes: int,
        *,
        hidden: int = 64,
        simam2: SimAM2Options | None = None,
    ) -> None:
        super().__init__(channels, num_classes)
        self.hidden = nn.Linear(sum(self.channels.values()), hidden)
        nn.init.xavier_uniform_(self.hidden.weight)
        self.classifier = _AfterHidden(hidden, num_classes)
        self.add_simam2(simam2, hidden, scale="unit")

    def mixing_layers(self) -> list[nn.Module]:
        return [self.hidden]

    def terms(self, features: dict[str, Tensor]) -> dict[str, Tensor]:
        order = side_by_side(self.modalities)
        blocks = self.hidden.weight.split([self.channels[modality] for modality in order], dim=1)
        weights, bias = dict(zip(order, blocks, strict=True)), self.hidden.bias / len(order)
        return {m: F.linear(F.relu(features[m]), weights[m], bias) for m in self.modalities}

    def share_of_logits(self, part: Tensor) -> Tensor:
        return self.classifier(part)
