"""The audio-visual classifier: an encoder per modality, then a fusion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn

from mmlib.errors import UsageError
from mmlib.fusion import Fusion, FusionOutput, build_fusion, check_choice
from mmlib.models.initialisation import published_initialisation
from mmlib.models.small import Norm, SmallEncoder

EncoderName = Literal["small", "resnet18"]


class AudioVisualClassifier(nn.Module):
    """Encoders, one per modality, and a fusion of their features.

    Args:
        encoders: module per modality, giving (B, C) or (B, T, C).
        fusion: what joins the features; its modalities must be the encoders'.
    """

    def __init__(self, encoders: Mapping[str, nn.Module], fusion: Fusion) -> None:
        super().__init__()
        self.encoders = nn.ModuleDict(encoders)
        self.fusion = fusion

    def forward(self, inputs: dict[str, Tensor]) -> FusionOutput:
        """Classify a batch: `audio` (B, 1, F, T'), `visual` (B, 3 or 1, T, H, W), float32."""
        missing = [modality for modality in self.encoders if modality not in inputs]
        if missing:
            raise UsageError(f"the classifier got no input for {', '.join(missing)}; it got {', '.join(inputs)}.")
        return self.fusion({modality: encoder(inputs[modality]) for modality, encoder in self.encoders.items()})

    def unimodal_logits(self, output: FusionOutput) -> dict[str, Tensor]:
        """Class scores (B, K) of each modality alone, without gradient; see `Fusion.unimodal_logits`."""
        return self.fusion.unimodal_logits(output)

    def modality_parameters(self) -> dict[str, list[nn.Parameter]]:
        """The parameters of each modality's encoder: the groups that a modulation changes."""
        return {modality: list(encoder.parameters()) for modality, encoder in self.encoders.items()}

    def start_epoch(self) -> None:
        """Tell the fusion that an epoch of training starts (SimAM² with `var_max="epoch"` takes notice)."""
        if self.fusion.simam2 is not None:
            self.fusion.simam2.start_epoch()


def build_classifier(
    encoder: EncoderName = "small",
    *,
    num_classes: int,
    fusion: str = "concat",
    feature_channels: int = 64,
    audio_channels: int = 1,
    visual_channels: int = 3,
    width: int = 8,
    norm: Norm = "batch",
    simam: bool = False,
    **fusion_options: Any,
) -> AudioVisualClassifier:
    """The classifier of the audio-visual tables, with the published initialisation.

    Weights are drawn from torch's global generator: encoders first, then the fusion's own layers, then SimAM²'s.
    Rows of a table with the same seed therefore start from the same encoders, and from the same projections and head
    with and without SimAM², which is what makes their differences paired.

    Args:
        encoder: `small`, or `resnet18` as published.
        num_classes: K.
        fusion: sum, weighted_sum, concat, film or gated.
        feature_channels: size of the small encoders' features (ResNet-18's is 512).
        audio_channels, visual_channels: channels of the inputs.
        width, norm: of the small encoders, see `SmallEncoder`.
        simam: SimAM on its own, on each encoder's last maps.
        **fusion_options: see `mmlib.fusion.build_fusion`.

    Raises:
        ParameterError: for an unknown name or value.
    """
    check_choice("encoder", encoder, EncoderName)
    with torch.random.fork_rng(devices=[]):  # what the layers draw for themselves is overwritten, and must not count
        if encoder == "small":
            visual = SmallEncoder(visual_channels, feature_channels, width=width, norm=norm, simam=simam)
            audio = SmallEncoder(audio_channels, feature_channels, width=width, norm=norm, first_stride=4, simam=simam)
        else:
            from mmlib.models.resnet import ResNet18Encoder  # torchvision takes a second to import

            visual = ResNet18Encoder(visual_channels, simam=simam)
            audio = ResNet18Encoder(audio_channels, simam=simam)
        channels = {"visual": visual.channels, "audio": audio.channels}
        model = AudioVisualClassifier(
            {"visual": visual, "audio": audio}, build_fusion(fusion, channels, num_classes, **fusion_options)
        )
    published_initialisation(model)
    return model
