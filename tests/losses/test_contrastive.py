"""The contrastive losses of AV-CIL: golden values G4, a loop over pairs, invariances, gradients."""

from __future__ import annotations

import math

import pytest
import torch
from torch.testing import assert_close

from mmlib.errors import ParameterError
from mmlib.losses.contrastive import class_contrast, instance_contrast

AUDIO = torch.tensor([[1, 0], [0.6, 0.8], [0, 1]], dtype=torch.float64)
VISUAL = torch.tensor([[0.8, 0.6], [1, 0], [0.28, 0.96]], dtype=torch.float64)
LABELS = torch.tensor([4, 5, 4])


@pytest.mark.parametrize(
    ("temperature", "instance", "of_class"), [(0.5, 1.04941712, 0.71606127), (0.05, 3.90034425, 3.70221439)]
)
def test_golden_values(temperature, instance, of_class):
    assert instance_contrast(AUDIO, VISUAL, temperature).item() == pytest.approx(instance, abs=1e-8)
    assert class_contrast(AUDIO, VISUAL, LABELS, temperature).item() == pytest.approx(of_class, abs=1e-8)


def test_golden_value_of_the_papers_average():
    found = class_contrast(AUDIO, VISUAL, LABELS, 0.5, average="positives")
    assert found.item() == pytest.approx(1.34275045, abs=1e-8)


def test_golden_total_of_av_cil():
    separated_and_kept = 0.59841779  # golden value G3
    total = separated_and_kept + 0.5 * instance_contrast(AUDIO, VISUAL) + class_contrast(AUDIO, VISUAL, LABELS)
    assert total.item() == pytest.approx(6.25080431, abs=2e-8)


@pytest.mark.parametrize("average", ["pairs", "positives"])
def test_equals_a_loop_over_pairs(average):
    generator = torch.Generator().manual_seed(0)
    audio, visual = (torch.randn(7, 4, generator=generator, dtype=torch.float64) for _ in range(2))
    labels = torch.randint(3, (7,), generator=generator)
    total = 0.0
    for i in range(7):
        similar = [(audio[i] @ v / audio[i].norm() / v.norm()).item() / 0.2 for v in visual]
        whole = math.log(sum(math.exp(s) for s in similar))
        positives = [j for j in range(7) if labels[i] == labels[j]]
        total -= sum(similar[j] - whole for j in positives) / (7 if average == "pairs" else len(positives))
    found = class_contrast(audio, visual, labels, 0.2, average=average)
    assert found.item() == pytest.approx(total / 7, abs=1e-12)


def test_where_every_clip_is_its_own_class_the_papers_losses_agree():
    labels = torch.arange(3)
    assert_close(class_contrast(AUDIO, VISUAL, labels, average="positives"), instance_contrast(AUDIO, VISUAL))
    assert_close(class_contrast(AUDIO, VISUAL, labels) * 3, instance_contrast(AUDIO, VISUAL))


def test_lengths_and_the_order_of_clips_do_not_matter_but_the_direction_does():
    order = torch.tensor([2, 0, 1])
    scale = torch.tensor([[2.0], [0.1], [30]], dtype=torch.float64)
    expected = class_contrast(AUDIO, VISUAL, LABELS)
    assert_close(class_contrast(AUDIO[order] * scale, VISUAL[order], LABELS[order]), expected)
    assert_close(instance_contrast(AUDIO[order], VISUAL[order] * scale), instance_contrast(AUDIO, VISUAL))
    assert not torch.isclose(instance_contrast(VISUAL, AUDIO), instance_contrast(AUDIO, VISUAL))


def test_an_unknown_average_is_refused():
    with pytest.raises(ParameterError, match="choose one of 'pairs', 'positives'"):
        class_contrast(AUDIO, VISUAL, LABELS, average="rows")


def test_gradients():
    inputs = (AUDIO.clone().requires_grad_(), VISUAL.clone().requires_grad_())
    assert torch.autograd.gradcheck(lambda a, v: instance_contrast(a, v, 0.5), inputs)
    assert torch.autograd.gradcheck(lambda a, v: class_contrast(a, v, LABELS, 0.5, "positives"), inputs)
