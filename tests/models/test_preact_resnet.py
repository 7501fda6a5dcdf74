"""The pre-activation ResNet-18: sizes, counts and block order as published, and what its convolutions cost."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from mmlib.models import build_classifier
from mmlib.models.operations import multiply_accumulates
from mmlib.models.preact_resnet import PreActBlock, PreActResNet18Encoder


def test_the_pair_has_the_published_parameters():
    """22.35 million for encoders and fusion of 6 classes, 22.37 million for 31."""
    counts = []
    for classes in (6, 31):
        model = build_classifier("preact_resnet18", num_classes=classes, fusion="concat")
        counts.append(sum(parameter.numel() for parameter in model.parameters()))
        assert all(parameter.requires_grad for parameter in model.parameters())
    assert [round(count / 1e6, 2) for count in counts] == [22.35, 22.37]
    assert counts == [11_168_448 + 11_174_720 + 1024 * classes + classes for classes in (6, 31)]


def test_of_one_encoder_20_tensors_are_what_ogm_changes():
    parameters = list(PreActResNet18Encoder(3).parameters())
    assert sum(parameter.dim() == 4 for parameter in parameters) == 20
    assert len(parameters) == 20 + 2 * 20  # a weight and a bias of each norm


@pytest.mark.parametrize(
    ("channels", "size", "maps", "giga"),
    [(1, (257, 188), (9, 6), 1.785), (3, (224, 224), (7, 7), 1.814)],
)
def test_map_sizes_and_multiply_accumulates_are_the_published_ones(channels, size, maps, giga):
    encoder = PreActResNet18Encoder(channels).eval()
    inputs = torch.zeros(1, channels, *size)
    with torch.no_grad():
        assert encoder.maps(inputs).shape == (1, 512, *maps)
    counts = multiply_accumulates(encoder, inputs)
    assert round(sum(counts.values()) / 1e9, 3) == giga
    assert len(counts) == 20
    assert counts["body.conv1"] == 64 * channels * 49 * ((size[0] + 1) // 2) * ((size[1] + 1) // 2)
    assert not encoder.training


def test_three_frames_cost_three_times_as_much():
    """Kinetics-Sounds with three frames 7.225, CREMA-D with one 3.598 G multiply-accumulates a sample."""
    audio = sum(multiply_accumulates(PreActResNet18Encoder(1), torch.zeros(1, 1, 257, 188)).values())
    visual = PreActResNet18Encoder(3)
    frames = [sum(multiply_accumulates(visual, torch.zeros(2, 3, count, 224, 224)).values()) for count in (1, 3)]
    assert [round((audio + count) / 1e9, 3) for count in frames] == [3.598, 7.225]
    assert visual.training


def test_a_block_is_norm_neuron_convolution_twice_plus_the_shortcut():
    torch.manual_seed(0)
    for channels, stride in ((4, 1), (6, 2)):
        block = PreActBlock(4, channels, stride, nn.ReLU)
        maps = torch.randn(3, 4, 8, 10)
        inside = block.conv1(block.norm1(maps).relu())
        straight = maps if stride == 1 else block.shortcut[2](block.shortcut[0](maps).relu())
        assert_close(block(maps), block.conv2(block.norm2(inside).relu()) + straight)
        assert block(maps).shape == (3, channels, 8 // stride, 10 // stride)
        assert len(block.shortcut) == (0 if stride == 1 else 3)


def test_nothing_follows_the_last_stage():
    torch.manual_seed(0)
    encoder = PreActResNet18Encoder(3)
    assert list(dict(encoder.body.named_children())) == [
        "conv1", "norm1", "neuron1", "pool", "layer1", "layer2", "layer3", "layer4"
    ]  # fmt: skip
    features = encoder(torch.randn(2, 3, 2, 40, 40))
    assert features.shape == (2, 512)
    assert (features < 0).any()


def test_initialisation():
    """Convolutions Kaiming over the fan-out, norms 1 and 0, linear layers as torch draws them: within 1/√inputs."""
    torch.manual_seed(0)
    model = build_classifier("preact_resnet18", num_classes=31, fusion="concat", unimodal_heads="attached")
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d):
            expected = (2 / (layer.out_channels * layer.kernel_size[0] ** 2)) ** 0.5
            assert layer.weight.std().item() == pytest.approx(expected, rel=0.05)
        elif isinstance(layer, nn.BatchNorm2d):
            assert (layer.weight == 1).all()
            assert (layer.bias == 0).all()
    linear = [layer for layer in model.modules() if isinstance(layer, nn.Linear)]
    assert len(linear) == 3
    for layer in linear:
        bound = layer.in_features**-0.5
        assert 0.95 * bound < layer.weight.abs().max().item() <= bound
        assert 0 < layer.bias.abs().max().item() <= bound


def test_the_same_seed_gives_the_same_weights():
    models = []
    for neuron in ("relu", "lif"):
        torch.manual_seed(5)
        models.append(build_classifier("preact_resnet18", num_classes=4, fusion="concat", neuron=neuron))
    for name, value in models[0].state_dict().items():
        assert torch.equal(value, models[1].state_dict()[name]), name
