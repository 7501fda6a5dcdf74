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
