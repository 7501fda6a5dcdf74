"""What the modulations do to gradients, in a user's own loop."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from mmlib.errors import ParameterError, UsageError
from mmlib.fusion import SimAM2Options
from mmlib.models import Input, build_classifier
from mmlib.modulation import DecouplingFree, build_modulation
from mmlib.modulation.ogm import add_noise_together
from mmlib.modulation.ratios import coefficients, decoupled_ratio, zeta_ratio

METHODS = ["ogm", "ogm_ge", "decoupling_free"]
GREY = {"visual": Input("frames", 1), "audio": Input("spectrogram", 1)}


def model_of(**options):
    torch.manual_seed(0)
    settings = {"fusion": "sum", "simam2": SimAM2Options(zeta="learned", zeta_norm="none"), **options}
    return build_classifier("small", num_classes=4, inputs=GREY, feature_channels=8, width=4, norm="group", **settings)


def batch_of(seed=0, size=6):
    generator = torch.Generator().manual_seed(seed)
    inputs = {
        "audio": torch.randn(size, 1, 17, 16, generator=generator),
        "visual": torch.randn(size, 1, 2, 12, 12, generator=generator),
    }
    return inputs, torch.randint(4, (size,), generator=generator)


def backward(model, modulation, batch):
    inputs, targets = batch
    output = model(inputs)
    modulation.observe(unimodal_logits=model.unimodal_logits(output), zeta=output.zeta, targets=targets)
    nn.functional.cross_entropy(output.logits, targets).backward()
    return output


def gradients(model):
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def train(name, steps=3, first=0, model=None, state=None, alpha=0.8, **settings):
    model = model or model_of()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    modulation = build_modulation(name, model.modality_parameters(), alpha=alpha, **settings).attach(optimizer)
    if state:
        modulation.load_state_dict(state)
    for step in range(first, first + steps):
        backward(model, modulation, batch_of(step))
        optimizer.step()
        optimizer.zero_grad()
    return model, modulation


def equal(first, second):
    return all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))


def changes(name, alpha=0.8, **settings):
    """Gradients before and after the step's hook, the coefficients, and the output."""
    model = model_of()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    modulation = build_modulation(name, model.modality_parameters(), alpha=alpha, **settings).attach(optimizer)
    output = backward(model, modulation, batch_of())
    before = gradients(model)
    optimizer.step()
    return model, before, gradients(model), modulation, output


def test_ogm_scales_the_convolutions_of_the_encoders_and_nothing_else():
    model, before, after, modulation, output = changes("ogm")
    ratio = decoupled_ratio(model.unimodal_logits(output), batch_of()[1])
    k = coefficients(ratio, 0.8)
    assert_close(modulation.coefficients, k)
    assert_close(modulation.ratios["audio"], 1 / ratio)
    assert min(k.values()) < 1
    for name, parameter in model.named_parameters():
        modality = name.split(".")[1] if name.startswith("encoders") else None
        factor = k[modality] if modality and parameter.dim() == 4 else 1
        assert torch.equal(after[name], before[name] * factor), name


def test_decoupling_free_takes_its_ratio_from_zeta():
    _, _, _, modulation, output = changes("decoupling_free")
    assert_close(modulation.ratios["visual"], zeta_ratio(output.zeta))
    _, _, _, modulation, output = changes("decoupling_free", zeta_ratio="sample")
    assert_close(modulation.ratios["visual"], zeta_ratio(output.zeta, "sample"))


@pytest.mark.parametrize("method", ["ogm_ge", "decoupling_free"])
def test_noise_has_the_deviation_of_the_unscaled_gradient_and_touches_both_modalities(method):
    model, before, after, modulation, _ = changes(method)
    checked = set()
    for name, parameter in model.named_parameters():
        if not (name.startswith("encoders") and parameter.dim() == 4):
            assert torch.equal(after[name], before[name])
            continue
        modality = name.split(".")[1]
        noise = after[name] - modulation.coefficients[modality] * before[name]
        assert noise.std() > 0
        if parameter.numel() >= 100:
            ratio = noise.std() / (before[name].std() + 1e-8)
            assert ratio.item() == pytest.approx(1, abs=0.25)
            assert abs(noise.mean()) < 0.35 * before[name].std()
            checked.add(modality)
    assert checked == {"visual", "audio"}


