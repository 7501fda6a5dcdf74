"""The figures of IEMF: what is drawn, and that what is missing is said."""

from __future__ import annotations

import dataclasses

import matplotlib.text
import numpy as np
import pytest
from figure_rules import keeps_the_rules
from iemf_fakes import VOTES, iemf_claims, iemf_results, leave_landscapes

from mmlib.analysis.iemf.findings import analyse
from mmlib.figures import iemf as drawn
from mmlib.figures.analyses import ANALYSES


def texts(figure):
    return " ".join(text.get_text() for text in figure.findobj(matplotlib.text.Text))


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    results = iemf_results(tmp_path_factory.mktemp("cells"))
    leave_landscapes(results)
    everything = analyse(results, iemf_claims())
    everything.votes = VOTES
    return everything


def test_all_of_them_are_drawn_inside_their_page(found):
    figures = ANALYSES["iemf"].draw(found)
    assert list(figures) == [
        "gains", "factorial", "psi", "coefficient", "branches", "cost", "landscape", "spiking", "people",
    ]  # fmt: skip
    for figure in figures.values():
        assert keeps_the_rules(figure)
        assert "generated" not in texts(figure)


def test_what_did_not_run_is_not_drawn_and_drawing_it_says_so():
    nothing = analyse(iemf_results(seeds=()), iemf_claims())
    assert ANALYSES["iemf"].draw(nothing) == {}
    for drawing in ANALYSES["iemf"].drawings:
        figure = getattr(drawn, drawing.function)(nothing)
        said = texts(figure)
        assert any(word in said for word in ("not run", "none of", "no ", "not here", "needs")), drawing.name


def test_bars_are_gains_of_ours_and_of_the_paper(found):
    axes = drawn.gains_figure(found).axes
    heights = sorted(patch.get_height() for patch in axes[0].patches)
    assert len(heights) == 4 * 4  # four methods: three published data sets, and ours
    assert heights[0] == pytest.approx(-0.13)  # LFM on CREMA-D
    assert heights[-1] == pytest.approx(7.87)  # LFM on Kinetics-Sounds
    ours = [one.gain.mean for one in found.shares[:4]]
    assert all(any(height == pytest.approx(gain) for height in heights) for gain in ours)
    assert len(axes[2].patches) == 4 * 4


def test_on_the_papers_own_data_only_its_own_numbers_stand_beside_ours():
    results = iemf_results(profile="cremad", seeds=(0, 1))
    figure = drawn.gains_figure(analyse(results, iemf_claims()))
    assert len(figure.axes[0].patches) == 4 * 2
    assert len(figure.axes[2].patches) == 4 * 2  # the unimodal losses alone are published for another set
    assert "UrbanSound8K-AV" not in texts(figure)


def test_published_points_lie_over_ours_as_gains(found):
    accuracy, gain = drawn.sweep_figure(found).axes
    markers = {line.get_marker(): line for line in gain.get_lines()}
    np.testing.assert_allclose(markers["D"].get_ydata(), [2.78, 2.62, 6.98, 5.71, 4.55, 1.85], atol=1e-9)
    assert "D" not in {line.get_marker() for line in accuracy.get_lines()}  # other data: no accuracies beside ours
    same = analyse(iemf_results(profile="kinetics_sounds", seeds=(0, 1)), iemf_claims())
    accuracy, _ = drawn.sweep_figure(same).axes
    assert 64.61 in {line.get_marker(): list(line.get_ydata()) for line in accuracy.get_lines()}["D"]


def test_eight_combinations_have_their_switches(found):
    figure = drawn.factorial_figure(found)
    switches = next(axis for axis in figure.axes if "scaling" in [t.get_text() for t in axis.get_yticklabels()][:2])
    faces = [line.get_markerfacecolor() for line in switches.get_lines()]
    assert (faces.count("black"), faces.count("white")) == (12, 12)


def test_a_combination_that_did_not_run_is_named():
    some = analyse(iemf_results(rows=["none", "none-joint", "none-iemf", "off-noise"]), iemf_claims())
    figure = drawn.factorial_figure(some)
    assert texts(figure).count("not run") == 4
    assert "effects need all eight combinations" in texts(figure)


def test_the_cost_is_defined_in_the_figure(found):
    said = texts(drawn.cost_figure(found)).replace("\n", " ")
    assert "our definition" in said
    assert "epochs until IEMF first has the best test accuracy of the run without it" in said


def test_accuracy_with_iemf_looks_the_same_where_its_method_did_not_run_alone(found):
    first, second, *_ = found.coefficients
    lonely = dataclasses.replace(found, coefficients=[first, dataclasses.replace(second, without=None)])
    *_, both, alone = drawn.coefficient_figure(lonely).axes
    with_iemf = both.get_lines()[-1]
    assert [line.get_label() for line in alone.get_lines()] == [with_iemf.get_label()]
    assert alone.get_lines()[0].get_color() == with_iemf.get_color() != both.get_lines()[0].get_color()
