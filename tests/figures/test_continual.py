"""The figures of the plan of continual learning: what is drawn, and that what did not run is left out."""

from __future__ import annotations

import matplotlib.text
import numpy as np
import pytest
from continual_fakes import continual_results
from figure_rules import keeps_the_rules

from mmlib.analysis.continual import VARIANTS, analyse
from mmlib.figures import continual as drawn
from mmlib.figures.analyses import ANALYSES


def texts(figure):
    return " ".join(text.get_text() for text in figure.findobj(matplotlib.text.Text))


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    return analyse(continual_results(tmp_path_factory.mktemp("cells")))


def test_all_of_them_are_drawn_inside_their_page(found):
    figures = ANALYSES["continual"].draw(found)
    assert list(figures) == ["bars", "steps", "gains"]
    for figure in figures.values():
        assert keeps_the_rules(figure)
    assert all(label in texts(figures["bars"]) for label in VARIANTS.values())
    assert all(label in texts(figures["steps"]) for label in VARIANTS.values())
    assert "ReLU" not in texts(figures["gains"])


def test_only_what_ran_is_drawn():
    assert list(ANALYSES["continual"].draw(analyse(continual_results(rows=["lwf"])))) == ["bars"]
    assert ANALYSES["continual"].draw(analyse(continual_results(rows=[]))) == {}


def test_bars_are_means_and_dots_are_seeds(found):
    accuracy, transfer = drawn.bars_figure(found).axes
    heights = [patch.get_height() for patch in accuracy.patches]
    expected = [one.summary(suffix, "mean_task_acc").mean for one in found.methods for suffix in one.values]
    np.testing.assert_allclose(heights, expected)
    assert len(heights) == 34
    assert max(patch.get_height() for patch in transfer.patches) <= 0  # what is lost points down
    dots = [line for line in accuracy.get_lines() if line.get_marker() == "o"]
    assert len(dots) == 34
    assert all(len(line.get_ydata()) == 5 for line in dots)


def test_each_panel_shows_one_method(found):
    panels = drawn.steps_figure(found).axes
    assert [axis.get_title() for axis in panels if axis.axison] == [one.name for one in found.methods]
    first = panels[0].get_lines()[0]
    np.testing.assert_allclose(first.get_ydata(), np.mean(list(found.methods[0].steps[""].values()), axis=0))
    assert list(first.get_xdata()) == [1, 2, 3]


def test_gains_have_their_direction_named(found):
    left, right = drawn.gains_figure(found).axes
    assert left.get_xlabel().endswith("better →")
    assert right.get_xlabel().endswith("← better")
