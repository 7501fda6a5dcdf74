"""What encoders compute for one sample: multiply-accumulates of their convolutions, and what spikes make of them.

A convolution of an ANN multiplies each weight with every input it meets. Where inputs are spikes it only adds weights,
and only where there is a spike: a spike costs one synaptic operation, an accumulate, for each output that it reaches
(its fan-out). The first convolution of an SNN sees real inputs and multiplies like the ANN's.

Counted are the convolutions of the encoders, in both networks; norms, neurons, sums with shortcuts and what follows the
encoders are left out. Multiply-accumulates are those of dense arithmetic, zeros of the padding included. No spike comes
from the padding: were all neurons to fire at all T steps, their operations would come to a little less than T times the
ANN's number.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from mmlib.collectives import all_reduce_sum
from mmlib.errors import UsageError
from mmlib.models.lif import LIF


@dataclass(frozen=True)
class Activity:
    """What one spiking encoder did, mean over samples.

    Attributes:
        rates: (neuron layers,) spikes per neuron and step, in [0, 1].
        rate: the same over all neurons of the encoder.
        operations: (convolutions,) per sample: synaptic operations, of the first one multiply-accumulates.
        macs: (convolutions,) per sample: multiply-accumulates of the same network with ReLU.
    """

    rates: np.ndarray
    rate: float
    operations: np.ndarray
    macs: np.ndarray


def is_spiking(module: nn.Module) -> bool:
    """Whether there is a LIF neuron in it."""
    return any(isinstance(part, LIF) for part in module.modules())


def layer_names(encoder: nn.Module) -> tuple[list[str], list[str]]:
    """Names of an encoder's LIF layers and of its convolutions, as they were registered: in order of execution."""
    layers = list(encoder.named_modules())
    neurons = [name for name, layer in layers if isinstance(layer, LIF)]
    return neurons, [name for name, layer in layers if isinstance(layer, nn.Conv2d)]


def multiply_accumulates(encoder: nn.Module, inputs: Tensor) -> dict[str, int]:
    """Multiply-accumulates of each convolution for one sample, by name, of an encoder without spikes.

    Runs it once on inputs (B, ...), in evaluation mode and without gradients, and leaves it in the mode it was in.
    """
    counts: dict[str, int] = {}
    names = {layer: name for name, layer in encoder.named_modules() if isinstance(layer, nn.Conv2d)}

    def count(layer: nn.Conv2d, given: tuple[Tensor, ...], output: Tensor) -> None:
        counts[names[layer]] = macs_of(layer, output) // len(inputs)

    handles = [layer.register_forward_hook(count) for layer in names]
    training = encoder.training
    try:
        with torch.no_grad():
            encoder.eval()(inputs)
    finally:
        encoder.train(training)
        _remove(handles)
    return counts


def macs_of(convolution: nn.Conv2d, output: Tensor) -> int:
    """Multiply-accumulates for an output (N, C, h, w): each of its values takes one per weight of its filter."""
    return output.numel() * convolution.weight[0].numel()


class ActivityMeter:
    """Counts spikes and operations of spiking encoders, by modality, while it is entered.

        with ActivityMeter(model.encoders) as meter:
            ...  # run the model
        meter.activities()["audio"].rates

    Counts are exact. They stay on the device until `activities` is called, and nothing is kept in the encoders.
    """

    def __init__(self, encoders: Mapping[str, nn.Module]) -> None:
        self._counts = {modality: _Counts(encoder) for modality, encoder in encoders.items()}
        self._handles: list[Any] = []

    def __enter__(self) -> Self:
        self._handles = [handle for counts in self._counts.values() for handle in counts.watch()]
        return self

    def __exit__(self, *error: object) -> None:
        _remove(self._handles)

    def activities(self) -> dict[str, Activity]:
        """By modality, over the samples of all processes; every process calls it.

        Raises `UsageError` where no sample was seen.
        """
        return {modality: counts.activity() for modality, counts in self._counts.items()}


