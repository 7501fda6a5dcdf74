"""The class-incremental network: forms, growth, states, groups of parameters, types."""

from __future__ import annotations

import copy

import pytest
import torch
from torch.testing import assert_close

from mmlib.errors import ParameterError, UsageError
from mmlib.models.incremental import IncrementalAudioVisual, grown_linear

SIZES = {"audio_channels": 5, "visual_channels": 6, "feature_channels": 8}


def build(num_classes=4, seed=0, **options):
    torch.manual_seed(seed)
    return IncrementalAudioVisual(num_classes, **{**SIZES, **options})


def clips(count=7, dtype=torch.float32):
    generator = torch.Generator().manual_seed(1)
    audio = torch.randn(count, 5, generator=generator)
    return {"audio": audio.to(dtype), "visual": torch.randn(count, 3, 4, 6, generator=generator).to(dtype)}


@pytest.mark.parametrize("activation", ["none", "relu"])
def test_forms(activation):
    model, inputs = build(activation=activation), clips()
    found = model(inputs)
    pooled, _ = model.attention(inputs["audio"], inputs["visual"])
    act = torch.relu if activation == "relu" else lambda x: x
    audio, visual = act(model.project_audio(inputs["audio"])), act(model.project_visual(pooled))
    assert torch.equal(found.pooled, pooled)
    assert torch.equal(found.features["audio"], audio)
    assert torch.equal(found.features["visual"], visual)
    assert torch.equal(found.fused, audio + visual)
    assert torch.equal(found.logits, model.classifier(audio + visual))
    assert found.logits.shape == (7, 4)
    assert found.head_logits is None
    assert found.attention is None
    assert (found.features["audio"] < 0).any() == (activation == "none")


def test_one_visual_vector_per_clip_needs_no_attention():
    """The same as attention over a single token, whose weight is 1, without its parameters."""
    torch.manual_seed(0)
    plain, tokens = build(attention=False), build(activation="none")
    assert set(plain.state_dict()) == {name for name in tokens.state_dict() if not name.startswith("attention.")}
    tokens.load_state_dict({**tokens.state_dict(), **plain.state_dict()})
    inputs = clips()
    one = {**inputs, "visual": inputs["visual"][:, :1, :1]}
    found = plain({**inputs, "visual": inputs["visual"][:, 0, 0]}, attention_of=slice(None))
    torch.testing.assert_close(found.logits, tokens(one).logits)
    assert found.attention is None
    assert plain.modality_parameters()["visual"] == list(plain.project_visual.parameters())


def test_heads_are_left_out_of_the_pass_where_told():
    model, inputs = build(unimodal_heads="attached"), clips()
    assert model.may_leave_out
    assert not build().may_leave_out
    with_heads = model(inputs)
    model.heads_active = False
    without = model(inputs)
    assert set(with_heads.head_logits) == {"audio", "visual"}
    assert without.head_logits is None
    assert torch.equal(with_heads.logits, without.logits)


def test_the_scale_of_the_local_similarity_classifier_comes_with_the_output():
    model = build(classifier="local_similarity")
    assert model(clips()).scale is model.classifier.scale
    assert build()(clips()).scale is None


def test_published_size():
    def count(model):
        return sum(p.numel() for p in model.parameters())

    square = 768 * 768 + 768
    assert count(IncrementalAudioVisual(7)) == 4 * square + 7 * 769
    assert count(IncrementalAudioVisual(7, unimodal_heads="attached")) == 4 * square + 3 * 7 * 769
    assert count(IncrementalAudioVisual(7, classifier="local_similarity")) == 4 * square + 7 * 10 * 768 + 1


def test_attention_comes_for_the_rows_asked_for():
    model, inputs = build(), clips()
    found = model(inputs, attention_of=slice(4, None))
    assert found.attention.spatial.shape == (3, 3, 4, 6)
    assert found.attention.temporal.shape == (3, 3, 6)
    exemplars = model({name: value[4:] for name, value in inputs.items()}, attention_of=slice(None))
    assert_close(found.attention.spatial, exemplars.attention.spatial)
    assert_close(found.logits, model(inputs).logits)


