"""MIM's encoder of sequences: published sizes and position table, padding, initialisation."""

from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from mmlib.errors import ParameterError, UsageError
from mmlib.models.mim.encoder import StepEncoder, TransformerLayer, WordEncoder, sinusoids


def size(module):
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize(
    ("inputs", "whole", "convolution"),
    [(74, 251_440, 17_760), (47, 244_960, 11_280), (35, 242_080, 8_400)],
)
def test_published_sizes(inputs, whole, convolution):
    encoder = StepEncoder(inputs)
    assert (size(encoder), size(encoder.convolution)) == (whole, convolution)
    assert size(encoder) - size(encoder.convolution) == 3 * 77_840 + 160
    assert size(TransformerLayer(80)) == 77_840


class TestPositions:
    def test_eight_channels(self):
        table = sinusoids(2, 8)
        assert not table[0].any()
        expected = [0.841471, 0.0463992, 0.00215443, 0.0001, 0.540302, 0.998923, 0.999998, 1]
        assert_close(table[1], torch.tensor(expected), atol=1e-6, rtol=1e-4)

    def test_eighty_channels(self):
        table = sinusoids(51, 80)
        assert_close(table[1, :3], torch.tensor([0.841471, 0.710109, 0.583921]), atol=1e-6, rtol=1e-5)
        assert_close(table[1, 40:43], torch.tensor([0.540302, 0.704092, 0.811810]), atol=1e-6, rtol=1e-5)
        assert_close(table[50, [0, 40]], torch.tensor([-0.262375, 0.964966]), atol=1e-5, rtol=1e-4)

    def test_an_odd_size_ends_with_a_column_of_zeros(self):
        assert not sinusoids(4, 5)[:, 4].any()


class TestPadding:
    def test_a_mask_keeps_padding_out_and_zero(self):
        torch.manual_seed(0)
        encoder = StepEncoder(5, 10).eval()
        inputs = torch.randn(2, 6, 5)
        inputs[0, 4:] = 0
        mask = encoder.mask_of(inputs)
        found = encoder(inputs, mask)
        assert not found[0, 4:].any()
        assert_close(found[0, :4], encoder(inputs[:1, :4])[0], atol=1e-5, rtol=1e-4)

    def test_without_a_mask_it_takes_part_as_published(self):
        torch.manual_seed(0)
        encoder = StepEncoder(5, 10).eval()
        inputs = torch.randn(1, 6, 5)
        inputs[0, 4:] = 0
        assert (encoder(inputs)[0, :4] - encoder(inputs[:, :4])[0]).abs().max() > 1e-3

    def test_an_empty_sequence_is_zero_and_finite(self):
        encoder = StepEncoder(5, 10)
        inputs = torch.zeros(2, 6, 5)
        found = encoder(inputs, encoder.mask_of(inputs))
        assert not found.any()
        found.sum().backward()
        assert all(torch.isfinite(p.grad).all() for p in encoder.parameters() if p.grad is not None)


def test_initialisation_is_that_of_the_published_layers():
    layer = TransformerLayer(80)
    bound = (6 / (80 + 240)) ** 0.5  # one matrix for queries, keys and values
    assert 0.95 * bound < layer.queries_keys_values.weight.abs().max() <= bound
    assert not layer.queries_keys_values.bias.any()
    assert not layer.second.bias.any()


def test_words_are_vectors_and_padding_stays_zero():
    encoder = WordEncoder(20, 6, 10, layers=1, heads=2).eval()
    tokens = torch.tensor([[3, 4, 0, 0], [1, 2, 3, 4]])
    found = encoder(tokens, encoder.mask_of(tokens))
    assert found.shape == (2, 4, 10)
    assert not found[0, 2:].any()


def test_wrong_shapes():
    with pytest.raises(UsageError, match=r"StepEncoder\(5\) takes \(B, T, 5\)"):
        StepEncoder(5, 10)(torch.zeros(2, 3, 4))
    with pytest.raises(ParameterError, match="shared among 3 heads"):
        TransformerLayer(10, 3)
