"""Distillation of attention: golden values G5, sums over everything but clips, limits, gradient."""

from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from mmlib.errors import UsageError
from mmlib.losses.attention_distillation import attention_distillation, attention_divergence

OLD_SPATIAL = torch.tensor([[0.75, 0.25], [0.5, 0.5]], dtype=torch.float64)[None, :, :, None]  # (1, T, P, C)
NEW_SPATIAL = torch.tensor([[0.5, 0.5], [0.8, 0.2]], dtype=torch.float64)[None, :, :, None]
OLD_TEMPORAL = torch.tensor([[0.9, 0.1]], dtype=torch.float64)[:, :, None]  # (1, T, C)
NEW_TEMPORAL = torch.tensor([[0.6, 0.4]], dtype=torch.float64)[:, :, None]


def test_golden_values():
    assert attention_divergence(NEW_SPATIAL, OLD_SPATIAL).item() == pytest.approx(0.35395559, abs=1e-8)
    assert attention_divergence(NEW_TEMPORAL, OLD_TEMPORAL).item() == pytest.approx(0.22628916, abs=1e-8)
    both = attention_distillation(NEW_SPATIAL, OLD_SPATIAL, NEW_TEMPORAL, OLD_TEMPORAL)
    assert both.item() == pytest.approx(0.29012237, abs=1e-8)
    only = attention_distillation(NEW_SPATIAL, OLD_SPATIAL, NEW_TEMPORAL, OLD_TEMPORAL, weight=1.0)
    assert_close(only, attention_divergence(NEW_SPATIAL, OLD_SPATIAL))


def test_clips_are_averaged_and_all_else_is_summed():
    def repeated(weights, *sizes):
        return weights.expand(3, 2, 2, 1).repeat(1, *sizes)

    one = attention_divergence(NEW_SPATIAL, OLD_SPATIAL)
    assert_close(attention_divergence(repeated(NEW_SPATIAL, 1, 1, 1), repeated(OLD_SPATIAL, 1, 1, 1)), one)
    assert_close(attention_divergence(repeated(NEW_SPATIAL, 2, 1, 5), repeated(OLD_SPATIAL, 2, 1, 5)), 10 * one)


def test_equal_attention_costs_nothing_and_an_old_weight_of_0_is_finite():
    assert attention_divergence(OLD_SPATIAL, OLD_SPATIAL) == 0
    even, sharp = torch.tensor([[0.5, 0.5], [1.0, 0.0]], dtype=torch.float64).split(1)
    assert attention_divergence(even, sharp).item() == pytest.approx(0.69314718)


def test_a_small_difference_of_many_weights_is_not_lost_in_single_precision():
    generator = torch.Generator().manual_seed(0)
    score = torch.randn(4, 8, 49, 64, generator=generator, dtype=torch.float64)
    new = torch.softmax(score + 1e-3 * torch.randn(score.shape, generator=generator, dtype=torch.float64), dim=2)
    old = torch.softmax(score, dim=2)
    single = attention_divergence(new.float(), old.float()).double()
    assert_close(single, attention_divergence(new, old), rtol=1e-2, atol=0)


def test_only_the_new_network_gets_a_gradient_and_the_inputs_are_left_alone():
    new, old = NEW_SPATIAL.clone().requires_grad_(), OLD_SPATIAL.clone().requires_grad_()
    attention_divergence(new, old).backward()
    assert old.grad is None
    assert_close(new.grad, -OLD_SPATIAL / NEW_SPATIAL)
    assert torch.equal(old, OLD_SPATIAL)
    assert torch.autograd.gradcheck(lambda x: attention_divergence(x, OLD_SPATIAL), (new,))


@pytest.mark.parametrize("clips", [0, 2])
def test_other_clips_are_refused(clips):
    with pytest.raises(UsageError, match="give both networks the same clips"):
        attention_divergence(NEW_SPATIAL[:0] if not clips else NEW_SPATIAL, OLD_SPATIAL.repeat(clips, 1, 1, 1))
