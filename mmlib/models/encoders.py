"""Encoders by the kind of input: one name for each kind, so that a model can be built for any set of modalities.

Published (OGM-GE): frames and spectrograms through one ResNet-18 each. The other kinds are for further data sets:
optical flow goes through the networks of frames with two channels (Wei et al., CVPR 2024), vectors, sequences and
tokens through small networks of ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import nn

from mmlib.errors import ParameterError
from mmlib.fusion import check_choice
from mmlib.models.preact_resnet import PreActResNet18Encoder
from mmlib.models.sequence import SequenceEncoder, TokenEncoder
from mmlib.models.small import Norm, SmallEncoder
from mmlib.models.spiking import NeuronName
from mmlib.models.vector import VectorEncoder

EncoderName = Literal["small", "resnet18", "preact_resnet18"]
InputKind = Literal["frames", "image", "flow", "spectrogram", "vector", "sequence", "tokens"]


@dataclass(frozen=True)
class Input:
    """What an encoder gets to see, one sample without the batch dimension.

    ===========  ==================  ====================================
    kind         shape               size
    ===========  ==================  ====================================
    frames       (size, T, H, W)     channels: 3, or 1 for grey
    image        (size, H, W)        channels
    flow         (size, T, H, W)     channels: 2, horizontal and vertical
    spectrogram  (size, F, T)        channels: 1
    vector       (size,)             features
    sequence     (T, size)           features per step
    tokens       (T,) int64          ids, 0 (padding) included
    ===========  ==================  ====================================
    """

    kind: InputKind
    size: int

    def __post_init__(self) -> None:
        check_choice("kind of input", self.kind, InputKind)


PUBLISHED_INPUTS = {"visual": Input("frames", 3), "audio": Input("spectrogram", 1)}


def input_of(modality: str, shape: tuple[int, ...], vocabulary: int = 0) -> Input:
    """The input of a modality whose samples have this shape; with a `vocabulary`, tokens.

    Two kinds of pictures are told apart by name: three dimensions are a spectrogram for `audio`, four are optical flow
    for `flow`.
    """
    if vocabulary:
        return Input("tokens", vocabulary)
    if len(shape) == 4:
        return Input("flow" if modality == "flow" else "frames", shape[0])
    if len(shape) == 3:
        return Input("spectrogram" if modality == "audio" else "image", shape[0])
    return Input("vector", shape[0]) if len(shape) == 1 else Input("sequence", shape[-1])


def build_encoder(
    given: Input,
    encoder: EncoderName = "small",
    *,
    feature_channels: int = 64,
    width: int = 8,
    norm: Norm = "batch",
    simam: bool = False,
    neuron: NeuronName = "relu",
    time_steps: int = 4,
) -> nn.Module:
    """The encoder of one modality, giving (B, channels), with `channels` as an attribute.

    Args:
        given: the input.
        encoder: of pictures and spectrograms: `small`, or as published (512 channels) `resnet18` by OGM-GE and
            `preact_resnet18` by IEMF.
        feature_channels: size of all other features.
        width, norm, simam: of encoders of pictures and spectrograms, see `SmallEncoder`.
        neuron, time_steps: `lif` makes a spiking network of `small` and `preact_resnet18`.

    Raises `ParameterError` for an unknown name or value, and for LIF neurons where there is no spiking network.
    """
    check_choice("encoder", encoder, EncoderName)
    check_choice("neuron", neuron, NeuronName)
    if neuron == "lif" and (given.kind in ("vector", "sequence", "tokens") or encoder == "resnet18"):
        what = f"encoder {encoder!r}" if encoder == "resnet18" else f"encoder of a {given.kind}"
        raise ParameterError(
            f"neuron is 'lif', but the {what} has no spiking form; choose encoder 'small' or 'preact_resnet18', for "
            "pictures and spectrograms, or neuron 'relu'."
        )
    if given.kind == "vector":
        return VectorEncoder(given.size, feature_channels)
    if given.kind == "sequence":
        return SequenceEncoder(given.size, feature_channels)
    if given.kind == "tokens":
        return TokenEncoder(given.size, feature_channels)
    if encoder == "resnet18":
        from mmlib.models.resnet import ResNet18Encoder  # torchvision takes a second to import

        return ResNet18Encoder(given.size, simam=simam)
    spiking = {"neuron": neuron, "time_steps": time_steps}
    if encoder == "preact_resnet18":
        return PreActResNet18Encoder(given.size, simam=simam, **spiking)
    stride = 4 if given.kind == "spectrogram" else 2
    shape = {"width": width, "norm": norm, "first_stride": stride}
    return SmallEncoder(given.size, feature_channels, simam=simam, **shape, **spiking)
