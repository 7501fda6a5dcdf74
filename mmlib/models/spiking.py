"""The same network as an ANN or as our SNN: which neuron stands between its layers, and how many steps it runs.

Published (IEMF): the SNN is the ANN with every ReLU replaced by a LIF neuron; convolutions, normalisation and shortcuts
stay, the input is shown at each of T steps (direct encoding), and what comes out is averaged over the steps. (Its code
never builds it: `mmlib.models.lif`.) Ours: the steps are folded into the batch, so that batch norms see all steps of a
batch at once; the first convolution, which would give the same T times over, is computed once.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from mmlib.models.lif import LIF

NeuronName = Literal["relu", "lif"]


def make_neuron(neuron: NeuronName, time_steps: int, *, first: bool = False) -> nn.Module:
    """A ReLU in place, or a LIF neuron over T steps; the `first` of a network gets one current for all of them."""
    return nn.ReLU(inplace=True) if neuron == "relu" else LIF(time_steps, constant=first)


def make_body(layers: nn.Sequential, neuron: NeuronName, time_steps: int) -> nn.Sequential:
    """The layers themselves, or with LIF neurons their mean over the steps; names of weights are the same in both."""
    return layers if neuron == "relu" else OverTime(layers, time_steps)


class OverTime(nn.Sequential):
    """Layers whose first neuron spreads maps (N, ...) over T steps; their output (T·N, ...) averaged: (N, ...).

    Args:
        layers: with `LIF` neurons of `time_steps` steps among them.
        time_steps: T.
    """

    def __init__(self, layers: nn.Sequential, time_steps: int) -> None:
        super().__init__()
        for name, layer in layers.named_children():
            self.add_module(name, layer)
        self.time_steps = time_steps

    def forward(self, inputs: Tensor) -> Tensor:
        return super().forward(inputs).unflatten(0, (self.time_steps, -1)).mean(dim=0)
