"""A small convolutional encoder, for generated and small real data on a CPU. Not from a paper.

Three convolutions with stride 2 (the first may have more), each with normalisation and ReLU, then the average over
positions and frames. Its convolutions are 4-D parameters like ResNet's, so OGM treats both networks alike. As our SNN
it has a LIF neuron in place of each ReLU, and its features are the neurons' mean firing rates.
`norm="group"` and `"none"` keep no batch statistics: what such a network gives for a sample does not depend on the
rest of the batch.
"""

from __future__ import annotations

from typing import Literal, get_args

from torch import nn

from mmlib.errors import ParameterError
from mmlib.models.encoder import MapEncoder
from mmlib.models.spiking import NeuronName, make_body, make_neuron

Norm = Literal["batch", "group", "none"]


class SmallEncoder(MapEncoder):
    """Features (B, channels) of spectrograms (B, in_channels, F, T') or frames (B, in_channels, T, H, W).

    Args:
        in_channels: of the input: 1 or 3.
        channels: size of the features.
        width: channels of the first layer; the second has twice as many. They decide the cost: on one core, training
            on 4800 pairs of a 65 x 64 spectrogram and five 24 x 36 frames takes about 1.2 s with 8, 2.3 s with 16.
        norm: normalisation after each convolution.
        first_stride: stride of the first convolution; 4 for large inputs such as spectrograms.
        simam: gate the last maps with SimAM; of the SNN, their mean over the steps.
        neuron: `relu`, or `lif` for our SNN.
        time_steps: T of the SNN.

    Any input of at least 8 x 8 will do.
    """

    def __init__(
        self,
        in_channels: int,
        channels: int = 64,
        *,
        width: int = 8,
        norm: Norm = "batch",
        first_stride: int = 2,
        simam: bool = False,
        neuron: NeuronName = "relu",
        time_steps: int = 4,
    ) -> None:
        if channels < 2 or channels % 2 or width < 2 or width % 2:
            raise ParameterError(f"the small encoder needs even sizes; channels is {channels}, width {width}.")
        if norm not in get_args(Norm):
            raise ParameterError(f"norm is {norm!r}; choose one of {', '.join(map(repr, get_args(Norm)))}.")
        widths = (in_channels, width, 2 * width, channels)
        strides = (first_stride, 2, 2)
        layers = [
            _block(before, after, stride, norm, make_neuron(neuron, time_steps, first=place == 0))
            for place, (before, after, stride) in enumerate(zip(widths[:-1], widths[1:], strides, strict=True))
        ]
        body = make_body(nn.Sequential(*layers), neuron, time_steps)
        super().__init__(body, in_channels, channels, simam=simam)


def _block(in_channels: int, channels: int, stride: int, norm: Norm, neuron: nn.Module) -> nn.Sequential:
    kernel = 2 * (stride // 2) + 1  # 3 for stride 2, 5 for stride 4: every input position is seen
    convolution = nn.Conv2d(in_channels, channels, kernel, stride, padding=kernel // 2, bias=norm == "none")
    norms = {"batch": lambda: nn.BatchNorm2d(channels), "group": lambda: nn.GroupNorm(2, channels), "none": nn.Identity}
    return nn.Sequential(convolution, norms[norm](), neuron)
