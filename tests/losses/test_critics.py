"""Critics whose weights are one vector: the same steps, bit for bit, in fewer calls."""

from __future__ import annotations

import pytest
import torch

from mmlib.losses.critics import CriticPair


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
