"""The initialisation of the published networks (OGM-GE, IEMF), applied to a whole model over the layers' own."""

from __future__ import annotations

from typing import Literal

from torch import nn

NORMS = (nn.modules.batchnorm._BatchNorm, nn.GroupNorm, nn.LayerNorm)


def published_initialisation(module: nn.Module, linear: Literal["xavier", "torch"] = "xavier") -> None:
    """Initialise all layers of `module` in place, in the order in which they were registered.

    Linear: Xavier normal, bias 0 (OGM-GE); with `torch` as torch draws them (IEMF). Convolution: Kaiming normal over
    the fan-out, bias 0. Normalisation: weight 1, bias 0. Ours, for layers that the published networks do not have: 1-d
    convolutions as the others; embeddings standard normal, the row of the padding id 0. Draws from torch's global
    generator. Other parameters are left alone.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            if linear == "torch":
                layer.reset_parameters()
                continue
            nn.init.xavier_normal_(layer.weight)
        elif isinstance(layer, nn.Conv1d | nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(layer, nn.Embedding):
            nn.init.normal_(layer.weight)
            if layer.padding_idx is not None:
                nn.init.zeros_(layer.weight[layer.padding_idx])
            continue
        elif isinstance(layer, NORMS) and layer.weight is not None:
            nn.init.ones_(layer.weight)
        else:
            continue
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
