"""AVGA and DMRN: sizes, the published forward values and losses, and what their fusions have in common."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

from mmlib.errors import ParameterError, UsageError
from mmlib.fusion import SimAM2Options
from mmlib.losses.soft_margin import soft_margin_of_softmax
from mmlib.models.avga import AVGA
from mmlib.models.dmrn import ResidualFusion

LEARNED = SimAM2Options(zeta="learned")


def close(actual, expected, atol=1e-8):
    assert_close(actual.detach().double(), torch.tensor(expected, dtype=torch.float64), atol=atol, rtol=0)


def count(module):
    return sum(p.numel() for p in module.parameters())


def small(seed=0, **options):
    torch.manual_seed(seed)
    return AVGA(6, 5, 4, 3, hidden=4, head=8, attention=8, **options)


def few(batch=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    audio = torch.rand(batch, 10, 6, generator=generator)
    return {"audio": audio, "visual": torch.rand(batch, 10, 2, 2, 5, generator=generator)}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, 1_335_246),
        ({"weak": True}, 1_335_246),
        ({"fusion": "projected_sum"}, 1_335_246),
        ({"fusion": "dmrn"}, 1_571_150),
        ({"fusion": "sum"}, 1_318_862),
        ({"fusion": "sum", "simam2": SimAM2Options()}, 1_318_862),
        ({"fusion": "sum", "simam2": LEARNED}, 1_417_806),
        ({"fusion": "sum", "simam2": SimAM2Options(zeta="learned", zeta_hidden=0)}, 1_450_190),
    ],
)
def test_parameter_counts(options, expected):
    assert count(AVGA(**options)) == expected


def test_counts_of_the_parts():
    model = AVGA()
    assert count(model.attention) == 378_929
    assert (count(model.audio_lstm), count(model.visual_lstm)) == (264_192, 657_408)


@pytest.mark.parametrize(
    ("group", "sizes"),
    [
        ("visual", (262_144, 655_360 + 377_905)),
        ("none", (262_144, 655_360)),
        ("split", (262_144 + 65_536 + 25_088, 655_360 + 377_905 - 65_536 - 25_088)),
    ],
)
def test_groups_of_a_modulation(group, sizes):
    groups = AVGA(fusion="sum", simam2=LEARNED).modality_parameters(attention_group=group)
    assert tuple(sum(p.numel() for p in groups[m]) for m in ("audio", "visual")) == sizes
    assert all(p.dim() >= 2 for parameters in groups.values() for p in parameters)


@pytest.mark.parametrize("axis", ["position", "unit"])
def test_published_forward_values(golden, axis):
    model = golden.fill(AVGA(audio_axis=axis), range(27))
    given = golden.inputs()
    close(given["audio"].sum(), 818.17656642)
    close(given["visual"].sum(), 159754.34064340, 1e-6)
    output = model(given)
    probabilities = output.logits.softmax(-1)
    attended = model.attention(given["audio"], given["visual"])[0]
    assert output.attention.shape == (2, 10, 49)
    close(probabilities.sum(), 20.0)
    if axis == "unit":
        close(attended.sum(), 3260.20475382)
        close(probabilities.square().sum(), 0.70026349)
        close(probabilities[0, 0, :4], [0.03414598, 0.04115156, 0.03802315, 0.03232583])
        return
    scores = model.attention.scores(given["audio"].flatten(0, 1), given["visual"].flatten(0, 1).flatten(1, 2))
    close(scores.sum(), 49.32946279)
    close(scores.flatten()[:3], [0.12229030, 0.06669504, -0.02418477])
    close(attended.sum(), 3260.00387910)
    for modality, (total, absolute) in {
        "audio": (-18.73567414, 325.41251595),
        "visual": (-3.39615579, 438.58670338),
    }.items():
        close(output.features[modality].sum(), total)
        close(output.features[modality].abs().sum(), absolute)
    close(probabilities.square().sum(), 0.70026342)
    close(probabilities[0, 0, :4], [0.03414592, 0.04115179, 0.03802321, 0.03232562])
    target = F.one_hot(golden.segment_classes(), 29).double()
    close(soft_margin_of_softmax(output.logits, target), 0.70923385)


def test_published_forward_values_of_dmrn(golden):
    probabilities = (output := golden.fill(AVGA(fusion="dmrn"), range(33))(golden.inputs())).logits.softmax(-1)
    close(probabilities.square().sum(), 0.72725793)
    close(probabilities[0, 0, :4], [0.02625618, 0.02401582, 0.02355288, 0.02487087])
    close(soft_margin_of_softmax(output.logits, F.one_hot(golden.segment_classes(), 29).double()), 0.70949018)


@pytest.mark.parametrize("blocks", [1, 2, 3])
def test_blocks_of_dmrn_are_those_of_the_published_loop(blocks):
    """Which hands the two features back in each other's place, and has one pair of projections for all blocks."""
    torch.manual_seed(0)
    fusion = ResidualFusion(6, blocks)
    audio, visual = torch.randn(2, 2, 10, 6, generator=torch.Generator().manual_seed(1))
    found = fusion({"visual": visual, "audio": audio})
    one, two = audio, visual
    for _ in range(blocks):
        merged = 0.5 * (fusion.visual(two) + fusion.audio(one))
        one, two = torch.tanh(two + merged), torch.tanh(one + merged)
    if blocks % 2 == 0:
        one, two = two, one
    assert_close(found["audio"], two, rtol=0, atol=1e-6)
    assert_close(found["visual"], one, rtol=0, atol=1e-6)
    assert count(AVGA(fusion="dmrn", blocks=blocks)) == 1_571_150


