"""Weights that one model hands to another."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mmlib.errors import UsageError
from mmlib.training.carry import load_matching


def network(outputs=3):
    return nn.ModuleDict({"body": nn.Linear(4, 5), "head": nn.Linear(5, outputs)})


def test_parts_by_prefix_are_taken_over_and_the_rest_stays():
    old, new = network(), network(outputs=7)
    head = new["head"].weight.detach().clone()
    assert load_matching(new, old.state_dict(), ["body."]) == ["body.weight", "body.bias"]
    assert torch.equal(new["body"].weight, old["body"].weight)
    assert torch.equal(new["head"].weight, head)
    assert new["body"].weight.requires_grad
    assert new["body"].weight.data_ptr() != old["body"].weight.data_ptr()


def test_all_of_it_without_a_prefix():
    old, new = network(), network()
    load_matching(new, old.state_dict())
    assert all(torch.equal(value, new.state_dict()[name]) for name, value in old.state_dict().items())


def test_what_does_not_fit_changes_nothing_and_is_said():
    old, new = network(), network(outputs=7)
    before = {name: value.clone() for name, value in new.state_dict().items()}
    with pytest.raises(UsageError, match=r"head.weight of stage one has the shape \(3, 5\), .* \(7, 5\). Grow it."):
        load_matching(new, old.state_dict(), source="stage one", unfit="Grow it.")
    with pytest.raises(UsageError, match="the weights handed over has no body.weight. Give the weights of a model"):
        load_matching(new, {}, ["body."])
    assert all(torch.equal(value, new.state_dict()[name]) for name, value in before.items())
