"""IEMF: published values, what it changes and what it leaves alone, its modes, its window, and beside others."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.testing import assert_close
from waves import wave

from mmlib.errors import ParameterError, UsageError
from mmlib.losses.unimodal import unimodal_losses
from mmlib.models import Input, build_classifier
from mmlib.modulation import IEMF, MSLR, OGMGE, build_modulation, iemf_coefficient, iemf_ratio
from mmlib.modulation.ratios import decoupled_scores


def table(rows):
    return torch.tensor(rows, dtype=torch.float64)


# Two samples, three classes, worked out by hand; a third modality beside.
HEADS = {"audio": table([[1, 0, -1], [0, 0.5, 0]]), "visual": table([[0.5, 0.5, 0], [-1, 0, 1]])}
TOUCH = {"touch": table([[0, 0, 1], [2, 1, 0]])}
FUSED = table([[2, 0, -1], [0, 1, 0.5]])
TARGETS = torch.tensor([0, 1])
GRADIENT = table([[1, -2, 3], [0, 4, -1]])
SEEN = {"head_logits": HEADS, "fused_logits": FUSED, "targets": TARGETS}
I_OF_TWO = 1.33961405


def near(value, expected):
    assert value.shape == ()
    assert value.item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("ratio", "expected"),
    [
        (0, 1.761594),
        (0.25, 1.635149),
        (0.5, 1.462117),
        (0.75, 1.244919),
        (1, 1),
        (1.25, 0.755081),
        (1.5, 0.537883),
        (2, 0.238406),
    ],
)
def test_coefficient_of_a_ratio(ratio, expected):
    ratio = torch.tensor(float(ratio), dtype=torch.float64)
    assert iemf_coefficient(ratio).item() == pytest.approx(expected, abs=1e-6)
    assert iemf_coefficient(ratio, 0.5).item() == pytest.approx(expected / 2, abs=1e-6)
    assert iemf_coefficient(ratio, 0.0) == 0


def test_weaker_cues_mean_a_larger_coefficient():
    ratios = torch.linspace(0, 5, 50, dtype=torch.float64)
    values = iemf_coefficient(ratios)
    assert (values.diff() < 0).all()
    assert values[0].item() == pytest.approx(1 + math.tanh(1))


def test_ratio_of_two_and_of_three_modalities():
    scores = decoupled_scores({**HEADS, **TOUCH, "fused": FUSED}, TARGETS)
    for name, expected in {"audio": 1.11710372, "visual": 0.62838020, "touch": 0.45667003, "fused": 1.35027513}.items():
        near(scores[name], expected)
    near(iemf_ratio(HEADS, FUSED, TARGETS), 0.64634380)
    near(iemf_coefficient(iemf_ratio(HEADS, FUSED, TARGETS)), I_OF_TWO)
    near(iemf_ratio({**HEADS, **TOUCH}, FUSED, TARGETS), 0.54363093)
    near(iemf_coefficient(iemf_ratio({**HEADS, **TOUCH}, FUSED, TARGETS)), 1.42712029)


def layer(gradient=GRADIENT, **settings):
    """A fusion layer of one weight, IEMF on it, and its gradient after a step of SGD with rate 0."""
    weight = nn.Parameter(torch.zeros_like(gradient))
    optimizer = torch.optim.SGD([weight], lr=0.0)
    iemf = IEMF({"fusion": [weight]}, **settings).attach(optimizer)
    iemf.observe(**SEEN)
    weight.grad = gradient.clone()
    optimizer.step()
    return weight.grad, iemf


def test_gradient_of_the_worked_example():
    changed, iemf = layer(noise=False)
    assert_close(changed, I_OF_TWO * GRADIENT, rtol=1e-6, atol=0)
    near(iemf.ratios["iemf"], 0.64634380)
    near(iemf.coefficients["fusion"], I_OF_TWO)
    near(iemf.traced()["iemf_ratio"], 0.64634380)
    assert GRADIENT.std().item() == pytest.approx(2.31660671, rel=1e-6)


def test_each_switch_is_its_own():
    assert torch.equal(layer(scaling=False, noise=False)[0], GRADIENT)
    noisy, iemf = layer(scaling=False)
    scaled, _ = layer()
    assert_close(noisy - GRADIENT, scaled - I_OF_TWO * GRADIENT)  # the same noise, whatever the scaling
    assert iemf.coefficients["fusion"] == 1
    near(iemf.ratios["iemf"], 0.64634380)
    assert_close(layer(gain=0.0, noise=False)[0], 0 * GRADIENT)
    assert_close(layer(gain=3.0, noise=False)[0], 3 * I_OF_TWO * GRADIENT, rtol=1e-6, atol=0)


def test_generators_are_seeded_only_where_noise_is_drawn(monkeypatch):
    """Seeding is a measurable part of a small network's step."""
    seeded, seed = [], np.random.SeedSequence
    monkeypatch.setattr(
        "mmlib.modulation.mechanism.np.random.SeedSequence", lambda keys: seeded.append(keys) or seed(keys)
    )
    layer(noise=False)
    assert seeded == []
    layer()
    assert len(seeded) == 1


