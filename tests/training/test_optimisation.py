"""Optimiser groups, Nesterov, clipping and schedules: by hand, and as before where nothing is asked for."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from mmlib.modulation import build_modulation
from mmlib.training import OnePass
from mmlib.training.optimisation import Precision, build_optimizer, build_scheduler, parameter_groups
from mmlib.training.stage import Stage


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(2, 3))


def trained(model, optimizer):
    """Weights after three steps on fixed inputs."""
    x = torch.randn(8, 1, 3, 3, generator=torch.Generator().manual_seed(1))
    for _ in range(3):
        optimizer.zero_grad()
        model(x).square().mean().backward()
        optimizer.step()
    return model.state_dict().values()


@pytest.mark.parametrize(
    ("name", "kind", "options"),
    [
        ("sgd", torch.optim.SGD, {"momentum": 0.9}),
        ("adam", torch.optim.Adam, {"betas": (0.9, 0.999)}),
        ("adamw", torch.optim.AdamW, {"betas": (0.9, 0.999)}),
    ],
)
def test_without_options_it_is_the_plain_optimiser(name, kind, options):
    one, two = network(), network()
    optimizer = build_optimizer(one.parameters(), name, 0.1, 0.9, 0.01)
    plain = kind(two.parameters(), lr=0.1, weight_decay=0.01, foreach=False, **options)
    assert len(optimizer.param_groups) == 1
    assert optimizer.defaults == plain.defaults | {"foreach": True}, "bit for bit the same, several at a time"
    for found, expected in zip(trained(one, optimizer), trained(two, plain), strict=True):
        assert torch.equal(found, expected)


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw"])
def test_biases_and_norms_without_decay(name):
    model = network()
    optimizer = build_optimizer(model.parameters(), name, 0.1, 0.9, 0.5, decay_1d=False)
    decayed, free = optimizer.param_groups
    assert (decayed["weight_decay"], free["weight_decay"]) == (0.5, 0.0)
    assert [tuple(p.shape) for p in decayed["params"]] == [(2, 1, 3, 3), (3, 2)]
    assert [tuple(p.shape) for p in free["params"]] == [(2,), (2,), (2,), (3,)]
    before = [p.detach().clone() for p in model.parameters()]
    for p in model.parameters():
        p.grad = torch.zeros_like(p)
    optimizer.step()
    for p, old in zip(model.parameters(), before, strict=True):
        assert torch.equal(p, old) == (p.dim() < 2 or not old.any()), "only the decay moves a weight without gradient"


def test_a_scalar_is_no_matrix_and_no_group_is_empty():
    scalar, vector, matrix = nn.Parameter(torch.ones(())), nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2, 2))
    assert [len(group["params"]) for group in parameter_groups([scalar, matrix, vector], 0.1)] == [1, 2]
    assert [group["weight_decay"] for group in parameter_groups([scalar, vector], 0.1)] == [0.0]
    assert [group["weight_decay"] for group in parameter_groups([matrix], 0.1)] == [0.1]


@pytest.mark.parametrize(("nesterov", "expected"), [(False, [0.9, 0.71]), (True, [0.81, 0.539])])
def test_nesterov_by_hand(nesterov, expected):
    """Gradient 1, rate 0.1, momentum 0.9: v = 1, 1.9; plain steps by v, Nesterov's by 1 + 0.9 v."""
    weight = nn.Parameter(torch.ones((), dtype=torch.float64))
    optimizer = build_optimizer([weight], "sgd", 0.1, 0.9, 0.0, nesterov=nesterov)
    found = []
    for _ in expected:
        weight.grad = torch.ones_like(weight)
        optimizer.step()
        found.append(weight.item())
    assert found == pytest.approx(expected, abs=1e-12)


def clipped_step(norm, gradients, modulate=False):
    """What an SGD step of rate 1 takes from weights whose gradients are these numbers."""
    weights = [nn.Parameter(torch.zeros(1, 1, 1, 1, dtype=torch.float64)) for _ in gradients]
    optimizer = build_optimizer(weights, "sgd", 1.0, 0.0, 0.0)
    if modulate:
        modulation = build_modulation("ogm", {"visual": weights[:1], "audio": weights[1:]}, alpha=0.8)
        modulation.attach(optimizer)
        modulation.observe(unimodal_logits={"visual": torch.tensor([[2.0, 0.0]]), "audio": torch.tensor([[0.0, 0.0]])},
                           targets=torch.tensor([0]))  # fmt: skip
        assert modulation.coefficients["visual"] < 1
    step = Stage(nn.Identity(), None, {}, optimizer=optimizer, clip_norm=norm).step
    assert isinstance(step, OnePass)
    step.bind(Precision("fp32", torch.device("cpu")), step.group)
    loss = sum((w * g).sum() for w, g in zip(weights, gradients, strict=True))
    step.take({"loss": loss}, loss, None)
    taken = torch.stack([-w.detach().flatten()[0] for w in weights])
    return (taken, modulation.coefficients) if modulate else taken


