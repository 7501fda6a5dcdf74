"""Fusions of other modalities than the published pair, and of more than two."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close
from waves import filled, wave

from mmlib.errors import ParameterError
from mmlib.fusion import SimAM2Options, build_fusion
from mmlib.fusion.fold import SimAM2Fold
from mmlib.fusion.segments import HiddenConcat, HiddenHead, Mean, ProjectedSum

THREE = {"text": 4, "audio": 4, "flow": 4}
NAMES = ["concat", "sum", "weighted_sum", "gated"]
FOLD = SimAM2Options(zeta="learned", zeta_norm="none", fold=True)
PLAIN = {"zeta_norm": "none"}


def features(channels=THREE, rows=(3,)):
    return {name: wave((*rows, size), number).abs() for number, (name, size) in enumerate(channels.items())}


def fusion_of(name, channels=THREE, **options):
    return filled(build_fusion(name, channels, 5, **{**PLAIN, **options}))


@pytest.mark.parametrize("simam2", [None, FOLD, SimAM2Options(fold=True)], ids=["plain", "learned", "half"])
@pytest.mark.parametrize("rows", [(3,), (2, 4)])
@pytest.mark.parametrize("name", NAMES)
def test_shapes_and_shares(name, rows, simam2):
    fusion = fusion_of(name, simam2=simam2, film_decouple="term")
    output = fusion(features(rows=rows))
    assert fusion.modalities == tuple(THREE)
    assert output.logits.shape == (*rows, 5)
    assert output.fused.shape == (*rows, 12 if name == "concat" else 4)
    assert output.zeta is None
    assert_close(sum(fusion.contributions(output).values()), output.fused)
    scores = fusion.unimodal_logits(output)
    assert list(scores) == list(THREE)
    assert_close(sum(scores.values()), output.logits)
    assert set(fusion.scores_of_each_alone(output.features)) == set(THREE)
    assert (output.folded is None) == (simam2 is None)


def test_formulas_of_three():
    x = features()
    text, audio, flow = x.values()
    f = fusion_of("concat")
    assert_close(f(x).logits, f.classifier(torch.cat((text, audio, flow), dim=1)))
    weight, bias = f.classifier.weight, f.classifier.bias
    assert_close(f.unimodal_logits(f(x))["audio"], F.linear(audio, weight[:, 4:8], bias / 3))
    f = fusion_of("sum", sum_site="logit", sum_unimodal_bias="published")
    parts = {m: f.projections[m] for m in THREE}
    assert_close(f(x).logits, parts["text"](text) + parts["audio"](audio) + parts["flow"](flow))
    flow_alone = F.linear(flow, parts["flow"].weight, parts["flow"].bias / 3)
    assert_close(f.unimodal_logits(f(x))["flow"], flow_alone)
    f = fusion_of("sum", sum_site="feature")
    assert_close(f(x).logits, f.classifier(text + audio + flow))
    f = fusion_of("gated")  # audio gates where there is audio
    hidden = {m: f.hidden[m](x[m]) for m in THREE}
    assert_close(f(x).fused, torch.sigmoid(hidden["audio"]) * (hidden["text"] + hidden["flow"]))
    f = fusion_of("gated", gate_modality="text")
    hidden = {m: f.hidden[m](x[m]) for m in THREE}
    assert_close(f(x).fused, torch.sigmoid(hidden["text"]) * (hidden["audio"] + hidden["flow"]))


def test_softmax_weights():
    f = fusion_of("weighted_sum", zeta_hidden=0)
    output = f(features())
    joined = torch.cat([output.terms[m] for m in THREE], dim=1)
    scores = f.weights.network.output(joined).view(3, 3, 4)  # (B, n, C)
    expected = torch.softmax(scores, dim=1)
    for number, modality in enumerate(THREE):
        assert_close(output.weights[modality], expected[:, number])
    assert_close(sum(output.weights.values()), torch.ones(3, 4).double())
    assert_close(output.fused, sum(output.weights[m] * output.terms[m] for m in THREE))


def test_modalities_of_different_sizes_and_one_alone():
    sizes = {"text": 3, "flow": 5, "image": 4}
    for name in NAMES:
        output = fusion_of(name, sizes)(features(sizes))
        assert output.fused.shape[-1] == {"concat": 12, "gated": 3}.get(name, 3)
    for name in ("concat", "sum"):
        alone = fusion_of(name, {"text": 3})
        output = alone(features({"text": 3}))
        assert_close(alone.unimodal_logits(output)["text"], output.logits)


def test_two_modalities_of_other_names_keep_the_order_given():
    f = fusion_of("weighted_sum", {"flow": 4, "image": 4})
    output = f(features({"flow": 4, "image": 4}))
    assert_close(output.fused, output.zeta * output.terms["flow"] + (1 - output.zeta) * output.terms["image"])
    f = fusion_of("film", {"flow": 4, "image": 4}, film_generator="image")
    assert f.conditioned == "flow"


def test_segment_fusions_of_three():
    x = features(rows=(2, 6))
    mean = filled(Mean(THREE, 5, HiddenHead(4, 5, hidden=6)))
    assert_close(mean(x).fused, sum(x.values()) / 3)
    assert_close(sum(mean.contributions(mean(x)).values()), mean(x).fused)
    concat, projected = filled(HiddenConcat(THREE, 5, hidden=6)), filled(ProjectedSum(THREE, 5, hidden=6))
    projected.hidden.load_state_dict(concat.classifier.hidden.state_dict())
    projected.classifier.output.load_state_dict(concat.classifier.output.state_dict())
    assert_close(concat(x).logits, projected(x).logits)
    for modality, scores in concat.unimodal_logits(concat(x)).items():
        assert_close(projected.unimodal_logits(projected(x))[modality], scores)


# SimAM² as a fold.


def test_fold_is_simam2_of_simam2():
    f = fusion_of("sum", simam2=FOLD)
    output = f(features())
    text, audio, flow = (output.terms[m] for m in THREE)
    first = f.simam2.steps[0](text, audio)
    second = f.simam2.steps[1](first.fused, flow)
    assert torch.equal(output.fused, second.fused)
    assert torch.equal(output.folded[0].zeta, first.zeta)


def test_fold_of_two_is_simam2():
    options = SimAM2Options(zeta="learned", zeta_norm="none")
    x = features({"text": 4, "flow": 4})
    plain = fusion_of("sum", {"text": 4, "flow": 4}, simam2=options)
    with_option = fusion_of("sum", {"text": 4, "flow": 4}, simam2=FOLD)
    assert torch.equal(plain(x).logits, with_option(x).logits)
    signals = [plain(x).terms[m] for m in ("text", "flow")]
    fold = filled(SimAM2Fold(("text", "flow"), 4, FOLD))
    fold.steps[0].load_state_dict(plain.simam2.state_dict())
    assert torch.equal(fold(signals)[0], plain(x).fused)


@pytest.mark.parametrize("name", ["concat", "sum", "gated"])
def test_fold_without_gate_at_unit_scale_is_the_plain_fusion(name):
    plain = fusion_of(name)
    folded = fusion_of(name, simam2=SimAM2Options(gate="none", scale="unit", fold=True))
    assert_close(plain(features()).logits, folded(features()).logits)


def test_raw_input_and_blocks_of_a_fold():
    raw = SimAM2Options(zeta="learned", zeta_norm="none", zeta_input="raw", concat_stats="block", fold=True)
    f = fusion_of("concat", simam2=raw)
    x = features()
    output = f(x)
    joined = torch.cat(tuple(x.values()), dim=1)
    for step, out in zip(f.simam2.steps, output.folded, strict=True):
        assert_close(out.zeta, step.zeta.network(joined))
    assert f.simam2.steps[0].blocks == (4, 4, 4)


def test_start_epoch_reaches_every_fold():
    f = fusion_of("sum", simam2=SimAM2Options(zeta="learned", zeta_norm="none", var_max="epoch", fold=True)).train()
    f(features())
    assert all(step.correlation.var_max.sum() > 0 for step in f.simam2.steps)
    f.simam2.start_epoch()
    assert all(step.correlation.var_max.sum() == 0 for step in f.simam2.steps)


# What is for two says so.


def test_methods_for_two_say_so():
    with pytest.raises(ParameterError, match="FiLM is defined for two modalities.*text, audio, flow.*'gated'"):
        build_fusion("film", THREE, 5)
    for name in NAMES:
        with pytest.raises(ParameterError, match="SimAM2 superposes two signals; here are 3.*fold=True"):
            build_fusion(name, THREE, 5, simam2=SimAM2Options())
    with pytest.raises(ParameterError, match="zeta_tanh"):
        build_fusion("sum", THREE, 5, simam2=SimAM2Options(fold=True, zeta_tanh=True))
    with pytest.raises(ParameterError, match="at least 2"):
        build_fusion("gated", {"text": 4}, 5)
    with pytest.raises(ParameterError, match="one size"):
        build_fusion("sum", {"text": 4, "flow": 3, "audio": 4}, 5, sum_site="feature")
