"""PSP, fully and weakly supervised: sizes, the published forward values and losses, propagation by a slow reference."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

from mmlib.fusion import SimAM2Options
from mmlib.losses.segment_similarity import Targets, segment_similarity
from mmlib.models.psp import PSP, Propagation

DEAD_FULLY, DEAD_WEAKLY = 118_594, 29 + 256 + 64
FULLY = [*range(4), *range(6, 37), 41, 42]
WEAKLY = [*range(1, 32), 35, 36, 34]


def close(actual, expected, atol=1e-8):
    assert_close(actual.detach().double(), torch.tensor(expected, dtype=torch.float64), atol=atol, rtol=0)


def count(module):
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, 1_667_251 - DEAD_FULLY),
        ({"weak": True}, 1_254_251 - DEAD_WEAKLY),
        ({"simam2": SimAM2Options()}, 1_548_657),
        ({"simam2": SimAM2Options(zeta="learned")}, 1_647_601),
        ({"simam2": SimAM2Options(zeta="learned", zeta_hidden=0)}, 1_679_985),
    ],
)
def test_parameter_counts(options, expected):
    assert count(PSP(**options)) == expected


def test_counts_of_the_parts():
    assert count(PSP().propagation) == 393_728
    assert count(PSP(weak=True).propagation) == 262_656
    assert count(PSP().audio_projection) == 65_536
    assert count(PSP().visual_projection) == 163_840


@pytest.mark.parametrize(("scope", "sizes"), [("pre_psp", (327_680, 803_889 + 0)), ("all", (524_288, 1_000_497))])
def test_groups_of_a_modulation(scope, sizes):
    groups = PSP(simam2=SimAM2Options(zeta="learned")).modality_parameters(scope=scope)
    found = tuple(sum(p.numel() for p in groups[m]) for m in ("audio", "visual"))
    assert found == sizes
    assert len({id(p) for parameters in groups.values() for p in parameters}) == sum(map(len, groups.values()))


def test_published_forward_values(golden):
    model = golden.fill(PSP(), FULLY)
    given = golden.inputs()
    output = model(given)
    audio = model.audio_projection(given["audio"])
    places = given["visual"].flatten(0, 1).flatten(1, 2)
    scores = model.attention.scores(audio.flatten(0, 1), places)
    close(scores.sum(), -128.41090465)
    close(scores.flatten()[:3], [-0.19941258, -0.18760002, -0.04254713])
    attended = model.attention(audio, given["visual"])[0]
    close(attended.sum(), 3260.21531890)
    heard, seen = model.audio_lstm(audio)[0], model.visual_lstm(model.visual_projection(attended))[0]
    close(torch.stack((heard.sum(), heard.abs().sum())), [-13.81373123, 443.44357719])
    close(torch.stack((seen.sum(), seen.abs().sum())), [-21.51434971, 442.78387951])
    close(torch.stack((output.fused.sum(), output.fused.abs().sum())), [5.48844742, 452.22697174])
    close(output.logits.square().sum(), 10.30828247)
    close(output.logits.sum(), -3.26802431)
    close(output.logits[0, 0, :4], [-0.14368602, -0.14047222, 0.11059608, 0.16652447])
    close(output.similarity.sum(), 19.05735395)
    close(output.similarity[0, :4], [0.99938175, 0.93512266, 0.92528504, 0.93397350])
    assert (output.affinity > 0).double().mean().item() == pytest.approx(0.22, abs=0.006)
    classes = golden.segment_classes()
    entropy = F.cross_entropy(output.logits.flatten(0, 1), classes.flatten())
    agreement = segment_similarity(output.similarity, Targets("clean", 28)(classes))
    close(entropy, 3.40416058)
    close(agreement, 0.00769859)
    close(entropy + 100 * agreement, 4.17402004, 2e-7)


def test_published_forward_values_of_weak_supervision(golden):
    model = golden.fill(PSP(weak=True), WEAKLY)
    given = golden.inputs()
    output = model(given)
    scores = model.attention.scores(given["audio"].flatten(0, 1), given["visual"].flatten(0, 1).flatten(1, 2))
    close(scores.sum(), -61.47515467)
    close(scores.flatten()[:3], [-0.14835182, -0.09585435, 0.02494800])
    attended = model.attention(given["audio"], given["visual"])[0]
    heard, seen = model.audio_lstm(given["audio"])[0], model.visual_lstm(model.visual_projection(attended))[0]
    close(attended.sum(), 3260.42628457)
    close(torch.stack((heard.sum(), heard.abs().sum())), [-28.87332003, 503.20581234])
    close(torch.stack((seen.sum(), seen.abs().sum())), [-10.94789614, 861.88413972])
    close(torch.stack((output.fused.sum(), output.fused.abs().sum())), [8.13666674, 416.01783378])
    close(output.logits.square().sum(), 2.45763617)
    close(output.logits.sum(), -2.11143085)
    close(output.logits[0, 0, :4], [0.02419726, -0.08659327, -0.04459535, 0.07608829])
    clips = output.clip_scores.softmax(-1)
    close(clips.square().sum(), 0.06925784)
    close(clips[0, :4], [0.03538926, 0.03167494, 0.03302273, 0.03725904])
    target = torch.zeros(2, 29, dtype=torch.float64)
    target[0, 2], target[0, 28], target[1, 5] = 0.4, 0.6, 1.0
    close(F.binary_cross_entropy(clips, target), 0.15177016)


def test_simam2_without_its_gate_is_the_published_network(golden):
    given = {name: value.float() for name, value in golden.inputs().items()}
    models = []
    for simam2 in (None, SimAM2Options(gate="none")):
        torch.manual_seed(0)
        models.append(PSP(simam2=simam2).eval())
    one, two = (model(given) for model in models)
    assert torch.equal(one.logits, two.logits)
    assert torch.equal(one.similarity, two.similarity)


@pytest.mark.parametrize("fully", [True, False])
def test_propagation_segment_by_segment(fully):
    torch.manual_seed(0)
    module = Propagation(6, 0.3, 0.0, output_layers=fully).double()
    visual, audio = torch.randn(2, 4, 6, dtype=torch.float64), torch.randn(2, 4, 6, dtype=torch.float64)
    *found, shares, kept_shares = module(visual, audio)
    weight = {name: layer.weight for name, layer in module.layers.items()}
    for clip in range(2):
        v, a = visual[clip], audio[clip]
        score = [[(F.relu(weight["Wv2"] @ x) @ F.relu(weight["Wa1"] @ y)).item() for y in a] for x in v]
        score = torch.tensor(score, dtype=torch.float64).div(math.sqrt(6)).clamp(min=0)
        for place, (one, other, matrix, value, last) in enumerate(
            ((v, a, score, "Wa2", "Wvf"), (a, v, score.T, "Wv1", "Waf"))
        ):
            for t in range(4):
                share = matrix[t] / (matrix[t].sum() + 1e-8)
                kept = torch.where(share > 0.3, share, torch.zeros_like(share))
                kept = kept / (kept.sum() + 1e-8) if fully else kept
                if place == 0:
                    assert_close(shares[clip, t], share)
                    assert_close(kept_shares[clip, t], kept)
                new = one[t] + sum(kept[u] * F.relu(weight[value] @ other[u]) for u in range(4))
                new = F.relu(weight[last] @ new) if fully else new
                assert_close(found[place][clip, t], F.layer_norm(new, (6,), eps=1e-6))


def test_gradients_in_float64():
    torch.manual_seed(0)
    model = PSP(3, 4, 4, 3, hidden=2, head=4, attention=4, projection=3, dropout=0.0).double()
    audio = torch.rand(1, 4, 3, dtype=torch.float64, requires_grad=True)
    visual = torch.rand(1, 4, 2, 2, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda a, v: model({"audio": a, "visual": v}).logits, (audio, visual), atol=1e-6)
