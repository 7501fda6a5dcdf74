"""The networks that spike: the ANN's twin, steps folded into the batch, and networks that train without dying."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from mmlib.errors import ParameterError
from mmlib.models import Input, SmallEncoder, build_classifier, build_encoder
from mmlib.models.lif import LIF
from mmlib.models.preact_resnet import PreActResNet18Encoder
from mmlib.models.spiking import OverTime

STEPS = 4


def small(**options):
    torch.manual_seed(0)
    return SmallEncoder(1, 16, **options)


def resnet(**options):
    torch.manual_seed(0)
    return PreActResNet18Encoder(1, **options)


ENCODERS = {"small": (small, (6, 1, 20, 24)), "preact_resnet18": (resnet, (3, 1, 33, 40))}
each_encoder = pytest.mark.parametrize("name", ENCODERS)


@each_encoder
def test_weights_and_their_names_are_the_anns(name):
    make, _ = ENCODERS[name]
    ann, snn = make(), make(neuron="lif", time_steps=3)
    assert snn.state_dict().keys() == ann.state_dict().keys()
    for key, value in ann.state_dict().items():
        assert torch.equal(value, snn.state_dict()[key]), key
    neurons = [layer for layer in snn.modules() if isinstance(layer, LIF)]
    assert len(neurons) == sum(isinstance(layer, nn.ReLU) for layer in ann.modules())
    assert all(neuron.time_steps == 3 for neuron in neurons)
    assert [neuron.constant for neuron in neurons] == [True] + [False] * (len(neurons) - 1)
    assert not any(isinstance(layer, nn.ReLU) for layer in snn.modules())


@each_encoder
@pytest.mark.parametrize("neuron", ["relu", "lif"])
def test_every_parameter_is_used(name, neuron):
    make, shape = ENCODERS[name]
    encoder = make(neuron=neuron)
    encoder(torch.randn(shape)).square().sum().backward()
    for key, parameter in encoder.named_parameters():
        assert parameter.grad is not None, key
        assert parameter.grad.abs().sum() > 0, key


class StepByStep(nn.Module):
    """A slow reference: all layers once per step, neurons that remember, their outputs averaged. Evaluation only."""

    def __init__(self, snn):
        super().__init__()
        self.snn = copy.deepcopy(snn).eval()
        self.potentials = {}
        for module in [m for m in self.snn.modules() if type(m).__name__ in ("Sequential", "OverTime", "PreActBlock")]:
            for key, layer in module.named_children():
                if isinstance(layer, LIF):
                    module.add_module(key, Remembering())
        self.layers = nn.Sequential(*self.snn.body.children())

    def forward(self, inputs):
        for module in self.modules():
            if isinstance(module, Remembering):
                module.u = 0.0
        return torch.stack([self.layers(inputs) for _ in range(STEPS)]).mean(dim=0).mean(dim=(2, 3))


class Remembering(nn.Module):
    def forward(self, x):
        v = self.u + (x - self.u) / 2
        spikes = (v > 0.5).to(x.dtype)
        self.u = v * (1 - spikes)
        return spikes


@each_encoder
def test_folded_steps_are_steps_one_after_another(name):
    make, shape = ENCODERS[name]
    snn = make(neuron="lif", time_steps=STEPS).double().train()
    inputs = torch.randn(shape, dtype=torch.float64)
    snn(inputs)  # running statistics that are not those of the start
    with torch.no_grad():
        assert_close(snn.eval()(inputs), StepByStep(snn)(inputs))


@each_encoder
def test_four_averaged_relu_passes_are_the_ann(name):
    """What the published "SNN" computes in training: outputs and gradients of the ANN, at four times the cost. Only the
    running statistics move faster: four updates by 0.1 are one by 1 - 0.9⁴.
    """
    make, shape = ENCODERS[name]
    inputs, weights = torch.randn(shape, dtype=torch.float64), torch.randn(shape[0], 1, dtype=torch.float64)
    once, often, folded = make().double(), make().double(), make().double()
    folded.body = FourReLUPasses(folded.body)
    outputs = [
        once(inputs),
        torch.stack([often(inputs) for _ in range(STEPS)]).mean(dim=0),
        folded(inputs),
    ]
    for output in outputs:
        (output * weights).sum().backward()
        assert_close(output, outputs[0])
    for (key, parameter), other, third in zip(
        once.named_parameters(), often.parameters(), folded.parameters(), strict=True
    ):
        assert_close(other.grad, parameter.grad, msg=key)
        assert_close(third.grad, parameter.grad, msg=key)
    norms = [next(m for m in encoder.modules() if isinstance(m, nn.BatchNorm2d)) for encoder in (once, often)]
    assert_close(norms[1].running_mean / norms[0].running_mean, torch.full_like(norms[0].running_mean, 3.439))


class FourReLUPasses(nn.Module):
    """The steps folded into the batch, with neurons that remember nothing."""

    def __init__(self, body):
        super().__init__()
        self.body = body

    def forward(self, inputs):
        return self.body(inputs.repeat(STEPS, 1, 1, 1)).unflatten(0, (STEPS, -1)).mean(dim=0)


@each_encoder
def test_frames_are_averaged_like_the_anns(name):
    make, (_, channels, height, width) = ENCODERS[name]
    snn = make(neuron="lif").eval()
    frames = torch.randn(2, channels, 3, height, width)
    with torch.no_grad():
        assert snn.maps(frames).shape[:3] == (2, 3, snn.channels)
        each = torch.stack([snn(frames[:, :, frame]) for frame in range(3)])
        assert_close(snn(frames), each.mean(dim=0))


@each_encoder
def test_a_sample_does_not_depend_on_the_batch_before(name):
    make, shape = ENCODERS[name]
    snn = make(neuron="lif").eval()
    inputs = torch.randn(shape)
    with torch.no_grad():
        first = snn(inputs)
        snn(torch.randn(shape) * 3)
        assert torch.equal(snn(inputs), first)


def test_features_of_the_small_network_are_firing_rates():
    features = small(neuron="lif")(torch.randn(8, 1, 20, 24))
    assert (features >= 0).all()
    assert (features <= 1).all()
    assert features.unique().numel() > 10


def test_one_step_fires_above_twice_the_threshold():
    snn = small(neuron="lif", time_steps=1, norm="none").eval()
    convolution = snn.body[0][0]
    nn.init.zeros_(convolution.weight)
    convolution.bias.data = torch.linspace(0.7, 1.4, 8)
    with torch.no_grad():
        spikes = snn.body[0](torch.zeros(1, 1, 20, 24))
    assert torch.equal(spikes[0, :, 0, 0], (convolution.bias / 2 > 0.5).float())


@pytest.mark.parametrize(
    ("kind", "encoder", "words"),
    [
        ("spectrogram", "resnet18", "encoder 'resnet18'"),
        ("vector", "small", "encoder of a vector"),
        ("tokens", "small", "encoder of a tokens"),
    ],
)
def test_what_cannot_spike_is_refused(kind, encoder, words):
    with pytest.raises(ParameterError, match=f"the {words} has no spiking form"):
        build_encoder(Input(kind, 4), encoder, neuron="lif")
    with pytest.raises(ParameterError, match="neuron is 'sigmoid'"):
        build_encoder(Input(kind, 4), encoder, neuron="sigmoid")


@pytest.mark.parametrize("encoder", ["small", "preact_resnet18"])
def test_the_classifier_builds_both(encoder):
    torch.manual_seed(0)
    model = build_classifier(encoder, num_classes=5, feature_channels=8, neuron="lif", time_steps=2, simam=True)
    bodies = [one.body for one in model.encoders.values()]
    assert all(isinstance(body, OverTime) and body.time_steps == 2 for body in bodies)
    inputs = {"audio": torch.randn(3, 1, 33, 32), "visual": torch.randn(3, 3, 2, 32, 32)}
    output = model(inputs)
    assert output.logits.shape == (3, 5)
    output.logits.square().sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
