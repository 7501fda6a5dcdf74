"""ResNet-18 without pooling and classifier, one per modality.

He et al., CVPR 2016, as used by OGM-GE (Peng et al., CVPR 2022) and SimAM² for CREMA-D and VGGSound.

Published code does: a copy of torchvision's network, trained from scratch; the first convolution takes 1 channel
    (spectrogram) or 3 (frames); frames are encoded one by one and averaged with the positions.
We do: the same with torchvision's own network. 11,170,240 parameters for audio and 11,176,512 for visual, each in 60
    tensors of which 20 are the 4-D ones that OGM changes.
"""

from __future__ import annotations

from collections import OrderedDict

from torch import nn
from torchvision.models import resnet18

from mmlib.models.encoder import MapEncoder


class ResNet18Encoder(MapEncoder):
    """Features (B, 512) of spectrograms (B, 1, F, T') or frames (B, 3, T, H, W); see `MapEncoder`.

    Args:
        in_channels: 1 for spectrograms, 3 for frames (any number works).
        simam: gate the last maps with SimAM.
    """

    def __init__(self, in_channels: int, *, simam: bool = False) -> None:
        network = resnet18(weights=None)
        layers = OrderedDict((name, layer) for name, layer in network.named_children() if name not in ("avgpool", "fc"))
        if in_channels != 3:
            layers["conv1"] = nn.Conv2d(in_channels, 64, kernel_size=7, stride=2, padding=3, bias=False)
        super().__init__(nn.Sequential(layers), in_channels, 512, simam=simam)
