"""The pre-activation ResNet-18 of IEMF, one per modality, as an ANN or as our SNN.

Paper says (IEMF, He et al., 2025): ResNet-18 encoders, as an ANN and as an SNN.
Published code does: not torchvision's network but a pre-activation one, trained from scratch. Stem: convolution 7 x 7,
    stride 2, batch norm, ReLU, max pooling. Eight blocks: norm, ReLU, convolution, norm, ReLU, convolution, plus the
    shortcut; where the shape changes the shortcut is norm, ReLU, convolution 1 x 1. Nothing after the sum, nor after
    the last stage: features are real numbers of either sign. It also builds a linear layer and thresholds that it
    never uses. Its "SNN" is this network with the same ReLU, run four times and averaged: it never spikes.
We do: the same network without the unused parts, 11,174,720 parameters for three channels and 11,168,448 for one; and
    our SNN, with a LIF neuron in place of every ReLU. Convolutions cost 1.785 G multiply-accumulates for a spectrogram
    of 257 x 188 and 1.814 G for a frame of 224 x 224.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from torch import Tensor, nn

from mmlib.models.encoder import MapEncoder
from mmlib.models.spiking import NeuronName, make_body, make_neuron

WIDTHS = (64, 128, 256, 512)
BLOCKS = 2  # per stage

Neuron = Callable[[], nn.Module]


class PreActBlock(nn.Module):
    """Two convolutions 3 x 3, each after norm and neuron, plus the shortcut: (N, in_channels, H, W) to (N, channels,
    H / stride, W / stride).
    """

    def __init__(self, in_channels: int, channels: int, stride: int, neuron: Neuron) -> None:
        super().__init__()
        self.norm1, self.neuron1 = nn.BatchNorm2d(in_channels), neuron()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, padding=1, bias=False)
        self.norm2, self.neuron2 = nn.BatchNorm2d(channels), neuron()
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.shortcut = nn.Sequential()
        if stride != 1 or in_channels != channels:
            projection = nn.Conv2d(in_channels, channels, 1, stride, bias=False)
            self.shortcut = nn.Sequential(nn.BatchNorm2d(in_channels), neuron(), projection)

    def forward(self, maps: Tensor) -> Tensor:
        inside = self.conv1(self.neuron1(self.norm1(maps)))
        return self.conv2(self.neuron2(self.norm2(inside))) + self.shortcut(maps)


class PreActResNet18Encoder(MapEncoder):
    """Features (B, 512) of spectrograms (B, in_channels, F, T') or frames (B, in_channels, T, H, W); see `MapEncoder`.

    Args:
        in_channels: 1 for spectrograms, 3 for frames (any number works).
        simam: gate the last maps with SimAM; of the SNN, their mean over the steps.
        neuron: `relu`, or `lif` for our SNN.
        time_steps: T of the SNN.
    """

    def __init__(
        self, in_channels: int, *, simam: bool = False, neuron: NeuronName = "relu", time_steps: int = 4
    ) -> None:
        layers: OrderedDict[str, nn.Module] = OrderedDict(
            conv1=nn.Conv2d(in_channels, WIDTHS[0], 7, stride=2, padding=3, bias=False),
            norm1=nn.BatchNorm2d(WIDTHS[0]),
            neuron1=make_neuron(neuron, time_steps, first=True),
            pool=nn.MaxPool2d(3, stride=2, padding=1),  # of spikes: whether any of them fired
        )
        before = WIDTHS[0]
        for number, channels in enumerate(WIDTHS, start=1):
            strides = [1 if number == 1 else 2] + [1] * (BLOCKS - 1)
            blocks = []
            for stride in strides:
                blocks.append(PreActBlock(before, channels, stride, lambda: make_neuron(neuron, time_steps)))
                before = channels
            layers[f"layer{number}"] = nn.Sequential(*blocks)
        super().__init__(make_body(nn.Sequential(layers), neuron, time_steps), in_channels, before, simam=simam)