def test_alpha_zero_is_no_modulation_bit_for_bit():
    plain, _ = train("none")
    assert equal(plain, train("ogm", alpha=0.0)[0])
    assert not equal(plain, train("ogm", alpha=0.8)[0])
    model = model_of()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    modulation = DecouplingFree(model.modality_parameters(), alpha=0.0, noise=False).attach(optimizer)
    for step in range(3):
        backward(model, modulation, batch_of(step))
        optimizer.step()
        optimizer.zero_grad()
    assert equal(plain, model)


def test_outside_the_window_nothing_changes():
    plain, _ = train("none")
    for method in METHODS:
        model, modulation = train(method, window=(3, 5))
        assert equal(plain, model)
        assert modulation.coefficients == {"visual": 1, "audio": 1}


def test_window_is_inclusive_at_both_ends():
    modulation = build_modulation("ogm", model_of().modality_parameters(), window=(2, 4))
    active = []
    for epoch in range(7):
        modulation.set_epoch(epoch)
        active.append(modulation.active)
    assert active == [False, False, True, True, True, False, False]


def test_all_tensors_changes_every_parameter_of_the_encoders():
    model, before, after, _, _ = changes("ogm_ge", tensors="all")
    for name in before:
        assert torch.equal(after[name], before[name]) != name.startswith("encoders"), name


@pytest.mark.parametrize("method", METHODS)
def test_same_seed_same_run_and_another_seed_another(method):
    first, again, other = train(method, seed=1)[0], train(method, seed=1)[0], train(method, seed=2)[0]
    assert equal(first, again)
    assert equal(first, other) == (method == "ogm")


@pytest.mark.parametrize("method", METHODS)
def test_a_resumed_run_repeats_the_uninterrupted_one(method):
    whole, _ = train(method, steps=4)
    model, modulation = train(method, steps=2)
    resumed, _ = train(method, steps=2, first=2, model=model, state=modulation.state_dict())
    assert equal(whole, resumed)


def test_the_number_of_threads_changes_no_noise():
    single, _ = train("ogm_ge")
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        several, _ = train("ogm_ge")
    finally:
        torch.set_num_threads(threads)
    for a, b in zip(single.parameters(), several.parameters(), strict=True):
        assert_close(a, b)


def test_noise_leaves_the_global_generator_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    model = model_of()
    torch.manual_seed(5)
    train("ogm_ge", model=model)
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("method", METHODS)
def test_gradient_accumulation_scores_all_micro_batches_together(method):
    inputs, targets = batch_of()
    whole = model_of().eval()  # in evaluation r does not depend on how the batch is cut
    once = build_modulation(method, whole.modality_parameters(), alpha=0.8)
    backward(whole, once, (inputs, targets))
    parts = model_of().eval()
    split = build_modulation(method, parts.modality_parameters(), alpha=0.8)
    for rows in (slice(0, 3), slice(3, 6)):
        backward(parts, split, ({k: v[rows] for k, v in inputs.items()}, targets[rows]))
    assert_close(split.ratios, once.ratios)
    assert split.step == once.step == 1


def test_several_optimisers_each_modulate_their_own_parameters():
    one, _, expected, _, _ = changes("ogm_ge")
    model = model_of()
    groups = model.modality_parameters()
    modulation = build_modulation("ogm_ge", groups, alpha=0.8)
    optimizers = [torch.optim.SGD(groups[m], lr=0.0) for m in ("visual", "audio")]
    for optimizer in optimizers:
        modulation.attach(optimizer)
    backward(model, modulation, batch_of())
    before = gradients(model)
    optimizers[1].step()
    middle = gradients(model)
    optimizers[0].step()
    after = gradients(model)
    for name in before:
        touched = name.startswith("encoders") and before[name].dim() == 4
        assert torch.equal(middle[name], before[name]) != (touched and "audio" in name)
        assert torch.equal(after[name], before[name]) != touched


