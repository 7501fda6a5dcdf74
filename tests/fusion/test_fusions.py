"""The vanilla fusions, and SimAM² in the place of their sum."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

from mmlib.errors import ParameterError, UsageError
from mmlib.fusion import SimAM2Options, build_fusion
from mmlib.models import published_initialisation

NAMES = ["sum", "weighted_sum", "concat", "film", "gated"]
SIMAM2 = {
    "plain": None,
    "half": SimAM2Options(),
    "learned": SimAM2Options(zeta="learned", zeta_norm="none"),
    "raw": SimAM2Options(zeta="learned", zeta_norm="none", zeta_input="raw"),
}


def fusion_of(name, channels=8, classes=5, seed=0, **options):
    torch.manual_seed(seed)
    fusion = build_fusion(name, {"visual": channels, "audio": channels}, classes, **options)
    published_initialisation(fusion)
    for parameter in fusion.parameters():  # biases too, so that half a bias can be told from a whole one
        torch.nn.init.normal_(parameter, std=0.5)
    return fusion


def features_of(shape=(6, 8), seed=1):
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.rand(shape, generator=generator) for name in ("visual", "audio")}


@pytest.mark.parametrize("simam2", SIMAM2)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(6, 8), (3, 4, 8)])
def test_shapes(name, shape, simam2):
    output = fusion_of(name, simam2=SIMAM2[simam2])(features_of(shape))
    width = 16 if name == "concat" else 8
    assert output.logits.shape == (*shape[:-1], 5)
    assert output.fused.shape == (*shape[:-1], width)
    assert set(output.terms) == set(output.features) == {"visual", "audio"}
    if simam2 != "plain":
        superposed = output.superposed
        assert superposed.energy.shape == output.zeta.shape == superposed.gate.shape == output.fused.shape
        assert output.r.shape == ()


@pytest.mark.parametrize(
    ("name", "options", "count"),
    [
        ("sum", {"sum_site": "logit"}, 6156),
        ("concat", {}, 6150),
        ("film", {}, 528390),
        ("gated", {}, 528390),
        ("sum", {"sum_site": "feature"}, 3078),
        ("sum", {}, 2 * (512 * 512 + 512) + 3078),
    ],
)
def test_parameter_counts_of_the_published_heads(name, options, count):
    fusion = build_fusion(name, {"visual": 512, "audio": 512}, 6, **options)
    assert sum(p.numel() for p in fusion.parameters()) == count
    with_half = build_fusion(name, {"visual": 512, "audio": 512}, 6, simam2=SimAM2Options(), **options)
    assert sum(p.numel() for p in with_half.parameters()) == count


def test_published_formulas():
    x = features_of()
    v, a = x["visual"], x["audio"]
    f = fusion_of("sum", sum_site="logit")
    assert_close(f(x).logits, f.projections["visual"](v) + f.projections["audio"](a))
    f = fusion_of("sum", sum_site="feature")
    assert_close(f(x).logits, f.classifier(v + a))
    f = fusion_of("sum")
    assert_close(f(x).logits, f.classifier(f.projections["visual"](v) + f.projections["audio"](a)))
    f = fusion_of("concat")
    assert_close(f(x).logits, f.classifier(torch.cat((a, v), dim=1)))
    f = fusion_of("film")
    gamma, beta = f.scale_and_shift(a).chunk(2, dim=1)
    assert_close(f(x).logits, f.classifier(gamma * v + beta))
    f = fusion_of("film", film_generator="visual")
    gamma, beta = f.scale_and_shift(v).chunk(2, dim=1)
    assert_close(f(x).logits, f.classifier(gamma * a + beta))
    f = fusion_of("gated")
    assert_close(f(x).logits, f.classifier(torch.sigmoid(f.hidden["audio"](a)) * f.hidden["visual"](v)))
    f = fusion_of("weighted_sum", zeta_norm="none")
    out = f(x)
    assert_close(out.fused, out.zeta * out.terms["visual"] + (1 - out.zeta) * out.terms["audio"])


@pytest.mark.parametrize("name", [name for name in NAMES if name != "weighted_sum"])
def test_simam2_without_gate_at_unit_scale_is_the_plain_fusion(name):
    options = SimAM2Options(gate="none", scale="unit")
    plain, wrapped = fusion_of(name), fusion_of(name, simam2=options)
    assert torch.equal(plain(features_of()).logits, wrapped(features_of()).logits)


def test_weighted_sum_without_gate_is_simam2_without_gate():
    plain = fusion_of("weighted_sum", zeta_norm="none")
    wrapped = fusion_of("weighted_sum", simam2=SimAM2Options(gate="none", zeta_norm="none"))
    wrapped.load_state_dict(
        {name.replace("zeta.", "simam2.zeta."): value for name, value in plain.state_dict().items()}, strict=False
    )
    assert torch.equal(plain(features_of()).logits, wrapped(features_of()).logits)


def test_raw_input_of_zeta_is_the_features_visual_first():
    fusion = fusion_of("film", simam2=SIMAM2["raw"])
    x = features_of()
    expected = fusion.simam2.zeta.network(torch.cat((x["visual"], x["audio"]), dim=1))
    assert_close(fusion(x).zeta, expected)


def test_concat_of_different_sizes():
    for simam2 in SIMAM2.values():
        fusion = build_fusion("concat", {"visual": 8, "audio": 3}, 5, simam2=simam2)
        output = fusion({"visual": torch.rand(4, 8), "audio": torch.rand(4, 3)})
        assert output.fused.shape == (4, 11)
        assert_close(sum(fusion.unimodal_logits(output).values()), output.logits)


# Unimodal logits.


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("simam2", SIMAM2)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("decouple", ["head", "term", "zero"])
def test_unimodal_logits_in_training_and_evaluation(name, simam2, training, decouple):
    fusion = fusion_of(name, simam2=SIMAM2[simam2], film_decouple=decouple).train(training)
    output = fusion(features_of())
    before = {key: value.clone() for key, value in fusion.state_dict().items()}
    scores = fusion.unimodal_logits(output)
    assert fusion.training == training
    assert all(torch.equal(before[key], value) for key, value in fusion.state_dict().items())
    assert all(value.shape == output.logits.shape and not value.requires_grad for value in scores.values())
    if decouple == "term" or name not in ("film", "gated"):
        assert_close(scores["visual"] + scores["audio"], output.logits)


def test_published_decoupling():
    x = features_of()
    f = fusion_of("concat")
    scores = f.unimodal_logits(f(x))
    weight, bias = f.classifier.weight, f.classifier.bias
    assert_close(scores["audio"], F.linear(x["audio"], weight[:, :8], bias / 2))
    assert_close(scores["visual"], F.linear(x["visual"], weight[:, 8:], bias / 2))
    f = fusion_of("sum", sum_site="logit")
    scores = f.unimodal_logits(f(x))
    assert_close(scores["audio"], f.projections["audio"](x["audio"]))
    f = fusion_of("film")
    scores = f.unimodal_logits(f(x))
    assert_close(scores["audio"], F.linear(x["audio"], f.classifier.weight, f.classifier.bias / 2))
    f = fusion_of("gated")
    scores = f.unimodal_logits(f(x))
    assert_close(scores["audio"], F.linear(f.hidden["audio"](x["audio"]), f.classifier.weight, f.classifier.bias / 2))


@pytest.mark.parametrize("name", ["film", "gated"])
def test_decoupling_by_zero_is_the_fusion_of_one_modality(name):
    fusion = fusion_of(name, film_decouple="zero").eval()
    x = features_of()
    alone = fusion({"visual": x["visual"], "audio": torch.zeros_like(x["audio"])}).logits
    assert torch.equal(fusion.unimodal_logits(fusion(x))["visual"], alone)


# Mistakes.


def test_unknown_names():
    channels = {"visual": 8, "audio": 8}
    with pytest.raises(ParameterError, match="fusion is 'mean'.*'gated'"):
        build_fusion("mean", channels, 5)
    with pytest.raises(ParameterError, match="sum_site is 'late'"):
        build_fusion("sum", channels, 5, sum_site="late")
    with pytest.raises(ParameterError, match="film_generator is 'text'"):
        build_fusion("film", channels, 5, film_generator="text")
    with pytest.raises(ParameterError, match="gate_modality is 'text'.*'visual', 'audio'"):
        build_fusion("gated", channels, 5, gate_modality="text")
    with pytest.raises(ParameterError, match="sum_unimodal_bias is 'half'"):
        build_fusion("sum", channels, 5, sum_unimodal_bias="half")


def test_sizes_that_cannot_be_joined():
    channels = {"visual": 8, "audio": 4}
    with pytest.raises(ParameterError, match="projected"):
        build_fusion("sum", channels, 5, sum_site="feature")
    with pytest.raises(ParameterError, match="'term' or 'zero'"):
        build_fusion("film", channels, 5)
    assert build_fusion("film", channels, 5, film_decouple="term")


def test_missing_modality():
    with pytest.raises(UsageError, match="no features for audio"):
        fusion_of("sum")({"visual": torch.rand(2, 8)})
