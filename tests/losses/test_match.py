"""Right and wrong pairs: worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from mmlib.losses.match import match_accuracy, match_loss

SCORES = {"right": torch.tensor([[[0.0, 1.0]], [[2.0, 0.0]]]), "wrong": torch.tensor([[[1.0, 1.0]], [[0.0, -3.0]]])}


def test_mean_cross_entropy_of_both_kinds():
    each = [math.log(1 + math.exp(-1)), math.log(1 + math.exp(2)), math.log(2), math.log(1 + math.exp(-3))]
    assert float(match_loss(SCORES)) == pytest.approx(sum(each) / 4)


def test_a_tie_counts_as_no():
    assert float(match_accuracy(SCORES)) == 3 / 4  # yes right, no wrong; of the other pair a tie, and no


def test_swapping_the_two_is_another_loss():
    turned = {"right": SCORES["wrong"], "wrong": SCORES["right"]}
    assert float(match_loss(turned)) != pytest.approx(float(match_loss(SCORES)))