class _Counts:
    """Of one encoder, in one vector: spikes and neuron steps by layer, operations and MACs by convolution, samples."""

    def __init__(self, encoder: nn.Module) -> None:
        self.encoder = encoder
        layers = list(encoder.modules())
        self.neurons = [layer for layer in layers if isinstance(layer, LIF)]
        self.convolutions = [layer for layer in layers if isinstance(layer, nn.Conv2d)]
        size = 2 * len(self.neurons) + 2 * len(self.convolutions) + 1
        self.sums = torch.zeros(size, dtype=torch.float64, device=next(encoder.parameters()).device)
        ends = np.cumsum([len(self.neurons)] * 2 + [len(self.convolutions)] * 2)
        self.spikes, self.steps, self.operations, self.macs, self.samples = self.sums.tensor_split(ends.tolist())
        self.fan_outs: dict[tuple[nn.Conv2d, torch.Size], Tensor] = {}

    def watch(self) -> Iterable[Any]:
        yield self.encoder.register_forward_hook(self._sample)
        for place, layer in enumerate(self.neurons):
            yield layer.register_forward_hook(lambda _, given, output, place=place: self._neuron(place, output))
        for place, layer in enumerate(self.convolutions):
            yield layer.register_forward_hook(
                lambda layer, given, output, place=place: self._convolution(place, layer, given[0], output)
            )

    def _sample(self, encoder: nn.Module, given: tuple[Tensor, ...], output: Tensor) -> None:
        self.samples += len(given[0])

    def _neuron(self, place: int, spikes: Tensor) -> None:
        by_row = spikes.flatten(1).sum(dim=1, dtype=torch.float32)  # exact below 2^24 neurons
        self.spikes[place] += by_row.double().sum()
        self.steps[place] += spikes.numel()

    def _convolution(self, place: int, layer: nn.Conv2d, given: Tensor, output: Tensor) -> None:
        first = place == 0
        macs = macs_of(layer, output)
        self.macs[place] += macs if first else macs // self.neurons[0].time_steps
        if first:
            self.operations[place] += macs
            return
        key = layer, given.shape[2:]
        if key not in self.fan_outs:
            self.fan_outs[key] = fan_out(layer, given, output)
        spikes = given.sum(dim=(0, 1), dtype=torch.float32).double()  # (h, w), exact below 2^24 per position
        self.operations[place] += (spikes * self.fan_outs[key]).sum()

    def activity(self) -> Activity:
        sums = all_reduce_sum(self.sums).cpu()
        ends = np.cumsum([len(self.neurons)] * 2 + [len(self.convolutions)] * 2)
        spikes, steps, operations, macs, samples = (part.numpy() for part in sums.tensor_split(ends.tolist()))
        if not samples.item():
            raise UsageError("the meter saw no sample: run the encoders while it is entered, then ask for activities.")
        return Activity(spikes / steps, float(spikes.sum() / steps.sum()), operations / samples, macs / samples)


def fan_out(convolution: nn.Conv2d, given: Tensor, output: Tensor) -> Tensor:
    """Outputs that a spike at each position of the input (N, C, h, w) reaches, (h, w), float64."""
    reached = [
        _windows(size, count, kernel, stride, padding, dilation)
        for size, count, kernel, stride, padding, dilation in zip(
            given.shape[2:],
            output.shape[2:],
            convolution.kernel_size,
            convolution.stride,
            convolution.padding,
            convolution.dilation,
            strict=True,
        )
    ]
    counts = np.outer(*reached) * (convolution.out_channels // convolution.groups)
    return torch.as_tensor(counts, dtype=torch.float64, device=given.device)


def _windows(size: int, count: int, kernel: int, stride: int, padding: int, dilation: int) -> np.ndarray:
    """How many of `count` windows along one axis see each of its `size` positions, (size,)."""
    seen = (np.arange(count)[:, None] * stride - padding + np.arange(kernel) * dilation).ravel()
    return np.bincount(seen[(seen >= 0) & (seen < size)], minlength=size)


def _remove(handles: Iterable[Any]) -> None:
    for handle in handles:
        handle.remove()
