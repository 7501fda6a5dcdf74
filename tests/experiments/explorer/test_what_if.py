"""The what-if panel: the golden values of the equations, and what moves when a slider does."""

from __future__ import annotations

import math

import pytest

from mmlib.errors import ParameterError
from mmlib.experiments.explorer.what_if import EXAMPLES, what_if, what_if_figure
from mmlib.experiments.explorer.what_if_panel import MOST, WhatIfPanel


def test_golden_values_of_one_row():
    found = what_if(*EXAMPLES["two unlike signals"])
    assert found.u == pytest.approx([0.8, 0.6, 0.5, -0.1])
    assert found.e1 == pytest.approx([1.860465, 1.860465, 1.194030, 1.194030], abs=1e-6)
    assert found.e2 == pytest.approx([1.990050, 1.913876, 1.084011, 1.246106], abs=1e-6)
    assert found.eu == pytest.approx([1.420121, 1.860466, 1.983471, 0.995854], abs=1e-6)
    assert found.mutual == pytest.approx([0.431946, 0.873796, 1.413961, 0.298630], abs=1e-6)
    assert found.energy == pytest.approx([0.450955, 0.898701, 1.440512, 0.311960], abs=1e-6)
    assert found.gate == pytest.approx([0.610866, 0.710682, 0.808534, 0.577364], abs=1e-6)
    assert found.fused == pytest.approx([0.488693, 0.426409, 0.404267, -0.057736], abs=1e-6)


def test_limits():
    same = what_if(*EXAMPLES["twice the same signal"])
    assert same.u == same.x1
    assert same.eu == pytest.approx(same.e1, abs=1e-5)
    undegraded = what_if(same.x1, same.x2, same.zeta, 1.0)
    assert undegraded.energy == pytest.approx(undegraded.mutual)
    reversed_gate = what_if(same.x1, same.x2, same.zeta, 0.5, gate="neg")
    paper = what_if(same.x1, same.x2, same.zeta, 0.5)
    assert [a + b for a, b in zip(paper.gate, reversed_gate.gate, strict=True)] == pytest.approx([1] * 4)


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_example_is_finite_and_drawn(name):
    found = what_if(*EXAMPLES[name])
    assert all(math.isfinite(value) for _, values in found.rows() for value in values)
    assert [axis.get_title() for axis in what_if_figure(found).axes] == ["signals", "energies", "weights and result"]


def test_mistakes_are_told():
    with pytest.raises(ParameterError, match="same number of neurons"):
        what_if([1, 2], [1], [0.5, 0.5], 0.5)
    with pytest.raises(ParameterError, match="between 0 and 1"):
        what_if([1, 2], [1, 2], [0.5, 1.5], 0.5)


def test_a_slider_moves_energies_gate_and_picture():
    panel = WhatIfPanel()
    before, picture, table = panel.found, panel.picture.value, panel.table.value
    panel.signals[0][0].value = 3.0
    assert panel.found.x1[0] == 3.0
    assert panel.found.e1[0] < before.e1[0]  # it stands out more
    assert panel.picture.value != picture
    assert panel.table.value != table
    panel.signals[2][1].value = 0.9
    assert panel.found.zeta[1] == 0.9
    panel.r.value = 1.0
    assert panel.found.energy == pytest.approx(panel.found.mutual)
    panel.gate.value = "none"
    assert panel.found.gate == [1] * 4


def test_neurons_come_and_go():
    panel = WhatIfPanel()
    for count in (MOST, 2):
        panel.neurons.value = count
        assert len(panel.found.eu) == count
        assert [slider.layout.display for slider in panel.signals[0]] == [None] * count + ["none"] * (MOST - count)
    panel.example.value = "opposite signals"
    assert panel.found.x2 == [-1.0, 0.0, -2.0, 1.0]