@pytest.mark.parametrize("method", METHODS)
def test_works_with_a_gradient_scaler(method):
    """A scaled loss is unscaled before the hook, so the result is that of a loop without a scaler."""
    plain, _ = train(method, steps=2)
    model = model_of()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10)
    modulation = build_modulation(method, model.modality_parameters(), alpha=0.8).attach(optimizer)
    for step in range(2):
        inputs, targets = batch_of(step)
        output = model(inputs)
        modulation.observe(unimodal_logits=model.unimodal_logits(output), zeta=output.zeta, targets=targets)
        scaler.scale(nn.functional.cross_entropy(output.logits, targets)).backward()
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad()
    for a, b in zip(plain.parameters(), model.parameters(), strict=True):
        assert_close(a, b)


def test_autocast_gives_scores_in_single_precision():
    model = model_of()
    modulation = build_modulation("ogm_ge", model.modality_parameters(), alpha=0.8)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = backward(model, modulation, batch_of())
    assert output.logits.dtype == torch.bfloat16
    assert modulation.ratios["visual"].dtype == torch.float32
    assert torch.isfinite(modulation.ratios["visual"])


def test_momentum_sees_the_modulated_gradient_and_weight_decay_is_not_scaled():
    model = model_of()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=0.01)
    modulation = build_modulation("ogm", model.modality_parameters(), alpha=0.8).attach(optimizer)
    backward(model, modulation, batch_of())
    name, parameter = next((n, p) for n, p in model.named_parameters() if "audio" in n and p.dim() == 4)
    weight, grad = parameter.detach().clone(), parameter.grad.clone()
    optimizer.step()
    velocity = modulation.coefficients["audio"] * grad + 0.01 * weight
    assert_close(optimizer.state[parameter]["momentum_buffer"], velocity)


def test_other_modalities_keep_the_order_given():
    groups = {"flow": [nn.Parameter(torch.randn(2, 2, 3, 3))], "text": [nn.Parameter(torch.randn(2, 2, 3, 3))]}
    modulation = build_modulation("decoupling_free", groups, alpha=0.5)
    modulation.observe(zeta=torch.full((3, 4), 0.9))
    assert_close(modulation.ratios["flow"], torch.tensor(9.0))
    assert modulation.coefficients["flow"] < modulation.coefficients["text"] == 1


# Mistakes.


def test_missing_scores_name_what_is_needed_and_who_has_it():
    groups = model_of().modality_parameters()
    with pytest.raises(UsageError, match="DecouplingFree needs zeta.*'weighted_sum'.*zeta='learned'"):
        build_modulation("decoupling_free", groups).observe(unimodal_logits={}, zeta=None)
    with pytest.raises(UsageError, match="OGM needs unimodal_logits and targets"):
        build_modulation("ogm", groups).observe(zeta=torch.rand(2, 3))


def test_a_step_without_an_observation_is_refused():
    model = model_of()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    modulation = build_modulation("ogm", model.modality_parameters()).attach(optimizer)
    with pytest.raises(UsageError, match="no batch was observed"):
        optimizer.step()
    backward(model, modulation, batch_of())
    optimizer.step()
    with pytest.raises(UsageError, match="since its last step"):
        optimizer.step()
    modulation.detach()
    optimizer.step()


def test_settings_that_cannot_be():
    groups = model_of().modality_parameters()
    with pytest.raises(ParameterError, match="modulation is 'pmr'.*'ogm_ge'"):
        build_modulation("pmr", groups)
    with pytest.raises(ParameterError, match="alpha is -1"):
        build_modulation("ogm", groups, alpha=-1)
    with pytest.raises(ParameterError, match="ends before"):
        build_modulation("ogm", groups, window=(5, 2))
    with pytest.raises(ParameterError, match="two modalities or more"):
        build_modulation("ogm", {"audio": groups["audio"]})
    with pytest.raises(ParameterError, match="tensors='matrices'"):
        build_modulation("ogm", {m: nn.Linear(2, 2).parameters() for m in ("audio", "visual")})
    with pytest.raises(ParameterError, match="zeta_ratio"):
        build_modulation("decoupling_free", groups, zeta_ratio="mean")
    with pytest.raises(UsageError, match="holds none"):
        build_modulation("ogm", groups).attach(torch.optim.SGD(nn.Linear(2, 2).parameters()))


# Networks without convolutions, and optimisers that cancel a constant factor.


