"""Protocols: which epoch each one reports, and whose weights are kept."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mmlib.training import Evaluation, SelectionProtocol
from mmlib.training.selection import Selector

PAPER = SelectionProtocol("paper", "best test", "test", "top1")
CLEAN = SelectionProtocol("clean", "best validation", "validation", "top1")
LAST = SelectionProtocol("last", "last")


def feed(selector, tests, validations):
    model = nn.Linear(1, 1)
    for epoch, (test, validation) in enumerate(zip(tests, validations, strict=True)):
        nn.init.constant_(model.weight, epoch)
        found = {"test": Evaluation({"top1": test}), "validation": Evaluation({"top1": validation})}
        selector.update(epoch, found, model)
    return selector


def test_each_protocol_chooses_its_epoch():
    selector = feed(Selector((PAPER, CLEAN, LAST), "clean"), [0.1, 0.5, 0.4, 0.5], [0.2, 0.1, 0.3, 0.3])
    assert {name: selector.epoch_of(name) for name in ("paper", "clean", "last")} == {"paper": 1, "clean": 2, "last": 3}
    assert selector.result("clean")["test"].metrics["top1"] == 0.4
    assert set(selector.evaluations) == {1, 2, 3}
    assert selector.weights["weight"].item() == 2


def test_first_of_equal_epochs_wins():
    assert feed(Selector((PAPER,)), [0.5, 0.5], [0, 0]).epoch_of("paper") == 0


def test_last_of_equal_epochs_wins_where_asked():
    late = PAPER.among(1, 0, "last")
    assert feed(Selector((late,)), [0.5, 0.7, 0.7, 0.6], [0] * 4).epoch_of("paper") == 2
    lowest = SelectionProtocol("paper", "lowest", "test", "top1", maximise=False, ties="last")
    assert feed(Selector((lowest,)), [0.2, 0.2, 0.3], [0] * 3).epoch_of("paper") == 1


def test_what_is_not_above_the_floor_gives_way_to_any_later_epoch():
    """Published continual learning keeps its best from 0 on; where nothing is ever right, we keep the last epoch."""
    above = SelectionProtocol("clean", "best validation", "validation", "top1", floor=0.0)
    chosen = [feed(Selector((above,)), [0] * 4, tops).epoch_of("clean") for tops in ([0.0] * 4, [0, 0.2, 0.2, 0])]
    assert chosen == [3, 1]


@pytest.mark.parametrize(("start", "candidates"), [(0, 60), (5, 59)])
def test_only_candidates_are_chosen(start, candidates):
    """AVGA's and PSP's evaluations of 300 epochs: 0, 5, ..., 295, and the same without epoch 0."""
    protocol = PAPER.among(5, start, "first")
    assert [epoch for epoch in range(300) if protocol.considers(epoch)] == list(range(start, 300, 5))
    assert sum(map(protocol.considers, range(300))) == candidates
    selector = feed(Selector((protocol, CLEAN)), [0.9, 0.8, 0.8, 0.8, 0.8, 0.5, 0.8], [0, 0, 0, 1, 0, 0, 0])
    assert selector.epoch_of("paper") == start
    assert selector.epoch_of("clean") == 3


def test_candidates_of_a_later_stage_are_counted_from_its_start():
    selector = Selector((PAPER.among(2, 1, "first"),), "paper", first_epoch=10)
    for epoch, value in enumerate([0.9, 0.1, 0.8, 0.3], start=10):
        selector.update(epoch, {"test": Evaluation({"top1": value})}, nn.Linear(1, 1))
        assert (epoch == 10) == ("paper" not in selector.chosen)
        assert (epoch == 10) == (not selector.weights)
    assert selector.epoch_of("paper") == 13


def test_the_rule_says_who_was_a_candidate():
    assert PAPER.among(1, 0, "first") == PAPER
    assert PAPER.among(5, 0, "first").rule == "best test, among epochs 0, 5, 10, … (counted from 0)"
    assert PAPER.among(1, 2, "last").rule == "best test, from epoch 2 (counted from 0), the latest of equal ones"


def test_minimising():
    lowest = SelectionProtocol("paper", "lowest", "test", "top1", maximise=False)
    assert feed(Selector((lowest,)), [0.5, 0.2, 0.3], [0, 0, 0]).epoch_of("paper") == 1


@pytest.mark.parametrize(
    ("values", "chosen"),
    [([None, None, None], 2), ([0.5, None, 0.4], 0), ([None, 0.4, None], 1), ([0.5, None, 0.6], 2)],
)
def test_a_metric_that_is_not_defined_neither_stops_the_run_nor_replaces_one_that_is(values, chosen):
    assert feed(Selector((PAPER,)), values, [0, 0, 0]).epoch_of("paper") == chosen


def test_state_survives(tmp_path):
    selector = feed(Selector((PAPER, CLEAN), "clean"), [0.1, 0.5], [0.4, 0.2])
    torch.save(selector.state_dict(), tmp_path / "s.pt")
    other = Selector((PAPER, CLEAN), "clean")
    other.load_state_dict(torch.load(tmp_path / "s.pt", weights_only=True))
    assert other.chosen == selector.chosen
    assert other.result("paper")["test"].metrics == {"top1": 0.5}
    assert other.weights["weight"].item() == 0
