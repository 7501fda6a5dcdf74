"""How six losses reach the weights: the routing table of the published code, its gradients, either order of steps."""

from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from mmlib.training.distributed import Group
from mmlib.training.optimisation import Precision
from mmlib.training.step import GradientSets, OnePass, total_of

LOSSES = ("penalty", "masked", "unmasked", "intra", "inter", "fused")
# Which losses change which weights, by optimiser (valuation_mim.md, B1).
TABLE = {
    ("purification", "purifiers"): {"penalty", "masked"},
    ("model", "purifiers"): {"inter", "intra", "fused"},
    ("model", "encoders"): {"unmasked", "inter", "intra", "fused"},
    ("model", "heads"): {"unmasked", "intra"},
    ("model", "fusion"): {"fused"},
}


def losses_of(model, task, batch):
    torch.manual_seed(5)  # the gates' noise
    return task.losses(model(batch.inputs), batch)


def gradients_taken(step, losses):
    """What each optimiser finds when it steps: name -> {parameter: gradient}; and the order of the steps."""
    found, order = {}, []

    def keep(name):
        def hook(optimizer, *_):
            order.append(name)
            held = [p for group in optimizer.param_groups for p in group["params"]]
            found[name] = {p: None if p.grad is None else p.grad.clone() for p in held}

        return hook

    hooks = [one.register_step_pre_hook(keep(name)) for name, one in step.optimizers.items()]
    step.bind(Precision("fp32", torch.device("cpu")), Group())
    step.zero_grad()
    step.take(losses, total_of(losses), None)
    for hook in hooks:
        hook.remove()
    return found, order


def sum_of_gradients(losses, names, parameters):
    loss = sum(losses[name] for name in names)
    return torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True)


@pytest.mark.parametrize("granularity", ["sample", "batch"])
@pytest.mark.parametrize("dataset", ["synthetic_sentiment", "mosi_windows"])
class TestPublishedRouting:
    def test_every_group_follows_the_losses_of_the_table_and_no_others(self, parts, dataset, granularity):
        _, model, task, step, batch = parts(dataset=dataset, granularity=granularity)
        losses = losses_of(model, task, batch)
        assert tuple(losses) == LOSSES
        expected = {
            (optimizer, group): dict(
                zip(
                    (held := list(getattr(model, group).parameters())),
                    sum_of_gradients(losses, names, held),
                    strict=True,
                )
            )
            for (optimizer, group), names in TABLE.items()
        }
        found, _ = gradients_taken(step, losses)
        for (optimizer, group), wanted in expected.items():
            assert wanted, group
            for parameter, gradient in wanted.items():
                assert_close(found[optimizer][parameter], gradient)
            reached = sum(float(gradient.abs().sum()) for gradient in wanted.values() if gradient is not None)
            assert reached > 0, (optimizer, group)
        assert set(found["purification"]) == set(model.purifiers.parameters())
        assert set(found["model"]) == set(model.parameters())

    def test_each_loss_of_the_table_counts(self, parts, dataset, granularity):
        """Without one of its losses a group's gradient is another; with one that is not its own it would be too."""
        if granularity == "batch":
            pytest.skip("in a batch one branch of a modality teaches, so that guidance may reach one of them alone")
        _, model, task, _, batch = parts(dataset=dataset, granularity=granularity)
        losses = losses_of(model, task, batch)
        for (_, group), names in TABLE.items():
            parameters = list(getattr(model, group).parameters())
            for name in names:
                reached = sum_of_gradients(losses, [name], parameters)
                assert any(g is not None and g.abs().max() > 0 for g in reached), (group, name)
        heads = list(model.heads.parameters())
        masked = sum_of_gradients(losses, ["masked"], heads)
        assert all(gradient.abs().max() > 0 for gradient in masked)  # it would reach them, were it let


