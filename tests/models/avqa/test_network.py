"""Both networks whole: published shapes, any size of batch, what is absent, what IEMF finds in them."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from mmlib.errors import UsageError
from mmlib.models.avqa import AVQA, Grounding, PlainSeconds, QuestionEncoder, TemporalAttention

VOCABULARY, ANSWERS, SECONDS, CHANNELS = 20, 7, 4, 16
SIZES = {"audio": 6, "visual": 16}


def network(kind="baseline", seen=("audio", "visual"), channels=CHANNELS, sizes=SIZES, **options) -> AVQA:
    torch.manual_seed(0)
    sizes = {name: sizes[name] for name in seen}
    seconds = (Grounding if kind == "avst" else PlainSeconds)(sizes, channels) if seen else None
    options = {"add_mean": kind == "avst", **options}
    return AVQA(seconds, VOCABULARY, channels, ANSWERS, **options)


def batch(rows=5, dtype=torch.float32, other=False):
    generator = torch.Generator().manual_seed(1)
    inputs = {
        "audio": torch.randn(rows, SECONDS, 6, generator=generator, dtype=dtype),
        "visual": torch.randn(rows, SECONDS, 16, 3, 2, generator=generator, dtype=dtype),
        "question": torch.randint(0, VOCABULARY, (rows, 9), generator=generator),
    }
    if other:
        inputs["other"] = torch.randn(rows, SECONDS, 16, 3, 2, generator=generator, dtype=dtype)
    return inputs


@pytest.mark.parametrize("kind", ["baseline", "avst"])
def test_shapes_of_the_published_networks(kind):
    """512 channels, 93 words, 42 answers, ten seconds, maps of 14 x 14."""
    torch.manual_seed(0)
    sizes = {"audio": 128, "visual": 512}
    seconds = (Grounding if kind == "avst" else PlainSeconds)(sizes, 512)
    model = AVQA(seconds, 93, 512, 42, add_mean=kind == "avst", unimodal_heads="attached")
    inputs = {
        "audio": torch.randn(2, 10, 128),
        "visual": torch.randn(2, 10, 512, 14, 14, dtype=torch.float32).half(),
        "question": torch.randint(93, (2, 14)),
    }
    inputs |= {"other": inputs["visual"].flip(0)} if kind == "avst" else {}
    output = model(inputs)
    assert output.logits.shape == (2, 42)
    assert {name: value.shape for name, value in output.attention.items()} == dict.fromkeys(
        ("audio", "visual"), (2, 10)
    )
    assert {name: head.weight.shape for name, head in model.heads.heads.items()} == dict.fromkeys(
        ("audio", "visual"), (42, 512)
    )
    assert model.fusion.weight.shape == (512, 1024)
    assert model.encoder.projection.weight.shape == (512, 1024)
    if kind == "avst":
        assert output.picture.shape == (2, 10, 196)
        assert output.match["wrong"].flatten(0, 1).shape == (20, 2)
        assert model.seconds.combine.weight.shape == (512, 1024)
    else:
        assert output.picture is output.match is None


@pytest.mark.parametrize(
    ("kind", "seen", "options"),
    [
        ("baseline", ("audio", "visual"), {}),
        ("baseline", ("audio", "visual"), {"tanh": False, "unimodal_heads": "attached", "seconds_coded": SECONDS}),
        ("baseline", ("audio", "visual"), {"pooling": "mean"}),
        ("baseline", ("audio",), {}),
        ("baseline", ("visual",), {}),
        ("baseline", (), {}),
        ("avst", ("audio", "visual"), {"unimodal_heads": "detached"}),
    ],
)
def test_answers_do_not_depend_on_the_size_of_a_batch(kind, seen, options):
    """Published code squeezes, and must evaluate one question at a time."""
    model = network(kind, seen, **options).eval()
    inputs = batch(64)
    with torch.no_grad():
        whole = model(inputs)
        for size in (1, 7):
            parts = [
                model({name: value[start : start + size] for name, value in inputs.items()})
                for start in range(0, 64, size)
            ]
            logits = torch.cat([part.logits for part in parts])
            assert_close(logits, whole.logits, rtol=1e-4, atol=1e-5)
            assert torch.equal(logits.argmax(dim=1), whole.logits.argmax(dim=1))
            for name in seen:
                assert_close(torch.cat([part.attention[name] for part in parts]), whole.attention[name])


def test_question_by_hand():
    """Embedding, tanh, LSTM over all tokens, (h, c), tanh, linear: its equations written out."""
    torch.manual_seed(0)
    encoder = QuestionEncoder(6, 3).double()
    tokens = torch.tensor([[2, 5, 0, 0]])
    lstm, (h, c) = encoder.lstm, (torch.zeros(3, dtype=torch.float64), torch.zeros(3, dtype=torch.float64))
    for token in tokens[0]:  # the pads too
        x = torch.tanh(encoder.words.weight[token])
        i, f, g, o = (lstm.weight_ih_l0 @ x + lstm.bias_ih_l0 + lstm.weight_hh_l0 @ h + lstm.bias_hh_l0).chunk(4)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
    expected = encoder.projection(torch.tanh(torch.cat([h, c])))
    assert_close(encoder(tokens)[0], expected)
    assert not torch.allclose(encoder(tokens), encoder(tokens[:, :2]))


def test_attention_by_hand():
    """One head, identity projections: softmax of the scaled products; then the residual around the layers alone."""
    module = TemporalAttention(2, heads=1, dropout=0.0).double()
    with torch.no_grad():
        module.attention.in_proj_weight.copy_(torch.eye(2).repeat(3, 1))
        module.attention.out_proj.weight.copy_(torch.eye(2))
        for bias in (
            module.attention.in_proj_bias,
            module.attention.out_proj.bias,
            module.first.bias,
            module.second.bias,
        ):
            bias.zero_()
        module.first.weight.copy_(torch.eye(2))
        module.second.weight.copy_(2 * torch.eye(2))
    query, steps = torch.tensor([[1.0, 2.0]]).double(), torch.tensor([[[1.0, 0.0], [0.0, 1.0], [-1.0, 0.5]]]).double()
    found, weights = module(query, steps)
    expected = (steps[0] @ query[0] / 2**0.5).softmax(dim=0)
    assert_close(weights[0], expected)
    x = expected @ steps[0]
    assert_close(found[0], nn.functional.layer_norm(x + 2 * x.clamp(min=0), (2,)))


def test_answer_by_hand_with_and_without_tanh():
    for tanh in (True, False):
        model = network(tanh=tanh).eval()
        output = model(batch())
        t = torch.tanh if tanh else lambda values: values
        joined = torch.cat([output.features["audio"], output.features["visual"]], dim=1)  # sound first, as published
        mixed = (t(joined) @ model.fusion.weight.T + model.fusion.bias) * output.question
        assert_close(output.logits, t(mixed) @ model.answer.weight.T + model.answer.bias)


class TestAbsent:
    """What a network does not see has no part in it."""

    def test_it_has_no_layers_and_no_place(self):
        model = network(seen=("audio",))
        assert model.seconds.visual is None
        assert model.fusion.in_features == CHANNELS
        assert set(model.attention) == {"audio"}

    @pytest.mark.parametrize(("seen", "absent"), [(("audio",), "visual"), (("visual",), "audio"), ((), "audio")])
    def test_its_input_changes_nothing_and_need_not_be_there(self, seen, absent):
        model, inputs = network(seen=seen).eval(), batch()
        expected = model(inputs).logits
        assert torch.equal(model({**inputs, absent: torch.full_like(inputs[absent], torch.nan)}).logits, expected)
        assert torch.equal(model({name: value for name, value in inputs.items() if name != absent}).logits, expected)

    def test_the_question_alone_is_answered_by_its_vector(self):
        model, inputs = network(seen=()), batch()
        output = model.eval()(inputs)
        assert_close(output.logits, model.answer(torch.tanh(output.question)))
        assert model.unimodal_logits(output) == {}
        assert model.mixing_parameters() == []

    def test_heads_of_nothing_are_refused(self):
        with pytest.raises(UsageError, match="the question alone"):
            network(seen=(), unimodal_heads="attached")


class TestIEMF:
    def test_heads_see_each_modality_times_the_question(self):
        model = network("avst", unimodal_heads="attached").eval()
        output = model(batch())
        for name in ("audio", "visual"):
            assert_close(output.head_logits[name], model.heads.heads[name](output.features[name] * output.question))

    def test_detached_heads_train_nothing_else(self):
        model = network(unimodal_heads="detached")
        sum(value.sum() for value in model(batch()).head_logits.values()).backward()
        reached = {name.split(".")[0] for name, p in model.named_parameters() if p.grad is not None}
        assert reached == {"heads"}

    def test_one_modality_alone_is_the_answer_with_the_other_at_zero(self):
        model = network(tanh=False).eval()
        output = model(batch())
        alone = model.unimodal_logits(output)
        left = model.fusion.weight[:, :CHANNELS]
        mixed = (output.features["audio"] @ left.T + model.fusion.bias) * output.question
        assert_close(alone["audio"], model.answer(mixed))

    def test_the_layer_that_mixes_is_the_fusion(self):
        model = network()
        assert [p.shape for p in model.mixing_parameters()] == [(CHANNELS, 2 * CHANNELS), (CHANNELS,)]
        assert len(model.fusion_parameters()) == 4


def test_avst_adds_the_mean_over_seconds():
    model = network("avst").eval()
    inputs = batch()
    output, seconds = model(inputs), model.seconds(inputs)
    for name in ("audio", "visual"):
        attended, _ = model.attention[name](output.question, seconds.features[name])
        assert_close(output.features[name], attended + seconds.features[name].mean(dim=1))


def test_without_codes_seconds_have_no_order_and_with_them_they_do():
    inputs = batch()
    turned = {**inputs, "audio": inputs["audio"].flip(1), "visual": inputs["visual"].flip(1)}
    for kind in ("baseline", "avst"):
        plain, coded = network(kind).eval(), network(kind, seconds_coded=SECONDS).eval()
        assert_close(plain(turned).logits, plain(inputs).logits)
        assert not torch.allclose(coded(turned).logits, coded(inputs).logits, atol=1e-4)


def test_every_weight_is_reached_by_the_losses():
    """What no loss reaches would stop several processes."""
    for kind, other in (("baseline", False), ("avst", True)):
        model = network(kind, unimodal_heads="attached", seconds_coded=SECONDS, sizes={"audio": 6, "visual": 16})
        output = model(batch(other=other))
        loss = output.logits.logsumexp(dim=1).sum() + sum(v.logsumexp(dim=1).sum() for v in output.head_logits.values())
        loss = loss + sum(v.logsumexp(dim=-1).sum() for v in (output.match or {}).values())
        loss.backward()
        assert [name for name, p in model.named_parameters() if p.grad is None] == []
