"""The figure of MIM's gates: what is drawn, and that nothing is where no noise step is known."""

from __future__ import annotations

import matplotlib.text
import pytest
from figure_rules import keeps_the_rules
from mim_fakes import mim_results

from mmlib.analysis.mim import analyse
from mmlib.figures.analyses import ANALYSES

ROWS = ["product-purification", "concat-all"]


def test_a_panel_for_each_modality_with_every_row_inside_the_page():
    figures = ANALYSES["mim"].draw(analyse(mim_results(rows=ROWS)))
    assert list(figures) == ["gaps"]
    figure = figures["gaps"]
    assert keeps_the_rules(figure)
    assert [axis.get_title() for axis in figure.axes] == ["text", "audio", "visual"]
    told = " ".join(text.get_text() for text in figure.findobj(matplotlib.text.Text))
    assert "product, purification" in told
    assert "concat, all" in told


def test_marks_are_means_and_seeds():
    found = analyse(mim_results(rows=ROWS))
    text = ANALYSES["mim"].draw(found)["gaps"].axes[0]
    means = [
        line.get_xdata()[0]
        for line in text.get_lines()
        if line.get_marker() in ("o", "s") and len(line.get_xdata()) == 1
    ]
    assert means == pytest.approx([20, 40, 20, 40], abs=0.5)
    assert [len(line.get_xdata()) for line in text.get_lines()].count(5) == 4


def test_nothing_is_drawn_without_known_noise():
    assert ANALYSES["mim"].draw(analyse(mim_results("mosi_utterances", noisy=()))) == {}


def test_panels_share_their_axis_and_arrowheads_stand_at_its_ends():
    axes = ANALYSES["mim"].draw(analyse(mim_results(rows=ROWS, seeds=range(2))))["gaps"].axes
    assert len({axis.get_xlim() for axis in axes}) == 1
    low, high = axes[0].get_xlim()
    for axis in axes:
        lines = axis.get_lines()
        assert all(line.get_xdata()[0] in (low, high) for line in lines if line.get_marker() in ("<", ">"))
        drawn = [x for line in lines if len(line.get_xdata()) <= 2 for x in line.get_xdata()]
        assert low <= min(drawn) <= max(drawn) <= high
