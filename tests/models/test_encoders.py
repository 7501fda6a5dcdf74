"""ResNet-18 and the small encoder: sizes, parameter counts, frames, initialisation."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from mmlib.errors import ParameterError, UsageError
from mmlib.fusion import SimAM
from mmlib.models import SmallEncoder, published_initialisation
from mmlib.models.resnet import ResNet18Encoder


@pytest.mark.parametrize(("channels", "count"), [(1, 11_170_240), (3, 11_176_512)])
def test_resnet_has_the_published_parameters(channels, count):
    parameters = list(ResNet18Encoder(channels).parameters())
    assert sum(p.numel() for p in parameters) == count
    assert len(parameters) == 60
    assert sum(p.dim() == 4 for p in parameters) == 20


@pytest.mark.parametrize(("size", "expected"), [((257, 188), (9, 6)), ((129, 626), (5, 20)), ((257, 299), (9, 10))])
def test_resnet_map_sizes(size, expected):
    encoder = ResNet18Encoder(1).eval()
    with torch.no_grad():
        assert encoder.maps(torch.zeros(1, 1, *size)).shape == (1, 512, *expected)


def test_resnet_frames():
    encoder = ResNet18Encoder(3).eval()
    frames = torch.randn(2, 3, 2, 64, 64)
    with torch.no_grad():
        features = encoder(frames)
        assert features.shape == (2, 512)
        each = torch.stack([encoder(frames[:, :, t]) for t in range(2)])
    assert_close(features, each.mean(dim=0))
    assert (features >= 0).all()


@pytest.mark.parametrize("norm", ["batch", "group", "none"])
@pytest.mark.parametrize(
    ("stride", "shape"),
    [(4, (3, 1, 65, 80)), (4, (3, 1, 17, 16)), (2, (3, 1, 5, 24, 36)), (2, (3, 3, 2, 8, 8)), (2, (3, 3, 1, 64, 48))],
)
def test_small_encoder_takes_spectrograms_and_frames(shape, stride, norm):
    encoder = SmallEncoder(shape[1], 16, norm=norm, first_stride=stride)
    features = encoder(torch.randn(shape))
    assert features.shape == (3, 16)
    features.sum().backward()
    assert all(p.grad is not None for p in encoder.parameters())
    assert sum(p.dim() == 4 for p in encoder.parameters()) == 3


@pytest.mark.parametrize("norm", ["group", "none"])
def test_small_encoder_without_batch_statistics_treats_samples_alone(norm):
    encoder = SmallEncoder(1, 16, norm=norm)
    inputs = torch.randn(4, 1, 20, 20)
    assert_close(encoder(inputs), torch.cat([encoder(x[None]) for x in inputs]))


@pytest.mark.parametrize("encoder", [SmallEncoder(1, 16), ResNet18Encoder(1)])
def test_simam_gates_the_maps(encoder):
    encoder.eval()
    inputs = torch.randn(2, 1, 65, 65)
    with torch.no_grad():
        plain = encoder.maps(inputs)
        encoder.attention = SimAM()
        assert_close(encoder(inputs), SimAM()(plain).mean(dim=(2, 3)))


def test_inputs_and_sizes_that_do_not_fit():
    with pytest.raises(UsageError, match=r"SmallEncoder\(1\) takes"):
        SmallEncoder(1)(torch.randn(2, 3, 8, 8))
    with pytest.raises(ParameterError, match="even sizes"):
        SmallEncoder(1, 7)
    with pytest.raises(ParameterError, match="norm is 'layer'"):
        SmallEncoder(1, norm="layer")


def test_published_initialisation():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(32, 64, 3), nn.BatchNorm2d(64), nn.Linear(300, 200))
    for parameter in model.parameters():
        nn.init.constant_(parameter, 7.0)
    published_initialisation(model)
    conv, norm, linear = model
    assert conv.weight.std().item() == pytest.approx((2 / (64 * 9)) ** 0.5, rel=0.05)
    assert linear.weight.std().item() == pytest.approx((2 / 500) ** 0.5, rel=0.05)
    assert conv.bias.abs().sum() == norm.bias.abs().sum() == linear.bias.abs().sum() == 0
    assert (norm.weight == 1).all()
