"""From losses to weights: one pass, and several gradient sets from one graph."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from mmlib.errors import ParameterError, UsageError
from mmlib.training import GradientSet, GradientSets, Group, OnePass
from mmlib.training.optimisation import Precision
from mmlib.training.step import total_of


class Shared(nn.Module):
    """An encoder, a gate that two optimisers own, and a head."""

    def __init__(self):
        super().__init__()
        self.encoder, self.gate, self.head = nn.Linear(3, 4), nn.Linear(4, 4), nn.Linear(4, 2)

    def losses(self, x):
        features = torch.tanh(self.encoder(x))
        gate = torch.sigmoid(self.gate(features))
        return {
            "penalty": gate.mean(),
            "masked": self.head((1 - gate) * features).square().mean(),
            "unmasked": (self.head(gate * features) - 1).square().mean(),
        }


def stepper(model, **options):
    gate = torch.optim.Adam(model.gate.parameters(), 1e-2)
    everything = torch.optim.Adam(model.parameters(), 1e-2)
    sets = {
        "gate": GradientSet(gate, ["penalty", "masked"]),
        "model": GradientSet(everything, ["unmasked"]),
    }
    return GradientSets(sets, **options)


def take(step, losses):
    step.zero_grad()
    step.take(losses, total_of(losses), None)


def test_gradient_sets_equal_two_separate_graphs():
    """A slow reference: each set's gradient from a graph of its own, both at the old weights, then both steps."""
    torch.manual_seed(0)
    fast, slow = Shared(), Shared()
    slow.load_state_dict(fast.state_dict())
    step = stepper(fast)
    gate = torch.optim.Adam(slow.gate.parameters(), 1e-2)
    everything = torch.optim.Adam(slow.parameters(), 1e-2)
    for _ in range(5):
        x = torch.randn(6, 3)
        take(step, fast.losses(x))
        first = slow.losses(x)
        of_gate = torch.autograd.grad(first["penalty"] + first["masked"], list(slow.gate.parameters()))
        of_all = torch.autograd.grad(slow.losses(x)["unmasked"], list(slow.parameters()))
        for parameter, gradient in zip(slow.gate.parameters(), of_gate, strict=True):
            parameter.grad = gradient
        gate.step()
        for parameter, gradient in zip(slow.parameters(), of_all, strict=True):
            parameter.grad = gradient
        everything.step()
    for one, two in zip(fast.parameters(), slow.parameters(), strict=True):
        torch.testing.assert_close(one, two, rtol=0, atol=1e-7)


def test_each_optimiser_follows_its_own_losses_only():
    torch.manual_seed(0)
    model = Shared()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    step = GradientSets(
        {
            "gate": GradientSet(torch.optim.SGD(model.gate.parameters(), 0.1), ["penalty", "masked", "unmasked"]),
        }
    )
    take(step, model.losses(torch.randn(6, 3)))
    changed = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == {"gate.weight", "gate.bias"}


def test_a_parameter_without_a_gradient_stays():
    model = Shared()
    unused = nn.Parameter(torch.ones(2))
    optimizer = torch.optim.SGD([*model.parameters(), unused], 0.1, weight_decay=0.5)
    step = GradientSets({"all": GradientSet(optimizer, ["penalty", "masked", "unmasked"])})
    take(step, model.losses(torch.randn(6, 3)))
    assert unused.tolist() == [1, 1]


def test_a_loss_that_no_set_names_is_told():
    model = Shared()
    step = GradientSets({"gate": GradientSet(torch.optim.SGD(model.parameters(), 0.1), ["penalty"])})
    with pytest.raises(UsageError, match="name the losses penalty; the task gave masked, penalty, unmasked"):
        take(step, model.losses(torch.randn(6, 3)))


def test_gradient_sets_refuse_fp16():
    step = stepper(Shared())
    precision = Precision("bf16", torch.device("cpu"))
    step.bind(precision, Group())
    precision.scaler = torch.amp.GradScaler("cpu", enabled=True)
    with pytest.raises(ParameterError, match="fp16"):
        step.bind(precision, Group())


