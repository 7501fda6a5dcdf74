"""The multimodal classifier: an encoder per modality, then a fusion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from mmlib.errors import UsageError
from mmlib.fusion import Fusion, FusionOutput, build_fusion, check_choice
from mmlib.fusion.modalities import in_order
from mmlib.models.encoders import PUBLISHED_INPUTS, EncoderName, Input, build_encoder
from mmlib.models.initialisation import published_initialisation
from mmlib.models.small import Norm
from mmlib.models.unimodal_heads import HeadsName, UnimodalHeads


class MultimodalClassifier(nn.Module):
    """Encoders, one per modality, a fusion of their features and, where given, a head on each feature.

    Args:
        encoders: module per modality, giving (B, C) or (B, T, C).
        fusion: what joins the features; its modalities must be the encoders'.
        heads: `UnimodalHeads` of the encoders' features, or None.
    """

    def __init__(self, encoders: Mapping[str, nn.Module], fusion: Fusion, heads: UnimodalHeads | None = None) -> None:
        super().__init__()
        self.encoders = nn.ModuleDict(encoders)
        self.fusion = fusion
        self.unimodal_heads = heads

    def forward(self, inputs: dict[str, Tensor], keep: Mapping[str, Tensor] | None = None) -> FusionOutput:
        """Classify a batch.

        Args:
            inputs: by modality, see `mmlib.models.encoders.Input` (with a batch dimension in front). A sequence may
                bring `<modality>_mask` (B, T) bool, the steps that count.
            keep: (B,) bool by modality, False for samples that drop it: their features become exactly zero, and no
                gradient reaches the encoder from them (the encoder still sees them: batch norms count them, and their
                inputs must be finite). None or empty keeps all.
        """
        missing = [modality for modality in self.encoders if modality not in inputs]
        if missing:
            raise UsageError(f"the classifier got no input for {', '.join(missing)}; it got {', '.join(inputs)}.")
        features = {}
        for modality, encoder in self.encoders.items():
            mask = inputs.get(f"{modality}_mask")
            features[modality] = encoder(inputs[modality]) if mask is None else encoder(inputs[modality], mask)
        output = self.fusion(features, keep)
        if self.unimodal_heads is not None:
            output.head_logits = self.unimodal_heads(output.features)
        return output

    def unimodal_logits(self, output: FusionOutput) -> dict[str, Tensor]:
        """Class scores (B, K) of each modality alone, without gradient; see `Fusion.unimodal_logits`."""
        return self.fusion.unimodal_logits(output)

    def modality_parameters(self, *, heads: bool = False) -> dict[str, list[nn.Parameter]]:
        """The parameters of each modality's encoder, with `heads` also of its own head: what a modulation changes."""
        groups = {modality: list(encoder.parameters()) for modality, encoder in self.encoders.items()}
        if heads and self.unimodal_heads is not None:
            for modality, head in self.unimodal_heads.heads.items():
                groups[modality] += head.parameters()
        return groups

    def start_epoch(self) -> None:
        """Tell the fusion that an epoch of training starts (SimAM² with `var_max="epoch"` takes notice)."""
        if self.fusion.simam2 is not None:
            self.fusion.simam2.start_epoch()


def build_classifier(
    encoder: EncoderName = "small",
    *,
    num_classes: int,
    inputs: Mapping[str, Input] = PUBLISHED_INPUTS,
    fusion: str = "concat",
    feature_channels: int = 64,
    width: int = 8,
    norm: Norm = "batch",
    simam: bool = False,
    unimodal_heads: HeadsName = "none",
    **fusion_options: Any,
) -> MultimodalClassifier:
    """The classifier of the audio-visual tables, or of other modalities, with the published initialisation.

    Weights are drawn from torch's global generator: encoders first (visual before audio, otherwise as given), then the
    fusion's own layers, then SimAM²'s, then the heads. Rows of a table with the same seed therefore start from the same
    encoders, and from the same projections and head with and without SimAM², which is what makes their differences
    paired.

    Args:
        encoder: of pictures and spectrograms: `small`, or `resnet18` as published.
        num_classes: K.
        inputs: what each modality is; colour frames and spectrograms unless given.
        fusion: sum, weighted_sum, concat, film or gated.
        feature_channels: size of the features (ResNet-18's is 512).
        width, norm: of the small encoders, see `SmallEncoder`.
        simam: SimAM on its own, on the last maps of each encoder that has maps.
        unimodal_heads: a head on each feature; `detached`: whose loss does not reach the encoders.
        **fusion_options: see `mmlib.fusion.build_fusion`.

    Raises:
        ParameterError: for an unknown name or value.
    """
    check_choice("encoder", encoder, EncoderName)
    check_choice("unimodal_heads", unimodal_heads, HeadsName)
    with torch.random.fork_rng(devices=[]):  # what the layers draw for themselves is overwritten, and must not count
        settings = {"feature_channels": feature_channels, "width": width, "norm": norm, "simam": simam}
        encoders = {name: build_encoder(inputs[name], encoder, **settings) for name in in_order(inputs)}
        channels = {modality: module.channels for modality, module in encoders.items()}
        heads = None
        if unimodal_heads != "none":
            heads = UnimodalHeads(channels, num_classes, detached=unimodal_heads == "detached")
        model = MultimodalClassifier(encoders, build_fusion(fusion, channels, num_classes, **fusion_options), heads)
    published_initialisation(model)
    return model