class Pair(nn.Module):
    """A linear layer per modality, nothing else."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.ModuleDict({"visual": nn.Linear(3, 4), "audio": nn.Linear(3, 4)})

    def groups(self):
        return {name: list(layer.parameters()) for name, layer in self.layers.items()}

    def loss(self, inputs):
        return sum(layer(inputs).square().sum() for layer in self.layers.values())


def stepped(optimizer_class, steps=5, **settings):
    """Weights after some steps with the visual side held back by a constant ratio of 3."""
    model = Pair()
    optimizer = optimizer_class(model.parameters(), lr=0.01)
    modulation = DecouplingFree(model.groups(), alpha=0.3, noise=False, tensors="matrices", **settings).attach(
        optimizer
    )
    start = {name: p.detach().clone() for name, p in model.named_parameters()}
    for step in range(steps):
        modulation.observe(zeta=torch.full((2, 4), 0.75))
        model.loss(torch.randn(5, 3, generator=torch.Generator().manual_seed(step))).backward()
        optimizer.step()
        optimizer.zero_grad()
    return {name: p.detach() - start[name] for name, p in model.named_parameters()}


def test_matrices_leaves_biases_alone_and_conv_finds_nothing():
    model = Pair()
    with pytest.raises(ParameterError, match="tensors='matrices'"):
        build_modulation("ogm", model.groups())
    held = build_modulation("ogm", model.groups(), tensors="matrices")
    assert [p.dim() for p in held.groups["visual"]] == [2]
    with pytest.raises(ParameterError, match="apply_to is 'update'"):
        build_modulation("ogm", model.groups(), tensors="all", apply_to="update")


def test_scaling_the_step_is_scaling_the_gradient_under_sgd():
    plain, scaled = stepped(torch.optim.SGD), stepped(torch.optim.SGD, apply_to="step")
    for name, change in plain.items():
        assert_close(change, scaled[name])


def test_adam_cancels_a_constant_coefficient_of_the_gradient_but_not_of_the_step():
    free = stepped(torch.optim.Adam, steps=1, window=(5, 6))
    grad, step = stepped(torch.optim.Adam, steps=1), stepped(torch.optim.Adam, steps=1, apply_to="step")
    weight, bias = "layers.visual.weight", "layers.visual.bias"
    k = 1 - math.tanh(0.3 * 3)
    assert_close(grad[weight], free[weight], rtol=1e-4, atol=1e-7)
    assert_close(step[weight], k * free[weight], rtol=1e-4, atol=1e-7)
    assert_close(step[bias], free[bias])
    assert_close(step["layers.audio.weight"], free["layers.audio.weight"])


def test_noise_drawn_at_once_is_the_same_kind_of_noise():
    """How gradients on a GPU get theirs: one draw for all, each part with its own deviation and in its own layout."""
    shapes = [(8, 3, 5, 5), (64, 32), (40,), (16, 8, 3, 3)]
    deviations = [torch.tensor(value) for value in (0.5, 2.0, 1e-8, 0.1)]

    def noisy(seed):
        gradients = [torch.ones(shape) for shape in shapes]
        gradients[3] = gradients[3].contiguous(memory_format=torch.channels_last)
        add_noise_together(gradients, deviations, {torch.device("cpu"): torch.Generator().manual_seed(seed)})
        return gradients

    first = noisy(0)
    for gradient, shape, deviation in zip(first, shapes, deviations, strict=True):
        assert gradient.shape == shape
        noise = gradient - 1
        assert abs(noise.mean()) < 5 * deviation / noise.numel() ** 0.5 + 1e-7
        assert_close(noise.std(), deviation, rtol=5 / (2 * noise.numel()) ** 0.5, atol=1e-7)
    assert first[3].is_contiguous(memory_format=torch.channels_last)
    flat = torch.empty(sum(gradient.numel() for gradient in first)).normal_(generator=torch.Generator().manual_seed(0))
    assert_close(first[0], 1 + 0.5 * flat[: first[0].numel()].view(shapes[0]))
    assert all(torch.equal(one, other) for one, other in zip(first, noisy(0), strict=True))
    assert not torch.equal(first[0], noisy(1)[0])