def test_clipping_bounds_the_plain_gradient_before_modulation():
    """The norm is clipped first; what a step hook does to gradients comes after, on the clipped ones."""
    weight = nn.Parameter(torch.zeros(4))
    optimizer = torch.optim.SGD([weight], lr=1.0)
    optimizer.register_step_pre_hook(lambda *_: (weight.grad.mul_(3), None)[1])
    step = OnePass(optimizer, clip_norm=0.5)
    loss = {"only": (weight * torch.tensor([3.0, 0, 4.0, 0])).sum()}
    take(step, loss)
    torch.testing.assert_close(weight.detach(), torch.tensor([-0.9, 0, -1.2, 0]))


@pytest.mark.parametrize("norm", [0, -1.0])
def test_a_norm_that_clips_everything_is_refused(norm):
    with pytest.raises(ParameterError, match="must be above 0"):
        OnePass(torch.optim.SGD([nn.Parameter(torch.zeros(1))], 0.1), clip_norm=norm)


def test_the_total_adds_in_order_and_one_loss_is_itself():
    one = torch.tensor(0.1, requires_grad=True)
    assert total_of({"a": one}) is one
    assert total_of({"a": one, "b": one * 2, "c": one * 3}).item() == ((one + one * 2) + one * 3).item()
    with pytest.raises(UsageError, match="no loss"):
        total_of({})


def test_states_return():
    torch.manual_seed(0)
    one, two = Shared(), Shared()
    first, second = stepper(one), stepper(two)
    take(first, one.losses(torch.randn(6, 3)))
    two.load_state_dict(one.state_dict())
    second.load_state_dict(copy.deepcopy(first.state_dict()))  # torch shares tensors that it loads
    x = torch.randn(6, 3)
    take(first, one.losses(x))
    take(second, two.losses(x))
    for left, right in zip(one.parameters(), two.parameters(), strict=True):
        assert torch.equal(left, right)


def test_one_set_of_everything_is_one_pass():
    """Clipping works in place: gradients that autograd gives as one tensor, or expanded, must not share memory."""

    def trained(kind):
        torch.manual_seed(0)
        a, b, frozen = nn.Parameter(torch.randn(3)), nn.Parameter(torch.randn(3)), nn.Parameter(torch.ones(2))
        frozen.requires_grad_(False)
        optimizer = torch.optim.SGD([a, b, frozen], 1.0)
        step = kind(optimizer)
        for _ in range(2):
            take(step, {"only": ((a + b) * torch.tensor([3.0, 4.0, 0.0])).sum() + a.sum()})
        return torch.cat([a, b, frozen]).detach()

    one = trained(lambda optimizer: OnePass(optimizer, clip_norm=1.0))
    sets = trained(lambda optimizer: GradientSets({"all": GradientSet(optimizer, ["only"])}, clip_norm=1.0))
    torch.testing.assert_close(sets, one)


def test_processes_whose_losses_reach_other_parameters_agree(monkeypatch):
    """This process's loss reaches `a` and `c`, the other's `a` and `b`: sums of 1, 10 and 1, 100."""
    a, b, c, unused = (nn.Parameter(torch.zeros(1)) for _ in range(4))
    optimizer = torch.optim.SGD([a, b, c, unused], 1.0)
    step = GradientSets({"all": GradientSet(optimizer, ["only"])})
    step.group = Group(0, 2)
    other = torch.tensor([1.0, 1, 0, 0, 1, 100, 0, 0])  # which parameters have one, then the gradients
    monkeypatch.setattr("mmlib.training.step.summed", lambda values, group: values + other)
    take(step, {"only": (a + 10 * c).sum()})
    assert [parameter.item() for parameter in (a, b, c)] == [-1, -50, -5]
    assert unused.grad is None
