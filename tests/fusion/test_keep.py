"""Samples that drop a modality: a zero feature, and exactly no gradient to its encoder, in every fusion."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close
from waves import filled, wave

from mmlib.errors import UsageError
from mmlib.fusion import SimAM2Options, build_fusion

PAIR, THREE = {"visual": 4, "audio": 4}, {"text": 4, "audio": 4, "flow": 4}
SIMAM2 = {
    "plain": None,
    "half": SimAM2Options(fold=True),
    "learned": SimAM2Options(zeta="learned", zeta_norm="none", r_grad="flow", fold=True),
    "raw": SimAM2Options(zeta="learned", zeta_norm="none", zeta_input="raw", concat_stats="block", fold=True),
}
CASES = [
    (name, channels, options)
    for name in ("concat", "sum", "weighted_sum", "film", "gated")
    for channels in (PAIR, THREE)
    for options in SIMAM2
    if not (name == "film" and channels is THREE)
]
KEPT = torch.tensor([True, False, True, False, True, True])


def fusion_of(name, channels, options="plain", **more):
    return filled(build_fusion(name, channels, 3, simam2=SIMAM2[options], zeta_norm="none", **more)).train()


def features(channels, rows=(6,)):
    return {name: wave((*rows, size), k).abs().requires_grad_() for k, (name, size) in enumerate(channels.items())}


@pytest.mark.parametrize(("name", "channels", "options"), CASES)
@pytest.mark.parametrize("dropped", ["first", "audio"])
def test_a_dropped_row_gets_exactly_no_gradient_and_the_others_get_one(name, channels, options, dropped):
    modality = next(iter(channels)) if dropped == "first" else "audio"
    fusion = fusion_of(name, channels, options)
    x = features(channels)
    output = fusion(x, {modality: KEPT})
    output.logits.square().sum().backward()
    assert (output.features[modality][~KEPT] == 0).all()
    for other in channels:
        of_rows = x[other].grad.abs().sum(dim=1)
        assert torch.isfinite(of_rows).all()
        assert torch.equal(of_rows > 0, KEPT if other == modality else torch.ones(6, dtype=torch.bool))
    assert all(torch.isfinite(p.grad).all() for p in fusion.parameters() if p.grad is not None)


@pytest.mark.parametrize(("name", "channels", "options"), CASES)
def test_dropping_is_a_zero_feature_whatever_it_was(name, channels, options):
    fusion = fusion_of(name, channels, options).eval()
    x = {modality: value.detach() for modality, value in features(channels).items()}
    zeroed = {**x, "audio": torch.where(KEPT[:, None], x["audio"], 0)}
    broken = {**x, "audio": torch.where(KEPT[:, None], x["audio"], torch.nan)}
    assert torch.equal(fusion(zeroed).logits, fusion(broken, {"audio": KEPT}).logits)


@pytest.mark.parametrize(("name", "channels", "options"), CASES)
def test_keeping_all_is_no_mask_bit_for_bit(name, channels, options):
    x = features(channels)
    plain, *others = (
        fusion_of(name, channels, options)(x, keep)
        for keep in (None, {}, {modality: torch.ones(6, dtype=torch.bool) for modality in channels})
    )
    assert plain.keep is None
    for other in others:
        assert torch.equal(plain.logits, other.logits)


def test_only_one_modality_left_keeps_the_whole_bias():
    """W_v f_v + b, as in the valuation of samples; a projection's bias stays too, since it belongs to the fusion."""
    x = features(PAIR)
    none = {"audio": torch.zeros(6, dtype=torch.bool)}
    f = fusion_of("concat", PAIR)
    assert_close(f(x, none).logits, F.linear(x["visual"], f.classifier.weight[:, 4:], f.classifier.bias))
    f = fusion_of("sum", PAIR)
    visual = f.projections["visual"](x["visual"])
    assert_close(f(x, none).logits, f.classifier(visual + f.projections["audio"].bias))
    everything = fusion_of("concat", PAIR)(x, {**none, "visual": torch.zeros(6, dtype=torch.bool)})
    assert_close(everything.logits, fusion_of("concat", PAIR).classifier.bias.expand(6, -1))


def test_segments_are_dropped_with_their_clip():
    f = fusion_of("sum", PAIR)
    x = features(PAIR, rows=(6, 5))
    f(x, {"visual": KEPT}).logits.sum().backward()
    assert torch.equal(x["visual"].grad.abs().sum(dim=(1, 2)) > 0, KEPT)


@pytest.mark.parametrize(
    ("keep", "words"),
    [
        ({"text": KEPT}, "keep mask names 'text'"),
        ({"audio": KEPT[:5]}, r"must be bool of shape \(6,\)"),
        ({"audio": KEPT.float()}, "float32"),
    ],
)
def test_masks_that_do_not_fit(keep, words):
    with pytest.raises(UsageError, match=words):
        fusion_of("sum", PAIR)(features(PAIR), keep)