def test_noise_has_the_deviation_of_each_tensor_unscaled():
    """Of 60 000 draws the deviation is known to 0.3 % (one standard error), the mean to 0.4 % of it."""
    gradients = [5 * wave((200, 300), 1) + 1, 0.01 * wave((60_000,), 2)]
    parameters = [nn.Parameter(torch.zeros_like(gradient)) for gradient in gradients]
    optimizer = torch.optim.SGD(parameters, lr=0.0)
    iemf = IEMF({"fusion": parameters}, gain=0.1).attach(optimizer)
    iemf.observe(**SEEN)
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient.clone()
    optimizer.step()
    noises = []
    for parameter, gradient in zip(parameters, gradients, strict=True):
        noise = (parameter.grad - iemf.coefficients["fusion"] * gradient) / gradient.std()
        assert noise.std().item() == pytest.approx(1, abs=0.015)
        assert abs(noise.mean().item()) < 0.02
        assert noise.pow(4).mean().item() == pytest.approx(3, abs=0.15), "Gaussian"
        noises.append(noise.flatten())
    assert abs(torch.corrcoef(torch.stack(noises))[0, 1].item()) < 0.02, "drawn for each tensor"


def test_a_tensor_of_one_number_has_no_deviation_and_gets_no_noise():
    changed, _ = layer(table([2.0]))
    assert_close(changed, I_OF_TWO * table([2.0]), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("apply_to", ["step", "learning_rate"])
def test_rate_of_the_worked_example_does_not_compound(apply_to):
    """r = ½ and r = 3/2 by scores of one sample: s = ½ and ½, ¾ and ¾ (fused 1 and ½)."""
    cases = {0.5: 1.46211716e-3, 1.5: 5.37882843e-4}
    sure, even, odds = [0.0, 60.0], [0.0, 0.0], [0.0, math.log(3)]
    logits = {0.5: (even, sure), 1.5: (odds, even)}
    for ratio, expected in cases.items():
        alone, fused = (table([row]) for row in logits[ratio])
        weight = nn.Parameter(table([0.0, 0.0]))
        optimizer = torch.optim.SGD([weight], lr=1e-3)
        iemf = IEMF({"fusion": [weight]}, apply_to=apply_to).attach(optimizer)
        for step in (1, 2, 3):
            iemf.observe(head_logits={"a": alone, "b": alone}, fused_logits=fused, targets=torch.tensor([1]))
            near(iemf.ratios["iemf"], ratio)
            weight.grad = torch.ones_like(weight)
            optimizer.step()
            assert_close(weight.detach(), torch.full_like(weight, -step * expected), rtol=1e-6, atol=0)
            assert optimizer.param_groups[0]["lr"] == 1e-3
            assert torch.equal(weight.grad, torch.ones_like(weight)), "no noise in these modes, as published"


def test_the_newest_classes_of_continual_learning():
    """Step 1 of two classes each: new rows only, softmax within the slice, targets counted from its first class."""
    fused, audio = table([[0, 1, 2, 0], [1, 0, 0.5, -0.5]]), table([[1, 0, 0.5, 0.5], [0, 0, 0, 1]])
    visual, targets = table([[0, 0, 1, -1], [0, 1, 1, 0]]), torch.tensor([2, 3])
    old = [[9.0, -3, 4, 1], [0, 5, 1, -7]]  # rows of exemplars, between and after the new ones, must not count
    joint = {name: torch.cat([z[:1], table(old), z[1:]]) for name, z in (("a", audio), ("v", visual), ("f", fused))}
    rows, classes = torch.tensor([True, False, False, True]), slice(2, 4)
    labels = torch.tensor([2, 0, 1, 3])
    sliced = {name: z[:, classes] for name, z in joint.items()}
    scores = decoupled_scores(sliced, labels - 2, rows)
    for name, expected in {"a": 1.23105858, "v": 1.14973850, "f": 1.14973850}.items():
        near(scores[name], expected)
    iemf = IEMF({"fusion": [nn.Parameter(table([1.0, 2.0]))]})
    heads = {"audio": sliced["a"], "visual": sliced["v"]}
    for counted in (labels - 2, labels % 2):  # the published code takes labels modulo the classes of a step
        iemf.observe(head_logits=heads, fused_logits=sliced["f"], targets=counted, rows=rows)
        near(iemf.ratios["iemf"], 1.03536460)
        near(iemf.coefficients["fusion"], 0.96465014)
        iemf.load_state_dict(iemf.state_dict())  # what was observed and not used is forgotten
    whole = iemf_ratio({"audio": audio, "visual": visual}, fused, targets)
    near(iemf_coefficient(whole), 1.03116023)


def test_scores_may_come_from_the_fusion_itself():
    weight = nn.Parameter(torch.zeros(3))
    iemf = IEMF({"fusion": [weight]}, scores="halves")
    iemf.observe(unimodal_logits=HEADS, head_logits={m: -z for m, z in HEADS.items()}, **_without_heads())
    near(iemf.ratios["iemf"], 0.64634380)


def _without_heads():
    return {"fused_logits": FUSED, "targets": TARGETS}


def test_window_edges():
    """Epochs 3 to 50 and, by default, 0 to 100: the last one is in, the next is out, and nothing is touched there."""
    for settings, active in (({"window": (3, 50)}, range(3, 51)), ({}, range(101))):
        weight = nn.Parameter(torch.zeros_like(GRADIENT))
        optimizer = torch.optim.SGD([weight], lr=0.0)
        iemf = IEMF({"fusion": [weight]}, **settings).attach(optimizer)
        for epoch in range(104):
            iemf.set_epoch(epoch)
            iemf.observe(**SEEN)
            weight.grad = GRADIENT.clone()
            optimizer.step()
            assert torch.equal(weight.grad, GRADIENT) == (epoch not in active), epoch
            assert (iemf.coefficients["fusion"] == 1) == (epoch not in active)
            near(iemf.ratios["iemf"], 0.64634380)


def test_a_score_of_nothing_gives_a_finite_coefficient():
    hopeless = table([[-900.0, 0, 900], [900.0, -900, 0]])
    iemf = IEMF({"fusion": [nn.Parameter(torch.zeros(3))]})
    for alone, fused, expected in ((hopeless, FUSED, 1 + math.tanh(1)), (FUSED, hopeless, 0)):
        iemf.observe(head_logits={"a": alone, "b": alone}, fused_logits=fused, targets=TARGETS)
        assert iemf.coefficients["fusion"].item() == pytest.approx(expected, abs=1e-6)
        iemf.load_state_dict(iemf.state_dict())


def test_mistakes():
    weights = {"fusion": [nn.Parameter(torch.zeros(3))]}
    with pytest.raises(ParameterError, match="gain is -1"):
        IEMF(weights, gain=-1.0)
    with pytest.raises(ParameterError, match="scores is 'both'"):
        IEMF(weights, scores="both")
    with pytest.raises(ParameterError, match="group 'fusion' has no trainable parameter"):
        IEMF({"fusion": []})
    with pytest.raises(UsageError, match="IEMF needs head_logits of two modalities or more"):
        IEMF(weights).observe(unimodal_logits=HEADS, fused_logits=FUSED, targets=TARGETS)
    with pytest.raises(UsageError, match="IEMF needs head_logits"):
        IEMF(weights).observe(head_logits={"audio": HEADS["audio"]}, fused_logits=FUSED, targets=TARGETS)
    with pytest.raises(UsageError, match="IEMF needs unimodal_logits"):
        IEMF(weights, scores="halves").observe(head_logits=HEADS, fused_logits=FUSED, targets=TARGETS)
    with pytest.raises(UsageError, match="two modalities or more; got logits of audio"):
        iemf_ratio({"audio": HEADS["audio"]}, FUSED, TARGETS)
    with pytest.raises(UsageError, match="targets must be class indices"):
        IEMF(weights).observe(head_logits=HEADS, fused_logits=FUSED, targets=TARGETS.double())


# On a network, beside other modulations.

THREE = {"sensor": Input("vector", 6), "motion": Input("sequence", 4), "text": Input("tokens", 20)}
GREY = {"visual": Input("frames", 1), "audio": Input("spectrogram", 1)}


def model_of(inputs=GREY, fusion="concat", **options):
    torch.manual_seed(0)
    settings = {"num_classes": 4, "feature_channels": 8, "width": 4, "norm": "group", "unimodal_heads": "attached"}
    return build_classifier("small", inputs=inputs, fusion=fusion, **settings | options)


def batch_of(seed=0, size=6):
    generator = torch.Generator().manual_seed(seed)
    inputs = {
        "audio": torch.randn(size, 1, 17, 16, generator=generator),
        "visual": torch.randn(size, 1, 2, 12, 12, generator=generator),
        "sensor": torch.randn(size, 6, generator=generator),
        "motion": torch.randn(size, 5, 4, generator=generator),
        "text": torch.randint(20, (size, 7), generator=generator),
    }
    return inputs, torch.randint(4, (size,), generator=generator)


def step(model, optimizer, modulations, seed):
    """One step; returns the gradients before and after the hooks."""
    inputs, targets = batch_of(seed)
    output = model({name: inputs[name] for name in model.encoders})
    seen = {"unimodal_logits": model.unimodal_logits(output), "head_logits": output.head_logits}
    for modulation in modulations:
        modulation.observe(**seen, fused_logits=output.logits, zeta=output.zeta, targets=targets)
    losses = nn.functional.cross_entropy(output.logits, targets) + sum(unimodal_losses(output, targets).values())
    optimizer.zero_grad()
    losses.backward()
    before = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    optimizer.step()
    return before, {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


MIXING = {  # the layers in which the modalities meet, by the names of their parameters
    "concat": {"fusion.classifier"},
    "sum": {"fusion.projections"},
    "weighted_sum": {"fusion.projections", "fusion.zeta"},
    "film": {"fusion.scale_and_shift"},
    "gated": {"fusion.hidden"},
}


@pytest.mark.parametrize("fusion", MIXING)
@pytest.mark.parametrize("target", ["mixing", "fusion"])
def test_only_the_named_parameters_change(fusion, target):
    model = model_of(fusion=fusion)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    named = model.fusion.mixing_parameters() if target == "mixing" else model.fusion.parameters()
    iemf = IEMF({"fusion": named}).attach(optimizer)
    before, after = step(model, optimizer, [iemf], 0)
    prefixes = tuple(MIXING[fusion] if target == "mixing" else {"fusion."})
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {name for name in before if name.startswith(prefixes)}
    assert any(before[name].dim() == 1 for name in changed), "biases are"


def test_mixing_layers_of_other_fusions():
    for fusion in ("concat", "sum", "weighted_sum", "gated"):
        model = model_of(THREE, fusion)
        names = {id(p): name for name, p in model.named_parameters()}
        found = {names[id(p)] for p in model.fusion.mixing_parameters()}
        expected = MIXING[fusion] if fusion != "weighted_sum" else {"fusion.projections", "fusion.weights"}
        assert found == {name for name in names.values() if name.startswith(tuple(expected))}
    for site, expected in {"logit": "fusion.projections", "feature": "fusion.classifier"}.items():
        model = model_of(fusion="sum", sum_site=site)
        names = {id(p): name for name, p in model.named_parameters()}
        found = {names[id(p)] for p in model.fusion.mixing_parameters()}
        assert found == {name for name in names.values() if name.startswith(expected)}


@pytest.mark.parametrize("optimizer_class", [torch.optim.SGD, torch.optim.Adam])
@pytest.mark.parametrize("other", ["none", "ogm", "ogm_ge", "decoupling_free", "mslr"])
def test_composes_with_what_changes_the_encoders(optimizer_class, other):
    """Each does on its own parameters what it does alone; the heads are touched by MSLR alone."""

    def changes(which):
        model = model_of(fusion="weighted_sum")
        optimizer = optimizer_class(model.parameters(), lr=0.01)
        groups = model.modality_parameters(heads=other == "mslr")
        modulations = [build_modulation(other, groups, alpha=0.8, seed=3)] if "other" in which else []
        modulations += [IEMF({"fusion": model.fusion.mixing_parameters()}, seed=3)] if "iemf" in which else []
        for modulation in modulations:
            modulation.attach(optimizer)
        before, after = step(model, optimizer, modulations, 0)
        return model, before, after

    model, before, both = changes(("other", "iemf"))
    parts = [changes((name,)) for name in ("other", "iemf")]
    assert all(torch.equal(value, parts[0][1][name]) for name, value in before.items()), "same start"
    for name, value in both.items():
        belongs = parts[1][2] if name.startswith("fusion.") else parts[0][2]
        assert torch.equal(value, belongs[name]), name
    weights = dict(model.named_parameters())
    for name, value in weights.items():
        belongs = dict(parts[1 if name.startswith("fusion.") else 0][0].named_parameters())[name]
        assert torch.equal(value, belongs), name
    touched = {name.split(".")[0] for name in before if not torch.equal(before[name], both[name])}
    assert touched == {"fusion"} | ({"encoders"} if other != "none" else set()) | (
        {"unimodal_heads"} if other == "mslr" else set()
    )


@pytest.mark.parametrize("inputs", [GREY, THREE], ids=["two", "three"])
def test_a_resumed_run_repeats_the_uninterrupted_one(inputs):
    """OGM-GE on the encoders, MSLR on encoders and heads, IEMF on the fusion, all on one Adam."""

    def start():
        model = model_of(inputs)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        groups = model.modality_parameters()
        modulations = [
            OGMGE(groups, alpha=0.8, seed=1, tensors="matrices"),
            MSLR(model.modality_parameters(heads=True), split="test"),
            IEMF({"fusion": model.fusion.mixing_parameters()}, seed=2),
        ]
        return model, optimizer, [modulation.attach(optimizer) for modulation in modulations]

    def epochs(parts, numbers):
        model, optimizer, modulations = parts
        for epoch in numbers:
            for modulation in modulations:
                modulation.set_epoch(epoch)
            for number in range(2):
                step(model, optimizer, modulations, 10 * epoch + number)
            modulations[1].end_epoch(epoch, {"test": {f"top1_{m}": (epoch + 3) % 5 / 5 for m in model.encoders}})

    whole = start()
    epochs(whole, range(9))
    stopped = start()
    epochs(stopped, range(7))
    model, optimizer, modulations = start()
    model.load_state_dict(stopped[0].state_dict())
    optimizer.load_state_dict(stopped[1].state_dict())
    for modulation, before in zip(modulations, stopped[2], strict=True):
        modulation.load_state_dict(before.state_dict())
    epochs((model, optimizer, modulations), range(7, 9))
    for name, value in whole[0].state_dict().items():
        assert torch.equal(value, model.state_dict()[name]), name
    assert modulations[1].q == whole[2][1].q != dict.fromkeys(model.encoders, 1.0)


def test_accumulated_batches_are_scored_together():
    iemf = IEMF({"fusion": [nn.Parameter(torch.zeros(3))]})
    for row in (slice(0, 1), slice(1, 2)):
        iemf.observe(head_logits={m: z[row] for m, z in HEADS.items()}, fused_logits=FUSED[row], targets=TARGETS[row])
    near(iemf.ratios["iemf"], 0.64634380)
    assert iemf.step == 1


def test_by_name():
    weights = {"fusion": [nn.Parameter(torch.zeros(3))]}
    built = build_modulation("iemf", weights, gain=2.0, noise=False)
    assert (type(built), built.gain, built.noise, built.window) == (IEMF, 2.0, False, (0, 100))
    assert build_modulation("iemf", weights, window=(20, 70)).window == (20, 70)
    assert build_modulation("iemf", weights, window=None).window is None
    assert build_modulation("ogm", model_of().modality_parameters()).window == (0, 50)
    with pytest.raises(TypeError, match="gain"):
        build_modulation("ogm", model_of().modality_parameters(), gain=2.0)
