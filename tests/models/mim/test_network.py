"""The whole network: published sizes, fusions by hand, any number and kind of modalities, equal evaluations."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from mmlib.errors import UsageError
from mmlib.models.mim import MIM, SequenceUPN, StepEncoder, VectorFusion, VectorUPN
from mmlib.models.small import SmallEncoder
from mmlib.models.vector import VectorEncoder


def size(module):
    return sum(parameter.numel() for parameter in module.parameters())


class Maps(nn.Module):
    """(B, C, H, W), an encoder without a pooling of its own."""

    channels = 6

    def __init__(self):
        super().__init__()
        self.body = nn.Conv2d(1, 6, 3, padding=1)

    def forward(self, inputs):
        return self.body(inputs)


def mixed(outputs=3, **options):
    """A vector, a sequence of another size, and a map."""
    torch.manual_seed(0)
    encoders = {"vector": VectorEncoder(4, 6), "sequence": StepEncoder(3, 10, layers=1, heads=2), "map": Maps()}
    purifiers = {"vector": VectorUPN(6), "sequence": SequenceUPN(6, 5), "map": SequenceUPN(6, 12)}
    inputs = {"vector": torch.randn(4, 4), "sequence": torch.randn(4, 5, 3), "map": torch.randn(4, 1, 3, 4)}
    inputs["sequence"][0, 3:] = 0
    return MIM(encoders, 6, outputs, purifiers=purifiers, **options), inputs


class TestFusion:
    VECTORS = {"a": torch.tensor([[1.0, 2]]), "b": torch.tensor([[3.0, -1]]), "c": torch.tensor([[2.0, 0.5]])}

    def test_product(self):
        fusion = VectorFusion("abc", 2, 1)
        expected = fusion.output(torch.tanh(fusion.hidden(torch.tensor([[6.0, -1]]))))
        assert_close(fusion(self.VECTORS), expected)

    def test_sum(self):
        fusion = VectorFusion("abc", 2, 1, "sum")
        assert_close(fusion(self.VECTORS), fusion.output(torch.tensor([[6.0, 1.5]])))
        assert fusion.hidden is None

    def test_concat(self):
        fusion = VectorFusion("abc", 2, 1, "concat")
        joined = torch.tensor([[1.0, 2, 3, -1, 2, 0.5]])
        assert_close(fusion(self.VECTORS), fusion.output(torch.tanh(fusion.hidden(joined))))

    def test_published_sizes(self):
        published = {"product": 81 + 6_480, "sum": 81, "concat": 81 + 19_280}
        assert {name: size(VectorFusion("lav", 80, 1, name)) for name in published} == published


def test_size_of_the_published_network_without_text():
    """1,021,390 parameters without BERT; 184,320 of a convolution twice, 243 and a fusion's 19,280 are never used."""
    encoders = {"audio": StepEncoder(74), "visual": StepEncoder(47)}
    model = MIM(encoders, 80, 1, purifiers={name: SequenceUPN(80, 50) for name in encoders})
    text = 184_320 + 43_261 + 81  # the text convolution, its purification network, its head
    assert size(model) + text == 1_021_390 - 184_320 - 243 - 19_280


class TestAnyModalities:
    def test_vectors_sequences_and_maps(self):
        model, inputs = mixed()
        output = model(inputs)
        assert output.prediction.shape == (4, 3)
        assert {name: found.gate.shape for name, found in output.purified.items()} == {
            "vector": (4, 6),
            "sequence": (4, 5),
            "map": (4, 12),
        }
        assert not output.purified["sequence"].gate[0, 3:].any()
        output.prediction.sum().backward()
        assert all(p.grad is not None for p in model.encoders.parameters())

    @pytest.mark.parametrize("fusion", ["product", "sum", "concat"])
    def test_two_evaluations_are_equal(self, fusion):
        model, inputs = mixed(fusion=fusion)
        model.eval()
        one, two = model(inputs), model(inputs)
        assert torch.equal(one.prediction, two.prediction)
        assert all(torch.equal(one.purified[name].gate, two.purified[name].gate) for name in inputs)

    def test_noise_is_taken_by_modality(self):
        model, inputs = mixed()
        model.train()
        model.encoders.eval()
        closed = {"sequence": torch.full((4, 5), 1e-6), "map": torch.full((4, 12), 1e-6), "vector": torch.rand(4, 6)}
        output = model(inputs, closed)
        assert not output.purified["sequence"].gate.any()
        assert not output.purified["map"].gate.any()
        assert torch.equal(output.prediction, model(inputs, closed).prediction)

    def test_a_pooling_encoder_of_the_workbook_serves_too(self):
        encoders = {"image": SmallEncoder(1, 6), "vector": VectorEncoder(4, 6)}
        model = MIM(encoders, 6, 2, purifiers={"image": VectorUPN(6), "vector": VectorUPN(6)})
        output = model({"image": torch.randn(3, 1, 16, 16), "vector": torch.randn(3, 4)})
        assert output.prediction.shape == (3, 2)


class TestWithoutParts:
    def test_without_purification_the_fusion_sees_raw_vectors(self):
        encoders = {"a": VectorEncoder(4, 6), "b": VectorEncoder(3, 6)}
        model = MIM(encoders, 6, 1, heads=False)
        inputs = {"a": torch.randn(2, 4), "b": torch.randn(2, 3)}
        output = model(inputs)
        assert torch.equal(output.prediction, model.fusion(output.raw))
        assert not output.purified
        assert not output.raw_outputs
        assert not model.purification_parameters()

    def test_purifiers_of_other_modalities_are_refused(self):
        with pytest.raises(UsageError, match="purifiers of b for encoders of a"):
            MIM({"a": VectorEncoder(4, 6)}, 6, 1, purifiers={"b": VectorUPN(6)})


def test_heads_that_guidance_does_not_train():
    model, inputs = mixed(guided_heads=False)
    output = model(inputs)
    purified, raw = output.intra_outputs["vector"]
    assert torch.equal(raw, output.raw_outputs["vector"])
    (purified.sum() + raw.sum()).backward()
    assert all(p.grad is None for p in model.heads.parameters())
    assert model.encoders["vector"].body[0].weight.grad is not None
