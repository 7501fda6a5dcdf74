"""MIM: encoders, a purification network and a unimodal head per modality, and the fusion of the purified vectors.

Zeng et al., "Multimodal Reaction: Information Modulation for Cross-Modal Representation Learning", IEEE TMM 26, 2024.

Paper says: impurity is filtered out before fusion; what a modality knows guides the weaker ones while they learn.
Published code does: text, audio and vision, each a sequence; the head of a modality judges its raw and its purified
    vector; the fusion sees the purified ones. The code does not run (half of its losses are missing).
We do: the same for any number of modalities, each a vector (B, C), a sequence (B, T, C) or a map (B, C, H, W). Without
    purification the fusion sees the raw vectors, and the heads, where there are any, judge those.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch.nn.functional as F
from torch import Tensor, nn

from mmlib.errors import UsageError
from mmlib.models.mim.fusion import FusionName, VectorFusion
from mmlib.models.mim.pooling import ActivationName, pool
from mmlib.models.mim.purification import Purified, as_steps


@dataclass
class MIMOutput:
    """`prediction` (B, K); by modality: `raw` (B, C) and what the head says of it (B, K), of the purified vector too.

    Without purification `purified` is empty; without heads both `*_outputs` are.
    """

    prediction: Tensor
    raw: dict[str, Tensor]
    raw_outputs: dict[str, Tensor] = field(default_factory=dict)
    purified: dict[str, Purified] = field(default_factory=dict)
    purified_outputs: dict[str, Tensor] = field(default_factory=dict)
    intra_outputs: dict[str, tuple[Tensor, Tensor]] = field(default_factory=dict)
    """Purified and raw outputs as intra-modal guidance sees them: the same, or through heads that it does not train."""
    masks: dict[str, Tensor | None] = field(default_factory=dict)


class MIM(nn.Module):
    """Outputs (B, K) from inputs by modality.

    Args:
        encoders: by modality, each with `channels`; gives (B, C), (B, T, C) or (B, C, H, W). One with `mask_of` tells
            its padding, and takes the mask.
        channels: C of all purified vectors; encoders of another size are followed by a linear layer.
        outputs: K, classes or 1.
        purifiers: by modality, `SequenceUPN` for sequences and maps, `VectorUPN` for vectors; None for none.
        fusion: see `VectorFusion`.
        heads: whether each modality has a linear head.
        activation: of the pooling of raw sequences.
        masked: whether padding is left out; False lets it take part, as published.
        guided_heads: whether intra-modal guidance also trains the heads, as published code does and a comment in it
            denies.
    """

    def __init__(
        self,
        encoders: Mapping[str, nn.Module],
        channels: int,
        outputs: int,
        *,
        purifiers: Mapping[str, nn.Module] | None = None,
        fusion: FusionName = "product",
        heads: bool = True,
        activation: ActivationName = "tanh",
        masked: bool = True,
        guided_heads: bool = True,
    ) -> None:
        super().__init__()
        if purifiers is not None and set(purifiers) != set(encoders):
            raise UsageError(f"purifiers of {', '.join(purifiers)} for encoders of {', '.join(encoders)}: give each.")
        self.modalities, self.activation, self.masked = tuple(encoders), activation, masked
        self.guided_heads = guided_heads
        self.encoders = nn.ModuleDict(encoders)
        sizes = {name: encoder.channels for name, encoder in encoders.items()}
        self.projections = nn.ModuleDict(
            {name: nn.Linear(size, channels) for name, size in sizes.items() if size != channels}
        )
        self.purifiers = nn.ModuleDict({} if purifiers is None else {name: purifiers[name] for name in encoders})
        self.heads = nn.ModuleDict({name: nn.Linear(channels, outputs) for name in encoders} if heads else {})
        self.fusion = VectorFusion(self.modalities, channels, outputs, fusion)

    def forward(self, inputs: Mapping[str, Tensor], uniform: Mapping[str, Tensor] | None = None) -> MIMOutput:
        """`uniform`: the gates' noise by modality, where it is given."""
        raw, purified, masks = {}, {}, {}
        for name in self.modalities:
            features, masks[name] = self.encoded(name, inputs[name])
            raw[name] = features if features.dim() == 2 else pool(features, self.activation, masks[name])
            if self.purifiers:
                purified[name] = self.purifiers[name](features, masks[name], (uniform or {}).get(name))
        vectors = {name: found.vector for name, found in purified.items()} or raw
        output = MIMOutput(self.fusion(vectors), raw, purified=purified, masks=masks)
        for name, head in self.heads.items():
            output.raw_outputs[name] = head(raw[name])
            if purified:
                output.purified_outputs[name] = head(vectors[name])
                output.intra_outputs[name] = self._intra(head, vectors[name], raw[name], output, name)
        return output

    def encoded(self, name: str, inputs: Tensor) -> tuple[Tensor, Tensor | None]:
        """Features (B, C) or (B, T, C) of one modality, and which steps are no padding (None: all count)."""
        encoder = self.encoders[name]
        mask = encoder.mask_of(inputs) if self.masked and hasattr(encoder, "mask_of") else None
        features = as_steps(encoder(inputs) if mask is None else encoder(inputs, mask))
        if name not in self.projections:
            return features, mask
        features = self.projections[name](features)
        return (features if mask is None else features * mask[..., None]), mask

    def _intra(self, head: nn.Linear, purified: Tensor, raw: Tensor, output: MIMOutput, name: str):
        if self.guided_heads:
            return output.purified_outputs[name], output.raw_outputs[name]
        weight, bias = head.weight.detach(), head.bias.detach()
        return F.linear(purified, weight, bias), F.linear(raw, weight, bias)

    def purification_parameters(self) -> list[nn.Parameter]:
        """Of all purification networks, which have an optimiser of their own."""
        return list(self.purifiers.parameters())
