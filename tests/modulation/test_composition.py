"""Several modulations on one optimiser, groups of any name, and coefficients that act on learning rates."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.testing import assert_close
from waves import wave

from mmlib.modulation import OGMGE, Modulation, build_modulation
from mmlib.modulation.ogm import add_noise


class Constant(Modulation):
    """A method of somebody else: the same coefficient for every group, whatever is observed."""

    def __init__(self, groups, value=0.5, noise=False, **settings):
        super().__init__(groups, tensors="all", **settings)
        self.value, self.noise = value, noise

    def scores(self, seen):
        return {"fused": seen.fused_logits.sum()}

    def decide(self, scores):
        return dict.fromkeys(self.groups, scores["fused"] * 0 + self.value), {}

    def change(self, gradients, coefficient, generators):
        if self.noise:
            add_noise(gradients, coefficient, generators)
        else:
            super().change(gradients, coefficient, generators)


class Another(Constant):
    """Differs in its name alone."""


SEEN = {
    "unimodal_logits": {"visual": wave((4, 3), 3), "audio": wave((4, 3), 4)},
    "fused_logits": wave((4, 3), 5),
    "targets": torch.tensor([0, 1, 2, 1]),
}


def parts():
    names = ("visual", "audio", "fusion")
    return {name: [nn.Parameter(wave((2, 1, 2, 2), number))] for number, name in enumerate(names)}


def step(groups, optimizer, modulations, epoch=0):
    for modulation in modulations:
        modulation.set_epoch(epoch)
        modulation.observe(**SEEN)
    for number, (parameter,) in enumerate(groups.values()):
        parameter.grad = wave(parameter.shape, 7 + number)
    optimizer.step()
    return {name: group[0].grad.clone() for name, group in groups.items()}


def sgd(groups, **settings):
    return torch.optim.SGD([p for group in groups.values() for p in group], lr=1.0, **settings)


def encoders_of(groups):
    return {name: groups[name] for name in ("visual", "audio")}


def test_each_changes_its_own_groups_and_shared_ones_multiply():
    groups = parts()
    optimizer = sgd(groups)
    ogm = build_modulation("ogm", encoders_of(groups), alpha=0.8).attach(optimizer)
    half = Constant({"fusion": groups["fusion"]}).attach(optimizer)
    tenth = Constant({"everything": [p for group in groups.values() for p in group]}, 0.1).attach(optimizer)
    changed = step(groups, optimizer, [ogm, half, tenth])
    assert set(half.coefficients) == {"fusion"}
    for number, name in enumerate(groups):
        factor = ogm.coefficients[name] if name != "fusion" else 0.5
        assert_close(changed[name], wave((2, 1, 2, 2), 7 + number) * factor * 0.1)


def test_each_has_its_own_window():
    groups = parts()
    optimizer = sgd(groups)
    early = Constant({"fusion": groups["fusion"]}, 0.5, window=(0, 1)).attach(optimizer)
    late = Constant({"fusion": groups["fusion"]}, 0.1, window=(1, 5)).attach(optimizer)
    factors = [0.5, 0.05, 0.1, 1.0]
    for epoch, factor in zip((0, 1, 2, 6), factors, strict=True):
        changed = step(groups, optimizer, [early, late], epoch)
        assert_close(changed["fusion"], wave((2, 1, 2, 2), 9) * factor)


def noise_of(build):
    """What a modulation of the fusion's group and OGM-GE on the encoders add to constant gradients."""
    groups = parts()
    optimizer = sgd(groups)
    modulations = [OGMGE(encoders_of(groups), alpha=0.0, seed=3).attach(optimizer)]
    modulations += [build(groups).attach(optimizer)] if build else []
    changed = step(groups, optimizer, modulations)
    return {name: changed[name] - wave((2, 1, 2, 2), 7 + number) for number, name in enumerate(groups)}


def test_noise_comes_from_a_stream_of_each_method():
    alone = noise_of(None)
    first = noise_of(lambda groups: Constant({"fusion": groups["fusion"]}, 1.0, noise=True, seed=3))
    second = noise_of(lambda groups: Another({"fusion": groups["fusion"]}, 1.0, noise=True, seed=3))
    assert alone["fusion"].abs().sum() == 0
    for name in ("visual", "audio"):
        assert torch.equal(alone[name], first[name]), "another method does not move OGM-GE's noise"
        assert torch.equal(alone[name], second[name])
    deviation = wave((2, 1, 2, 2), 9).std(), wave((2, 1, 2, 2), 7).std()
    same_index = first["fusion"] / deviation[0], alone["visual"] / deviation[1]  # both are group 0 at step 1, seed 3
    assert not torch.allclose(*same_index, atol=1e-3)
    assert not torch.allclose(first["fusion"], second["fusion"], atol=1e-3)


