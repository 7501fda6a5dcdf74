"""Firing rates and operations: against counts worked out by hand and by brute force."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
import pytest
import torch
from torch import nn

from mmlib.errors import UsageError
from mmlib.models import SmallEncoder
from mmlib.models.encoder import MapEncoder
from mmlib.models.lif import LIF
from mmlib.models.operations import ActivityMeter, fan_out, is_spiking, layer_names, multiply_accumulates
from mmlib.models.preact_resnet import PreActResNet18Encoder
from mmlib.models.spiking import OverTime


def brute_force(convolution, spikes):
    """Accumulates of a convolution of spikes: what it gives if every weight is 1, summed."""
    ones = nn.Conv2d(
        convolution.in_channels,
        convolution.out_channels,
        convolution.kernel_size,
        convolution.stride,
        convolution.padding,
        bias=False,
    ).double()
    nn.init.ones_(ones.weight)
    return ones(spikes.double()).sum().item()


@pytest.mark.parametrize("size", [(7, 9), (8, 5)])
@pytest.mark.parametrize(("kernel", "stride", "padding"), [(3, 1, 1), (3, 2, 1), (1, 2, 0), (5, 4, 2), (7, 2, 3)])
def test_fan_out_counts_the_outputs_that_a_spike_reaches(kernel, stride, padding, size):
    convolution = nn.Conv2d(2, 6, kernel, stride, padding)
    spikes = (torch.rand(3, 2, *size) < 0.3).float()
    reached = fan_out(convolution, spikes, convolution(spikes))
    assert (spikes.sum(dim=(0, 1)) * reached).sum().item() == brute_force(convolution, spikes)


def test_fan_out_by_hand():
    """Three positions in a row, kernel 3, stride 1: the ends are seen by two windows, the middle by three."""
    convolution = nn.Conv2d(1, 10, (1, 3), padding=(0, 1))
    given = torch.zeros(1, 1, 1, 3)
    assert fan_out(convolution, given, convolution(given)).tolist() == [[20.0, 30.0, 20.0]]


def test_multiply_accumulates_by_hand():
    """3 x 4 outputs of 5 channels, each from 2 channels of 3 x 3, for one map; two frames are two maps."""
    encoder = MapEncoder(nn.Sequential(nn.Conv2d(2, 5, 3, stride=2, padding=1)), 2, 5)
    assert multiply_accumulates(encoder, torch.zeros(4, 2, 6, 8)) == {"body.0": 3 * 4 * 5 * 2 * 9}
    assert multiply_accumulates(encoder, torch.zeros(4, 2, 2, 6, 8)) == {"body.0": 2 * 3 * 4 * 5 * 2 * 9}


def tiny(bias):
    """One input position; a neuron per channel whose constant current is its bias; then a convolution 1 x 1."""
    first, second = nn.Conv2d(1, len(bias), 1), nn.Conv2d(len(bias), 7, 1)
    nn.init.zeros_(first.weight)
    first.bias.data = torch.tensor(bias)
    layers = OrderedDict(conv1=first, neuron1=LIF(4, constant=True), conv2=second, neuron2=LIF(4))
    return MapEncoder(OverTime(nn.Sequential(layers), 4), 1, 7)


def test_rates_and_operations_by_hand():
    """Currents 0.8, 0 and 1.2 for four steps: two spikes, none and four, so 6 of 12, each reaching 7 outputs."""
    encoder = tiny([0.8, 0.0, 1.2])
    with torch.no_grad(), ActivityMeter({"sound": encoder}) as meter:
        encoder(torch.zeros(5, 1, 1, 1))
        encoder(torch.zeros(3, 1, 1, 1))
    activity = meter.activities()["sound"]
    assert activity.rates[0] == 6 / 12
    assert activity.operations.tolist() == [3.0, 6 * 7]
    assert activity.macs.tolist() == [3.0, 3 * 7]
    assert activity.rate == pytest.approx((6 + 28 * activity.rates[1]) / (12 + 28))


@pytest.mark.parametrize(
    ("encoder", "shape"),
    [
        (SmallEncoder(1, 16, neuron="lif", first_stride=4), (6, 1, 33, 40)),
        (SmallEncoder(3, 16, neuron="lif", time_steps=2), (3, 3, 2, 16, 20)),
        (PreActResNet18Encoder(1, neuron="lif"), (2, 1, 33, 40)),
    ],
    ids=["small", "frames", "resnet"],
)
def test_equals_brute_force_and_the_anns_count(encoder, shape):
    inputs, seen = torch.randn(shape), {}
    names = {layer: name for name, layer in encoder.named_modules()}
    encoder(inputs)

    def see(layer, given, output):
        seen[names[layer]] = (given[0].detach(), output.detach())

    handles = [layer.register_forward_hook(see) for layer in names if isinstance(layer, nn.Conv2d | LIF)]
    with torch.no_grad(), ActivityMeter({"one": encoder}) as meter:
        encoder.eval()(inputs)
    for handle in handles:
        handle.remove()
    activity = meter.activities()["one"]
    neurons, convolutions = layer_names(encoder)
    np.testing.assert_allclose(activity.rates, [seen[name][1].mean().item() for name in neurons], rtol=1e-6)
    for name, operations in zip(convolutions[1:], activity.operations[1:], strict=True):
        assert set(seen[name][0].unique().tolist()) <= {0.0, 1.0}, "all but the first see spikes"
        assert operations == brute_force(encoder.get_submodule(name), seen[name][0]) / shape[0]
    ann = type(encoder)(
        shape[1],
        **({"channels": 16, "first_stride": 4 if shape[-1] == 40 else 2} if "Small" in type(encoder).__name__ else {}),
    )
    assert activity.macs.tolist() == list(multiply_accumulates(ann, inputs).values())
    assert activity.operations[0] == activity.macs[0]


def test_all_neurons_firing_cost_a_little_less_than_t_times_the_ann():
    encoder = SmallEncoder(1, 16, neuron="lif", norm="none")
    for layer in encoder.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.zeros_(layer.weight)
            nn.init.constant_(layer.bias, 5.0)
    with torch.no_grad(), ActivityMeter({"one": encoder}) as meter:
        encoder(torch.zeros(2, 1, 40, 40))
    activity = meter.activities()["one"]
    assert activity.rates.tolist() == [1, 1, 1]
    assert activity.rate == 1
    ratio = activity.operations[1:] / activity.macs[1:]
    assert (ratio > 3.4).all()
    assert (ratio < 4).all()


def test_the_meter_leaves_nothing_behind():
    encoder = tiny([0.8])
    with pytest.raises(ZeroDivisionError), ActivityMeter({"one": encoder}):
        raise ZeroDivisionError
    assert not any(layer._forward_hooks for layer in encoder.modules())
    with ActivityMeter({"one": encoder}) as meter:
        pass
    with pytest.raises(UsageError, match="saw no sample"):
        meter.activities()


def test_counts_are_exact_in_short_numbers():
    encoder = SmallEncoder(1, 16, neuron="lif")
    inputs = torch.randn(4, 1, 64, 64)
    encoder(inputs)
    encoder.eval()
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16), ActivityMeter({"one": encoder}) as meter:
        encoder(inputs)
    activity = meter.activities()["one"]
    counts = activity.operations[1:] * 4
    assert (counts == counts.round()).all()
    assert counts.max() > 4096  # bfloat16 cannot count as far


def test_what_spikes():
    assert is_spiking(tiny([0.8]))
    assert not is_spiking(SmallEncoder(1, 16))
    assert layer_names(tiny([0.8])) == (["body.neuron1", "body.neuron2"], ["body.conv1", "body.conv2"])
