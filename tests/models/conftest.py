"""Deterministic inputs and weights for the golden values of the networks of event localisation."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch


def inputs():
    """Audio (2, 10, 128) and visual (2, 10, 7, 7, 512), float64, from sines of the flat index."""
    audio = torch.sin(0.11 * torch.arange(2 * 10 * 128, dtype=torch.float64)).clamp(min=0)
    visual = torch.cos(0.013 * torch.arange(2 * 10 * 49 * 512, dtype=torch.float64)).clamp(min=0)
    return {"audio": audio.view(2, 10, 128), "visual": visual.view(2, 10, 7, 7, 512)}


@torch.no_grad()
def fill(model, numbers):
    """Tensor number i of `numbers` becomes 0.1 sin(0.37 k + 1.7 i) of its flat index k; float64, evaluation mode."""
    model.double().eval()
    parameters = list(model.parameters())
    assert len(parameters) == len(numbers)
    for number, parameter in zip(numbers, parameters, strict=True):
        flat = torch.arange(parameter.numel(), dtype=torch.float64)
        parameter.copy_((0.1 * torch.sin(0.37 * flat + 1.7 * number)).view_as(parameter))
    return model


def segment_classes():
    """Clip 0: class 2 on segments 3..6, background elsewhere; clip 1: class 5 throughout. (2, 10)."""
    classes = torch.full((2, 10), 28)
    classes[0, 3:7] = 2
    classes[1] = 5
    return classes


@pytest.fixture
def golden():
    return SimpleNamespace(fill=fill, inputs=inputs, segment_classes=segment_classes)
