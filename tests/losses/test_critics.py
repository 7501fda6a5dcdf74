"""Critics' steps: gradients that are written out are autograd's, and weights in one vector take the same steps."""

from __future__ import annotations

import pytest
import torch

from mmlib.losses.critics import CriticPair
from mmlib.losses.soft_hgr import soft_hgr


def features(seed, channels, rows=600):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(rows, channels, generator=generator)
    return x, torch.tanh(0.7 * x.roll(1, 1) + torch.randn(rows, channels, generator=generator))


def trained(channels, outputs, whole):
    critics = CriticPair((channels, channels), outputs, seed=3)
    weights = [critics.as_one()] if whole else critics.parameters()
    optimizer = torch.optim.AdamW(weights, lr=3e-3, weight_decay=1e-2)
    x, y = features(0, channels)
    for step in range(60):
        part = slice(step, step + 200)
        critics.ascend(optimizer, x[part], y[part])
    return critics


SHAPES = [(600, (32, 32), 1), (480, (10, 10), 1), (200, (13, 7), 3), (64, (64, 5), 2), (2, (1, 1), 1)]


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize(("rows", "channels", "outputs"), SHAPES)
def test_steps_are_those_of_autograd_to_the_last_bit(rows, channels, outputs, whole):
    x, y = features(0, channels[0], rows)[0], features(1, channels[1], rows)[1]
    weights = []
    for own in (True, False):
        critics = CriticPair(channels, outputs, seed=2)
        optimizer = torch.optim.Adam([critics.as_one()] if whole else critics.parameters(), lr=1e-2)
        for _ in range(30):
            if own:
                critics.ascend(optimizer, x, y)
            else:
                optimizer.zero_grad(set_to_none=not whole)
                (-soft_hgr(*critics(x, y))).backward()
                optimizer.step()
        weights.append(critics.state_dict())
    for name, value in weights[0].items():
        assert torch.equal(value, weights[1][name]), name


def test_a_step_leaves_no_gradient_on_the_features():
    critics = CriticPair((4, 4))
    x, y = (part.requires_grad_() for part in features(3, 4, 50))
    critics.ascend(torch.optim.SGD(critics.parameters(), lr=0.1), x, y)
    assert x.grad is None
    assert y.grad is None
    assert not next(critics.parameters()).grad.requires_grad


def test_steps_are_in_the_critics_own_precision():
    found = []
    for enabled in (True, False):
        critics = CriticPair((8, 8), seed=5)
        optimizer = torch.optim.Adam(critics.parameters(), lr=1e-2)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
            critics.ascend(optimizer, *features(6, 8))
        found.append(critics.first.linear.weight.detach())
    assert torch.equal(*found)


def test_a_frozen_critic_stays_as_it_is():
    critics = CriticPair((4, 4))
    optimizer = torch.optim.SGD(critics.parameters(), lr=0.1)
    critics.first.requires_grad_(False)
    before = [value.clone() for value in critics.parameters()]
    critics.ascend(optimizer, *features(7, 4))
    moved = [not torch.equal(now, then) for now, then in zip(critics.parameters(), before, strict=True)]
    assert not any(moved[:6])
    assert any(moved[6:])


@pytest.mark.parametrize(("channels", "outputs"), [(32, 1), (13, 3), (7, 2)])
def test_one_vector_takes_the_same_steps(channels, outputs):
    one, each = trained(channels, outputs, True), trained(channels, outputs, False)
    start = CriticPair((channels, channels), outputs, seed=3).state_dict()
    assert list(one.state_dict()) == list(start)
    for name, value in each.state_dict().items():
        assert torch.equal(one.state_dict()[name], value), name
        assert not torch.equal(value, start[name]), f"{name} has moved"


def test_weights_can_be_kept_and_put_back():
    critics = CriticPair((5, 5), seed=1)
    whole = critics.as_one()
    kept = {name: value.clone() for name, value in critics.state_dict().items()}
    critics.ascend(torch.optim.SGD([whole], lr=0.1), *features(2, 5))
    assert not torch.equal(critics.first.linear.weight, kept["first.linear.weight"])
    critics.load_state_dict(kept)
    assert torch.equal(whole.detach(), torch.cat([value.flatten() for value in kept.values()]))
    assert sum(parameter.numel() for parameter in critics.parameters()) == whole.numel()
