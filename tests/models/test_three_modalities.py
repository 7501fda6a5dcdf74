"""A vector, a sequence and tokens through the classifier: every fusion, OGM-GE, dropped samples, saved weights."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

from mmlib.errors import ParameterError, UsageError
from mmlib.fusion import SimAM2Options
from mmlib.models import Input, build_classifier, input_of
from mmlib.models.sequence import SequenceEncoder, TokenEncoder
from mmlib.models.vector import VectorEncoder
from mmlib.modulation import build_modulation

INPUTS = {"sensor": Input("vector", 6), "motion": Input("sequence", 4), "text": Input("tokens", 20)}
FUSIONS = ["concat", "sum", "weighted_sum", "gated"]


def model_of(fusion="concat", seed=0, **options):
    torch.manual_seed(seed)
    return build_classifier(num_classes=3, inputs=INPUTS, fusion=fusion, feature_channels=8, **options)


def batch_of(size=12, seed=0):
    """Inputs and targets (B,); every modality says the class, the text most clearly."""
    generator = torch.Generator().manual_seed(seed)
    targets = torch.arange(size) % 3
    sensor = torch.randn(size, 6, generator=generator) + F.one_hot(targets, 6)
    motion = torch.randn(size, 5, 4, generator=generator) + F.one_hot(targets, 4)[:, None]
    text = torch.randint(4, 20, (size, 7), generator=generator)
    text[:, 0] = 1 + targets
    text[:, 5:] = 0  # padding
    return {"sensor": sensor, "motion": motion, "text": text}, targets


@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize("method", ["none", "ogm", "ogm_ge"])
def test_trains(fusion, method):
    model = model_of(fusion)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    groups = model.modality_parameters()
    modulation = build_modulation(method, groups, alpha=0.3, tensors="matrices").attach(optimizer)
    losses = []
    for step in range(30):
        inputs, targets = batch_of(48, seed=step)
        output = model(inputs)
        modulation.observe(unimodal_logits=model.unimodal_logits(output), zeta=output.zeta, targets=targets)
        loss = F.cross_entropy(output.logits, targets)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    assert set(modulation.coefficients) == set(INPUTS)
    assert sum(losses[-5:]) < 0.6 * sum(losses[:5])
    if method != "none":
        assert min(modulation.coefficients.values()) < 1
        assert max(modulation.coefficients.values()) == 1


@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize("dropped", INPUTS)
def test_no_gradient_reaches_a_dropped_encoder(fusion, dropped):
    model = model_of(fusion, simam2=SimAM2Options(fold=True) if fusion == "sum" else None)
    inputs, targets = batch_of()
    model(inputs, {dropped: torch.zeros(12, dtype=torch.bool)}).logits.square().sum().backward()
    for modality, parameters in model.modality_parameters().items():
        total = sum(p.grad.abs().sum() for p in parameters)  # every parameter has a gradient, zero or not
        assert (total == 0) == (modality == dropped)


@pytest.mark.parametrize("fusion", FUSIONS)
def test_a_batch_with_dropped_rows_gives_the_gradients_of_the_rest(fusion):
    """The dropped encoder learns from the kept rows as if there were no others."""
    inputs, _ = batch_of()
    kept = torch.arange(12) % 3 != 0
    mixed, alone = model_of(fusion, zeta_norm="none"), model_of(fusion, zeta_norm="none")
    mixed(inputs, {"text": kept}).logits[kept].square().sum().backward()
    alone({name: value[kept] for name, value in inputs.items()}).logits.square().sum().backward()
    for one, other in zip(mixed.encoders["text"].parameters(), alone.encoders["text"].parameters(), strict=True):
        assert_close(one.grad, other.grad)


@pytest.mark.parametrize("fusion", FUSIONS)
def test_saved_weights_give_the_same_scores(fusion):
    options = {"unimodal_heads": "attached"}
    model, other = model_of(fusion, **options), model_of(fusion, seed=1, **options)
    inputs, _ = batch_of()
    model(inputs)  # running statistics
    other.load_state_dict(model.state_dict())
    first, second = model.eval()(inputs), other.eval()(inputs)
    assert torch.equal(first.logits, second.logits)
    assert torch.equal(first.head_logits["text"], second.head_logits["text"])


def test_the_same_encoders_under_every_fusion():
    states = [model_of(fusion).state_dict() for fusion in FUSIONS]
    for name, value in states[0].items():
        if name.startswith("encoders"):
            assert all(torch.equal(value, state[name]) for state in states)
    assert model_of().fusion.modalities == tuple(INPUTS)


# The encoders.


def test_padding_changes_nothing():
    torch.manual_seed(0)
    inputs, _ = batch_of()
    encoder = TokenEncoder(20, 8)
    assert_close(encoder(inputs["text"]), encoder(inputs["text"][:, :5]))
    encoder = SequenceEncoder(4, 8)
    longer = torch.cat((inputs["motion"], torch.zeros(12, 3, 4)), dim=1)
    assert_close(encoder(longer), encoder(inputs["motion"]))
    mask = torch.arange(5) < 3
    masked = encoder(inputs["motion"], mask.expand(12, 5))
    assert_close(masked, encoder(inputs["motion"][:, :3]))
    assert torch.equal(encoder(torch.zeros(2, 5, 4)), torch.zeros(2, 8))


def test_the_classifier_hands_a_mask_to_its_encoder():
    model = model_of().eval()
    inputs, _ = batch_of()
    mask = (torch.arange(5) < 3).expand(12, 5)
    shorter = {**inputs, "motion": inputs["motion"][:, :3]}
    assert_close(model({**inputs, "motion_mask": mask}).logits, model(shorter).logits)


def test_order_counts_in_a_sequence():
    torch.manual_seed(0)
    encoder = TokenEncoder(20, 8)
    assert not torch.allclose(encoder(torch.tensor([[1, 2, 3, 4]])), encoder(torch.tensor([[4, 3, 2, 1]])))


def test_initialisation_of_embeddings_and_one_dimensional_convolutions():
    torch.manual_seed(0)
    model = build_classifier(num_classes=3, inputs={"text": Input("tokens", 400)}, feature_channels=64)
    embedding, conv = model.encoders["text"].embedding, model.encoders["text"].sequence.first
    assert (embedding.weight[0] == 0).all()
    assert embedding.weight[1:].std().item() == pytest.approx(1, rel=0.05)
    assert conv.weight.std().item() == pytest.approx((2 / (64 * 3)) ** 0.5, rel=0.05)
    assert (conv.bias == 0).all()


@pytest.mark.parametrize(
    ("modality", "shape", "vocabulary", "expected"),
    [
        ("visual", (3, 2, 24, 36), 0, Input("frames", 3)),
        ("flow", (2, 2, 24, 36), 0, Input("flow", 2)),
        ("audio", (1, 33, 32), 0, Input("spectrogram", 1)),
        ("image", (3, 24, 24), 0, Input("image", 3)),
        ("motion", (50, 74), 0, Input("sequence", 74)),
        ("sensor", (300,), 0, Input("vector", 300)),
        ("text", (50,), 93, Input("tokens", 93)),
    ],
)
def test_kinds_of_input(modality, shape, vocabulary, expected):
    found = input_of(modality, shape, vocabulary)
    assert found == expected
    model = build_classifier(num_classes=3, inputs={modality: found}, feature_channels=8)
    sample = torch.ones(2, *shape, dtype=torch.int64) if vocabulary else torch.rand(2, *shape)
    assert model({modality: sample}).logits.shape == (2, 3)


def test_flow_through_the_published_network():
    model = build_classifier(
        "resnet18", num_classes=101, inputs={"visual": Input("frames", 3), "flow": Input("flow", 2)}
    )
    assert sum(p.numel() for p in model.encoders["flow"].parameters()) == 11_173_376
    assert sum(p.numel() for p in model.parameters()) == 22_453_413


def test_mistakes():
    with pytest.raises(ParameterError, match="kind of input is 'video'.*'tokens'"):
        Input("video", 3)
    with pytest.raises(UsageError, match="integer ids"):
        TokenEncoder(5)(torch.rand(2, 3))
    with pytest.raises(UsageError, match=r"VectorEncoder\(4\) takes \(B, 4\)"):
        VectorEncoder(4)(torch.rand(2, 3))
    with pytest.raises(UsageError, match=r"takes \(B, T, 4\)"):
        SequenceEncoder(4)(torch.rand(2, 3))
    with pytest.raises(UsageError, match="mask has the shape"):
        SequenceEncoder(4)(torch.rand(2, 3, 4), torch.ones(2, 4, dtype=torch.bool))
    inputs, _ = batch_of()
    with pytest.raises(UsageError, match="keep mask names 'audio'"):
        model_of()(inputs, {"audio": torch.ones(12, dtype=torch.bool)})