@pytest.mark.parametrize("heads", ["none", "attached", "detached"])
@pytest.mark.parametrize("classifier", ["linear", "local_similarity"])
def test_growing_keeps_what_was_scored(heads, classifier):
    model, inputs = build(unimodal_heads=heads, classifier=classifier), clips()
    before = model(inputs)
    assert model.grow(3) is model
    after = model(inputs)
    assert model.num_classes == 7
    assert after.logits.shape == (7, 7)
    assert_close(after.logits[:, :4], before.logits)
    assert torch.equal(after.fused, before.fused)
    assert (after.head_logits is None) == (heads == "none")
    for modality, logits in (after.head_logits or {}).items():
        assert logits.shape == (7, 7)
        assert_close(logits[:, :4], before.head_logits[modality])
    twin = build(7, seed=5, unimodal_heads=heads, classifier=classifier)
    twin.load_state_dict(model.state_dict())
    assert torch.equal(twin(inputs).logits, after.logits)


def test_new_rows_are_drawn_as_torch_draws_a_layer():
    torch.manual_seed(3)
    layer = torch.nn.Linear(8, 4)
    state = torch.get_rng_state()
    grown = grown_linear(layer, 3)
    torch.set_rng_state(state)
    fresh = torch.nn.Linear(8, 7)
    assert torch.equal(grown.weight[:4], layer.weight)
    assert torch.equal(grown.bias[:4], layer.bias)
    assert torch.equal(grown.weight[4:], fresh.weight[4:])
    assert torch.equal(grown.bias[4:], fresh.bias[4:])
    assert grown.weight.requires_grad


def test_a_teacher_is_a_copy_that_growing_leaves_alone():
    model, inputs = build(classifier="local_similarity", unimodal_heads="attached"), clips()
    teacher = copy.deepcopy(model).requires_grad_(False).eval()
    before = teacher(inputs)
    model.grow(2)
    model(inputs).logits.sum().backward()
    assert torch.equal(teacher(inputs).logits, before.logits)
    assert all(p.grad is None for p in teacher.parameters())


def test_detached_heads_teach_the_features_nothing():
    for heads, taught in (("attached", True), ("detached", False)):
        model = build(unimodal_heads=heads)
        sum(logits.square().sum() for logits in model(clips()).head_logits.values()).backward()
        assert (model.project_audio.weight.grad is not None) is taught
        assert model.unimodal_heads.heads["visual"].weight.grad.ne(0).any()


def test_every_parameter_has_its_group():
    model = build(unimodal_heads="attached").grow(2)
    groups = model.modality_parameters(heads=True)
    named = [*groups["audio"], *groups["visual"], *model.mixing_parameters()]
    assert {id(p) for p in named} == {id(p) for p in model.parameters()}
    assert len(named) == len(list(model.parameters()))
    assert len(model.modality_parameters()["audio"]) == 4
    assert model.mixing_parameters()[0].shape == (6, 8)
    model(clips()).features["audio"].sum().backward()
    assert all(p.grad is None for p in model.modality_parameters()["visual"])


def test_scores_of_each_modality_alone_add_up():
    model = build()
    found = model(clips())
    alone = model.unimodal_logits(found)
    assert_close(alone["audio"] + alone["visual"], found.logits.detach())
    assert not alone["audio"].requires_grad
    similarity = build(classifier="local_similarity")
    found = similarity(clips())
    assert torch.equal(similarity.unimodal_logits(found)["visual"], similarity.classifier(found.features["visual"]))


def test_half_precision_input():
    model, halved = build(), clips(dtype=torch.float16)
    single = {name: value.float() for name, value in halved.items()}
    assert_close(model(halved).logits, model(single).logits, rtol=1e-6, atol=1e-6)


def test_misuse_is_refused():
    with pytest.raises(ParameterError, match="activation is 'tanh'"):
        build(activation="tanh")
    with pytest.raises(ParameterError, match="classifier is 'cosine'"):
        build(classifier="cosine")
    with pytest.raises(UsageError, match="no input for visual; it got audio"):
        build()({"audio": torch.zeros(1, 5)})
    with pytest.raises(UsageError, match="one class or more; got 0"):
        build().grow(0)
