"""Two modalities: pinned numbers of the published pair, and its formulas written out once more, bit for bit."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close
from waves import filled, wave

from mmlib.fusion import SimAM2Options, build_fusion

PLAIN = {"zeta_norm": "none"}
LEARNED = {"simam2": SimAM2Options(zeta="learned", zeta_norm="none")}
PINNED = [  # fusion, options, logits and audio's unimodal logits of the second sample; before fusions had n modalities
    (
        "sum",
        "plain",
        [0.574166882, 0.18079612, -0.098034723],
        [0.082525853, -0.848224014, -0.014672567],
    ),
    (
        "sum",
        "learned",
        [0.339945651, 0.216517391, 0.142664331],
        [0.152207069, -0.111506824, 0.049244924],
    ),
    (
        "weighted_sum",
        "plain",
        [0.390531837, 0.179134231, 0.085298964],
        [0.070726096, -0.35524849, 0.08652499],
    ),
    (
        "weighted_sum",
        "learned",
        [0.339945651, 0.216517391, 0.142664331],
        [0.152207069, -0.111506824, 0.049244924],
    ),
    (
        "concat",
        "plain",
        [1.716770771, -0.665926801, 1.275261454],
        [0.740203988, -0.050702314, 0.200572225],
    ),
    (
        "concat",
        "learned",
        [1.200470652, -0.253081171, 0.979446876],
        [0.56525315, -0.005330952, 0.286272374],
    ),
    (
        "film",
        "plain",
        [0.398167262, -0.710733359, -1.138499816],
        [-1.010203426, -1.267850098, 0.474564425],
    ),
    (
        "film",
        "learned",
        [-0.301603104, -0.53275054, -0.40645346],
        [-1.010203426, -1.267850098, 0.474564425],
    ),
    (
        "gated",
        "plain",
        [0.223669535, 0.425405864, 0.296820965],
        [0.082525853, -0.848224014, -0.014672567],
    ),
    (
        "gated",
        "learned",
        [0.32886585, 0.255432526, 0.160801128],
        [0.082525853, -0.848224014, -0.014672567],
    ),
]


def features():
    return {"visual": wave((3, 4), 1).abs(), "audio": wave((3, 4), 2).abs()}


@pytest.mark.parametrize(("name", "options", "logits", "audio"), PINNED)
def test_pinned_numbers(name, options, logits, audio):
    given = LEARNED if options == "learned" else PLAIN
    fusion = filled(build_fusion(name, {"visual": 4, "audio": 4}, 3, **given))
    output = fusion(features())
    assert_close(output.logits[1].tolist(), logits, atol=2e-9, rtol=0)
    assert_close(fusion.unimodal_logits(output)["audio"][1].tolist(), audio, atol=2e-9, rtol=0)


@pytest.mark.parametrize("channels", [{"visual": 4, "audio": 4}, {"audio": 4, "visual": 4}])
def test_the_pair_in_the_terms_of_two(channels):
    """Whatever order the pair is given in: ζ weighs visual, audio's block comes first, each half of the bias."""
    x = features()
    v, a = x["visual"], x["audio"]
    f = filled(build_fusion("sum", channels, 3))
    out = f(x)
    assert f.modalities == ("visual", "audio")
    terms = {m: f.projections[m](x[m]) for m in ("visual", "audio")}
    assert torch.equal(out.fused, terms["visual"] + terms["audio"])
    weight, bias = f.classifier.weight, f.classifier.bias
    assert torch.equal(f.unimodal_logits(out)["audio"], F.linear(terms["audio"], weight, bias / 2))
    f = filled(build_fusion("concat", channels, 3))
    assert torch.equal(f(x).fused, F.pad(v, (4, 0)) + F.pad(a, (0, 4)))
    f = filled(build_fusion("weighted_sum", channels, 3, zeta_norm="none"))
    out = f(x)
    zeta = f.zeta(out.terms["visual"], out.terms["audio"])
    assert torch.equal(out.fused, zeta * out.terms["visual"] + (1 - zeta) * out.terms["audio"])
    assert torch.equal(out.zeta, zeta)
    assert out.weights is None
    f = filled(build_fusion("gated", channels, 3))
    half = f.hidden["visual"](v) / 2
    assert torch.equal(f(x).fused, half + torch.tanh(f.hidden["audio"](a) / 2) * half)


def test_the_visual_gate():
    fusion = filled(build_fusion("gated", {"visual": 4, "audio": 5}, 3, gate_modality="visual"))
    x = {"visual": wave((3, 4), 1), "audio": wave((3, 5), 2)}
    hidden = {m: fusion.hidden[m](x[m]) for m in x}
    assert hidden["visual"].shape == hidden["audio"].shape == (3, 5)
    output = fusion(x)
    assert_close(output.fused, torch.sigmoid(hidden["visual"]) * hidden["audio"])
    assert_close(output.terms["audio"], hidden["audio"] / 2)
    assert_close(sum(fusion.contributions(output).values()), output.fused)


def test_published_evaluation_of_the_sum_halves_the_bias():
    x = features()
    ours = filled(build_fusion("sum", {"visual": 4, "audio": 4}, 3, sum_site="logit"))
    published = build_fusion("sum", {"visual": 4, "audio": 4}, 3, sum_site="logit", sum_unimodal_bias="published")
    published = filled(published)
    assert torch.equal(ours(x).logits, published(x).logits)
    full, half = ours.unimodal_logits(ours(x)), published.unimodal_logits(published(x))
    for modality, layer in published.projections.items():
        assert_close(half[modality], F.linear(x[modality], layer.weight, layer.bias / 2))
        assert_close(full[modality], layer(x[modality]))
        assert not half[modality].requires_grad
    published.train()
    assert torch.equal(published.unimodal_logits(published(x))["audio"], full["audio"])