def test_another_block_changes_the_scores():
    one, two = (small(fusion="dmrn", blocks=blocks)(few()).logits for blocks in (1, 2))
    assert not torch.allclose(one, two)


def test_published_forward_values_of_weak_supervision(golden):
    output = golden.fill(AVGA(weak=True), range(27))(golden.inputs())
    close(output.logits.sum(), 10.36238413)
    close(output.logits.square().sum(), 9.15057105)
    clips = output.clip_scores.softmax(-1)
    close(clips.square().sum(), 0.06998437)
    close(clips[0, :4], [0.03411850, 0.04128205, 0.03781098, 0.03234337])
    close(soft_margin_of_softmax(output.clip_scores, F.one_hot(torch.tensor([2, 5]), 29).double()), 0.70917187)


def test_the_projected_sum_is_the_concatenation():
    concat, projected = small(), small(fusion="projected_sum")
    projected.fusion.hidden.load_state_dict(concat.fusion.classifier.hidden.state_dict())
    projected.fusion.classifier.output.load_state_dict(concat.fusion.classifier.output.state_dict())
    one, two = concat(few()), projected(few())
    assert_close(one.logits, two.logits)
    alone = concat.unimodal_logits(one), projected.unimodal_logits(two)
    assert_close(alone[0]["audio"], alone[1]["audio"])
    assert_close(alone[0]["visual"], alone[1]["visual"])


@pytest.mark.parametrize("fusion", ["sum", "projected_sum", "concat", "dmrn"])
def test_simam2_without_its_gate_is_the_published_network(fusion):
    plain, gated = small(fusion=fusion), small(fusion=fusion, simam2=SimAM2Options(gate="none"))
    one, two = plain(few()), gated(few())
    assert_close(one.logits, two.logits, rtol=0, atol=0 if fusion in ("sum", "dmrn") else 1e-6)
    for modality in ("audio", "visual"):
        assert_close(plain.unimodal_logits(one)[modality], gated.unimodal_logits(two)[modality])


def test_contributions_add_up_to_the_fused_feature():
    for fusion in ("sum", "projected_sum", "concat"):
        model = small(fusion=fusion, simam2=LEARNED).train()
        output = model(few())
        assert_close(sum(model.fusion.contributions(output).values()), output.fused)


def test_rows_of_a_table_start_from_the_same_weights():
    plain, other = small(fusion="sum").state_dict(), small(fusion="sum", simam2=LEARNED).state_dict()
    assert all(torch.equal(value, other[name]) for name, value in plain.items())
    concat = small().state_dict()
    assert all(torch.equal(value, concat[name]) for name, value in plain.items() if not name.startswith("fusion"))


def test_a_modality_left_out_changes_nothing():
    model = small(modalities=("audio",)).eval()
    given, other = few(), few(seed=1)
    assert torch.equal(model(given).logits, model({"audio": given["audio"], "visual": other["visual"]}).logits)
    assert not torch.equal(model(given).logits, model({"audio": other["audio"], "visual": given["visual"]}).logits)


def test_evaluation_does_not_depend_on_the_batch():
    model = small(fusion="sum", simam2=LEARNED)
    model(few(seed=2))  # a training step's statistics
    model.eval()
    given = few()
    together = model(given).logits
    assert_close(model({name: x[1:2] for name, x in given.items()}).logits, together[1:2])


def test_messages():
    with pytest.raises(UsageError, match="4 positions"):
        small()({**few(), "visual": torch.rand(3, 10, 3, 2, 5)})
    with pytest.raises(UsageError, match="no input for visual"):
        small()({"audio": few()["audio"]})
    with pytest.raises(ParameterError, match="fusion is 'film'"):
        small(fusion="film")
    with pytest.raises(ParameterError, match="modalities"):
        small(modalities=("sound",))