def test_clipping_keeps_the_direction_and_limits_the_length_over_all_parameters():
    assert_close(clipped_step(1.0, [3.0, 4.0]), torch.tensor([0.6, 0.8], dtype=torch.float64), atol=1e-5, rtol=0)
    assert_close(clipped_step(6.0, [3.0, 4.0]), torch.tensor([3.0, 4.0], dtype=torch.float64), atol=0, rtol=0)
    assert_close(clipped_step(None, [3.0, 4.0]), torch.tensor([3.0, 4.0], dtype=torch.float64), atol=0, rtol=0)


def test_the_plain_gradient_is_clipped_and_modulated_afterwards():
    taken, coefficients = clipped_step(1.0, [3.0, 4.0], modulate=True)
    expected = torch.stack([0.6 * coefficients["visual"], 0.8 * coefficients["audio"]]).double()
    assert_close(taken, expected, atol=1e-5, rtol=0)


def rates(epochs, per_epoch, **options):
    """Learning rate of every step."""
    weight = nn.Parameter(torch.ones(2, 2))
    optimizer = build_optimizer([weight], "sgd", 1.0, 0.0, 0.0)
    scheduler = build_scheduler(optimizer, "step", epochs, **options)
    found = []
    for _ in range(epochs):
        for _ in range(per_epoch):
            found.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
        scheduler.step()
    assert scheduler.get_last_lr() == [optimizer.param_groups[0]["lr"]]
    return found


def test_a_step_schedule_counts_epochs_or_iterations():
    by_epoch = rates(4, 3, step_size=2, gamma=0.1)
    assert by_epoch == pytest.approx([1.0] * 6 + [0.1] * 6)
    by_iteration = rates(4, 3, step_size=5, gamma=0.1, unit="iterations")
    assert by_iteration == pytest.approx([1.0] * 5 + [0.1] * 5 + [0.01] * 2)
    assert rates(4, 3, step_size=5, gamma=0.1, unit="iterations", most_drops=1) == pytest.approx([1.0] * 5 + [0.1] * 7)
    assert rates(4, 3, step_size=1, gamma=0.1, most_drops=2) == pytest.approx([1.0] * 3 + [0.1] * 3 + [0.01] * 6)


def test_a_schedule_in_iterations_goes_on_where_it_stopped():
    def start():
        weight = nn.Parameter(torch.ones(2, 2))
        optimizer = build_optimizer([weight], "sgd", 1.0, 0.0, 0.0)
        return optimizer, build_scheduler(optimizer, "step", 1, 5, 0.1, unit="iterations", most_drops=1)

    one, schedule = start()
    for _ in range(3):
        one.step()
    two, other = start()
    two.load_state_dict(one.state_dict())
    other.load_state_dict(schedule.state_dict())
    found = []
    for _ in range(4):
        found.append(two.param_groups[0]["lr"])
        two.step()
    assert found == pytest.approx([1.0, 1.0, 0.1, 0.1])


def test_a_rate_scaled_for_one_step_and_a_schedule_in_iterations_do_not_undo_each_other():
    """A modulation that acts on the learning rate puts back the rate it found, before the schedule changes it."""
    weight = torch.nn.Parameter(torch.ones(2, 2))
    optimizer = torch.optim.SGD([weight], lr=1.0)
    build_scheduler(optimizer, "step", 1, 2, 0.1, unit="iterations")
    seen = []

    def scale(stepping, *_):
        seen.append(stepping.param_groups[0]["lr"])
        stepping.param_groups[0]["lr"] *= 0.5

    optimizer.register_step_pre_hook(scale)
    optimizer.register_step_post_hook(lambda stepping, *_: stepping.param_groups[0].update(lr=seen[-1]))
    for _ in range(5):
        weight.grad = torch.zeros_like(weight)
        optimizer.step()
    assert seen == pytest.approx([1.0, 1.0, 0.1, 0.1, 0.01])


def test_parameters_of_a_large_model_are_changed_one_by_one():
    optimizer = build_optimizer(nn.Linear(1 << 10, 1 << 10).parameters(), "adam", 0.1, 0.9, 0.0)
    assert not optimizer.defaults["foreach"]


@pytest.mark.parametrize("layer", [nn.Linear(2, 2, dtype=torch.bfloat16), nn.LazyLinear(2)])
def test_so_are_those_of_another_precision_or_no_size_yet(layer):
    assert not build_optimizer(layer.parameters(), "sgd", 0.1, 0.9, 0.01).defaults["foreach"]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("name", ["sgd", "adam", "adamw"])
def test_on_a_gpu_one_kernel_changes_all_parameters(name):
    one, two = network().cuda(), network().cuda()
    fused = build_optimizer(one.parameters(), name, 0.1, 0.9, 0.01)
    assert fused.defaults["fused"]
    plain = build_optimizer(two.cpu().parameters(), name, 0.1, 0.9, 0.01)
    for _ in range(3):
        for optimizer, model in ((fused, one), (plain, two)):
            optimizer.zero_grad()
            device = next(model.parameters()).device
            sum(
                (parameter.sin() * torch.arange(parameter.numel(), device=device).view_as(parameter)).sum()
                for parameter in model.parameters()
            ).backward()
            optimizer.step()
    for found, expected in zip(one.parameters(), two.parameters(), strict=True):
        assert_close(found.cpu(), expected)