@pytest.mark.parametrize("optimizer_class", [torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW])
@pytest.mark.parametrize("shared", [False, True])
def test_learning_rates_are_scaled_for_one_step_and_put_back(optimizer_class, shared):
    """With parameter groups of their own k η is set; in a shared one the step is scaled. Both are the same update."""

    def trained(value, **settings):
        groups = parts()
        listed = [{"params": group, "lr": 0.1 * (1 + number)} for number, group in enumerate(groups.values())]
        if shared:
            listed = [{"params": [p for group in groups.values() for p in group], "lr": 0.1}]
        optimizer = optimizer_class(listed, weight_decay=0.01)
        modulation = Constant({"fusion": groups["fusion"]}, value, **settings).attach(optimizer)
        rates = [group["lr"] for group in optimizer.param_groups]
        start = {name: group[0].detach().clone() for name, group in groups.items()}
        for _ in range(3):  # nothing compounds
            step(groups, optimizer, [modulation])
            assert [group["lr"] for group in optimizer.param_groups] == rates
        fresh = optimizer_class([nn.Parameter(start["fusion"])])
        assert set(optimizer.param_groups[0]) == set(fresh.param_groups[0])
        return {name: group[0].detach() - start[name] for name, group in groups.items()}

    by_rate, by_step = trained(0.3, apply_to="learning_rate"), trained(0.3, apply_to="step")
    plain = trained(1.0)
    for name in plain:
        assert_close(by_rate[name], by_step[name])
        assert torch.equal(by_rate[name], plain[name]) == (name != "fusion")


def test_learning_rates_of_two_modulations_multiply_and_return():
    groups = parts()
    optimizer = torch.optim.SGD([{"params": groups["fusion"], "lr": 0.5}], lr=0.1)
    both = [
        Constant({"fusion": groups["fusion"]}, value, apply_to="learning_rate").attach(optimizer)
        for value in (0.5, 0.2)
    ]
    start = groups["fusion"][0].detach().clone()
    step(groups, optimizer, both)
    assert_close(groups["fusion"][0].detach() - start, -0.5 * 0.5 * 0.2 * wave((2, 1, 2, 2), 9))
    assert optimizer.param_groups[0]["lr"] == 0.5


def test_a_tensor_as_learning_rate():
    groups = parts()
    rate = torch.tensor(0.5, dtype=torch.float64)
    optimizer = torch.optim.Adam([{"params": groups["fusion"]}], lr=rate, capturable=False, foreach=False)
    modulation = Constant({"fusion": groups["fusion"]}, 0.2, apply_to="learning_rate").attach(optimizer)
    step(groups, optimizer, [modulation])
    assert optimizer.param_groups[0]["lr"] is rate
    assert rate == 0.5


def test_detaching_one_leaves_the_other():
    groups = parts()
    optimizer = sgd(groups)
    first, second = (Constant({"fusion": groups["fusion"]}, value).attach(optimizer) for value in (0.5, 0.2))
    first.detach()
    assert_close(step(groups, optimizer, [first, second])["fusion"], 0.2 * wave((2, 1, 2, 2), 9))


def test_state_of_each_is_its_own():
    groups = parts()
    optimizer = sgd(groups)
    first = Constant({"fusion": groups["fusion"]}, 1.0, noise=True, seed=1).attach(optimizer)
    second = OGMGE(encoders_of(groups), alpha=0.8, seed=2).attach(optimizer)
    step(groups, optimizer, [first, second])
    states = [modulation.state_dict() for modulation in (first, second)]
    assert [state["seed"] for state in states] == [1, 2]
    expected = step(groups, optimizer, [first, second])
    other = parts()
    optimizer = sgd(other)
    first = Constant({"fusion": other["fusion"]}, 1.0, noise=True).attach(optimizer)
    second = OGMGE(encoders_of(other), alpha=0.8).attach(optimizer)
    for modulation, state in zip((first, second), states, strict=True):
        modulation.load_state_dict(state)
    again = step(other, optimizer, [first, second])
    assert all(torch.equal(value, again[name]) for name, value in expected.items())


@pytest.mark.parametrize("method", ["none", "mslr"])
def test_coefficients_that_no_step_gives_are_on_the_models_device(method):
    groups = {name: [nn.Parameter(torch.empty(2, device="meta"))] for name in ("visual", "audio")}
    modulation = build_modulation(method, groups)
    modulation.observe(**SEEN)
    assert {k.device.type for k in modulation.coefficients.values()} == {"meta"}