def test_gradients_are_those_of_the_released_order(parts):
    """Released code: backward of penalty and masked, then the gradients are cleared, then all other losses."""
    _, model, task, step, batch = parts(granularity="batch")
    losses = losses_of(model, task, batch)
    for name in ("penalty", "masked"):
        losses[name].backward(retain_graph=True)
    first = {p: p.grad.clone() for p in model.purifiers.parameters()}
    model.zero_grad(set_to_none=True)
    for name in ("unmasked", "inter", "intra", "fused"):
        losses[name].backward(retain_graph=True)
    second = {p: p.grad.clone() for p in model.parameters()}
    model.zero_grad(set_to_none=True)
    found, order = gradients_taken(step, losses)
    assert order == ["purification", "model"]
    for parameter, gradient in first.items():
        assert_close(found["purification"][parameter], gradient)
    for parameter, gradient in second.items():
        assert_close(found["model"][parameter], gradient)


def test_the_released_order_itself_is_refused_by_torch(parts):
    """A step of the purification networks between the two backward passes changes what the second needs."""
    _, model, task, step, batch = parts()
    losses = losses_of(model, task, batch)
    (losses["penalty"] + losses["masked"]).backward(retain_graph=True)
    step.optimizers["purification"].step()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        losses["fused"].backward()


def test_the_other_order_takes_the_same_gradients(parts):
    taken = {}
    for update in ("purification_first", "model_first"):
        _, model, task, step, batch = parts(update=update)
        found, order = gradients_taken(step, losses_of(model, task, batch))
        names = {p: name for name, p in model.named_parameters()}
        taken[update] = {key: {names[p]: g for p, g in held.items()} for key, held in found.items()}, order
    (one, first), (other, second) = taken.values()
    assert (first, second) == (["purification", "model"], ["model", "purification"])
    for key in one:
        for name, gradient in one[key].items():
            assert torch.equal(gradient, other[key][name])


def test_one_optimiser_follows_the_sum(parts):
    _, model, task, step, batch = parts(update="one")
    assert isinstance(step, OnePass)
    losses = losses_of(model, task, batch)
    parameters = list(model.parameters())
    expected = sum_of_gradients(losses, LOSSES, parameters)
    found, _ = gradients_taken(step, losses)
    for parameter, gradient in zip(parameters, expected, strict=True):
        assert_close(found["optimizer"][parameter], gradient)


def test_guidance_can_leave_the_heads_alone(parts):
    _, model, task, step, batch = parts(intra_heads=False)
    losses = losses_of(model, task, batch)
    heads = list(model.heads.parameters())
    expected = sum_of_gradients(losses, ["unmasked"], heads)
    found, _ = gradients_taken(step, losses)
    for parameter, gradient in zip(heads, expected, strict=True):
        assert_close(found["model"][parameter], gradient)


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"purification": False, "intra": 0.0, "inter": 0.0, "unimodal_weight": 0.0}, ("fused",)),
        ({"purification": False, "intra": 0.0, "inter": 0.0}, ("unmasked", "fused")),
        ({"purification": False, "intra": 0.0}, ("unmasked", "inter", "fused")),
        ({"intra": 0.0, "inter": 0.0}, ("penalty", "masked", "unmasked", "fused")),
        ({"intra": 0.0, "inter": 0.0, "unimodal_weight": 0.0}, ("penalty", "fused")),
        ({"intra": 0.0}, ("penalty", "masked", "unmasked", "inter", "fused")),
    ],
)
def test_what_is_off_has_no_loss_and_the_rest_trains(parts, changes, names):
    parameters, model, task, step, batch = parts(**changes)
    losses = losses_of(model, task, batch)
    assert tuple(losses) == task.loss_names() == names
    before = {name: value.clone() for name, value in model.named_parameters()}
    gradients_taken(step, losses)
    assert isinstance(step, GradientSets) == parameters.purification
    still = [name for name, value in model.named_parameters() if torch.equal(value, before[name])]
    assert not [name for name in still if "bias" not in name], still


def test_weights_multiply_their_losses(parts):
    _, model, task, _, batch = parts()
    plain = losses_of(model, task, batch)
    weights = {"penalty_weight": 4.5, "intra": 2.0, "inter": 0.5, "unimodal_weight": 4.0}
    _, model, task, _, batch = parts(**weights)
    weighted = losses_of(model, task, batch)
    factors = {"penalty": 3, "intra": 2, "inter": 0.5, "masked": 4, "unmasked": 4, "fused": 1}
    for name, factor in factors.items():
        assert_close(weighted[name], factor * plain[name])
