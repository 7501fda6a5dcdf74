"""The figures of the plan `valuation`: what is drawn, and that what did not run is left out."""

from __future__ import annotations

import matplotlib.text
import numpy as np
import pytest
from figure_rules import keeps_the_rules
from valuation_fakes import valuation_claims, valuation_results

from mmlib.analysis.valuation import METHODS, analyse
from mmlib.figures import valuation as drawn
from mmlib.figures.analyses import ANALYSES


def texts(figure):
    return " ".join(text.get_text() for text in figure.findobj(matplotlib.text.Text))


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    return analyse(valuation_results(tmp_path_factory.mktemp("cells"), "grid_words_audio"), valuation_claims())


def test_all_of_them_are_drawn_inside_their_page(found):
    figures = ANALYSES["valuation"].draw(found)
    assert list(figures) == ["gains", "contributions", "auc"]
    for name, figure in figures.items():
        assert keeps_the_rules(figure)
        shown = list(METHODS.values())[name == "gains" :]
        assert all(method in texts(figure) for method in shown), name


def test_only_what_ran_is_drawn():
    draw = ANALYSES["valuation"].draw
    assert draw(analyse(valuation_results(rows=["sample"], truth=False))) == {}
    assert list(draw(analyse(valuation_results(rows=["joint", "sample"], truth=False)))) == ["gains"]
    assert list(draw(analyse(valuation_results(rows=["joint"])))) == ["auc"]


def test_printed_differences_are_marks_of_the_accuracy_alone(found):
    accuracy, *alone = drawn.gains_figure(found).axes
    marks = {
        (line.get_marker(), round(float(line.get_xdata()[0]), 2))
        for line in accuracy.get_lines()
        if line.get_marker() in ("D", "X")
    }
    assert marks == {("D", 1.0), ("D", 4.62), ("D", 4.35), ("X", -0.14), ("X", 1.49), ("X", 1.09)}
    assert not [line for axis in alone for line in axis.get_lines() if line.get_marker() in ("D", "X")]
    assert len(alone) == 2
    assert accuracy.get_xlabel().endswith("better →")


def test_curves_are_means_over_seeds(found):
    axes = drawn.contributions_figure(found).axes
    first = axes[0].get_lines()[0]
    expected = np.mean([means[:, 0] for _, means, _ in found.methods[0].means.values()], axis=0)
    np.testing.assert_allclose(first.get_ydata(), expected)
    assert first.get_xdata().tolist() == [1, 2, 3, 4]
    sizes = axes[-1].get_lines()[0]
    assert sizes.get_ydata().tolist() == [1, 1, 2, 2]


def test_the_axis_of_list_sizes_holds_every_method(found):
    axes = drawn.contributions_figure(found).axes
    longest = max(line.get_ydata().max() for axis in axes for line in axis.get_lines()[:1] if axis.get_ylim()[0] == 0)
    assert longest == 2
    assert axes[-1].get_ylim()[1] >= longest
