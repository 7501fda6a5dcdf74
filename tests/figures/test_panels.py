"""Panels of the IEMF figure: what is drawn, not its pixels."""

from __future__ import annotations

import matplotlib
import numpy as np
import pytest
from figure_rules import keeps_the_rules
from matplotlib.backends.backend_agg import FigureCanvasAgg

from mmlib.analysis.cost import Cost, MethodCost
from mmlib.analysis.human_votes import ALL, Votes
from mmlib.analysis.landscape import Landscape
from mmlib.figures.cost import cost_figure
from mmlib.figures.human_votes import human_votes_figure
from mmlib.figures.landscape import landscape_figure
from mmlib.figures.unimodal import unimodal_figure

VOTES = [
    Votes(ALL, 0.4, 0.6, 0.65, 0.5 / 0.65, 1 + np.tanh(1 - 0.5 / 0.65), 900),
    Votes("ANG", 0.3, 0.5, 0.8, 0.5, 1 + np.tanh(0.5), 500),
    Votes("SAD", 0.5, 0.7, 0.6, 1.0, 1.0, 400),
]


def valley(depth, size=21, norms="trained"):
    places = np.linspace(-1, 1, size)
    return Landscape(depth + 3 * (places[:, None] ** 2 + 2 * places**2), places, 256, 0, norms)


def curves(start, seeds=3, epochs=8, step=0.02):
    return {seed: [start + 0.01 * seed + step * epoch for epoch in range(epochs)] for seed in range(seeds)}


def costs():
    def run(seed, epoch, ratio):
        return Cost(seed, 0.8, 10, epoch, 20, ratio, 0.04)

    return [
        MethodCost("OGM-GE + IEMF", (run(0, 6, 1.02), run(1, 8, 1.01), run(2, 9, 1.03))),
        MethodCost("MSLR", (run(0, 14, 1.0), run(1, None, 1.0), run(2, None, 1.01))),
    ]


def texts(figure):
    FigureCanvasAgg(figure).draw()
    return " ".join(text.get_text() for text in figure.findobj(matplotlib.text.Text))


def test_landscapes_share_colours_and_lines_and_mark_the_weights():
    one, two = valley(0.2), valley(0.6)
    figure = landscape_figure({"OGM-GE": one, "OGM-GE + IEMF": two}, "generated data; seed 0")
    first, second, bar = figure.axes
    meshes = [axis.collections[0] for axis in (first, second)]
    for mesh, found in zip(meshes, (one, two), strict=True):
        np.testing.assert_allclose(np.asarray(mesh.get_array()).ravel(), found.loss.ravel())
        assert (mesh.norm.vmin, mesh.norm.vmax) == (one.loss.min(), two.loss.max())
    lines = [axis.collections[1] for axis in (first, second)]
    np.testing.assert_allclose(lines[0].levels, lines[1].levels)
    assert len(lines[0].levels) == 9
    assert all((0, 0) in [tuple(np.ravel(line.get_data())) for line in axis.get_lines()] for axis in (first, second))
    assert "at the weights: 0.200" in first.get_title()
    shown = texts(figure)
    for word in (
        "OGM-GE + IEMF",
        "second direction",
        "256 samples",
        "statistics of training",
        "generated data; seed 0",
    ):
        assert word in shown
    assert "nats" in bar.get_ylabel()
    assert keeps_the_rules(figure)
    assert "measured at each point" in texts(landscape_figure({"x": valley(0.1, 4, "estimated")}))


def test_a_flat_or_lost_landscape_can_be_drawn():
    flat = Landscape(np.full((3, 3), 0.5), np.linspace(-1, 1, 3), 10)
    zero = Landscape(np.zeros((1, 1)), np.zeros(1), 10)
    assert "at the weights: 0.500" in texts(landscape_figure({"flat": flat}))
    assert "at the weights: 0.000" in texts(landscape_figure({"one point": zero}))
    assert "no landscape was computed" in texts(landscape_figure({}))


def test_unimodal_curves_are_means_with_bands_in_percent():
    ways = {"from scratch": curves(0.3), "fine-tuned, no IEMF": curves(0.4), "fine-tuned, IEMF": {}}
    figure = unimodal_figure({"audio": ways, "visual": {"from scratch": curves(0.2)}}, "generated data; 3 seeds")
    audio, visual = figure.axes
    assert [line.get_label() for line in audio.get_lines()] == ["from scratch", "fine-tuned, no IEMF"]
    np.testing.assert_allclose(audio.get_lines()[0].get_xdata(), range(1, 9))
    np.testing.assert_allclose(audio.get_lines()[0].get_ydata(), [31 + 2 * epoch for epoch in range(8)])
    band = audio.collections[0].get_paths()[0].vertices
    assert (band[:, 1].min(), band[:, 1].max()) == (pytest.approx(30), pytest.approx(46))
    shown = texts(figure)
    assert "45.0" in shown, "the last mean, 31 + 14"
    assert "Top-1 accuracy (%), test" in shown
    assert "generated data; 3 seeds" in shown
    assert visual.get_title() == "visual"
    assert keeps_the_rules(figure)
    assert "no run of one modality alone" in texts(unimodal_figure({"audio": {"from scratch": {}}}))


def test_curves_of_other_lengths_and_gaps():
    uneven = {0: [0.1, 0.2, None, 0.4, 0.5], 1: [0.3, 0.4, 0.5, 0.6]}
    (axis,) = unimodal_figure({"audio": {"from scratch": uneven}}).axes
    np.testing.assert_allclose(axis.get_lines()[0].get_ydata(), [20, 30, np.nan, 50])


def test_human_votes_show_shares_and_the_rule():
    figure = human_votes_figure(VOTES)
    left, right = figure.axes
    heights = [bar.get_height() for bar in left.patches]
    assert heights == pytest.approx([40, 30, 50, 60, 50, 70, 65, 80, 60])
    marks = [tuple(np.ravel(line.get_data())) for line in right.get_lines() if line.get_marker() in ("o", "D")]
    np.testing.assert_allclose(sorted(marks), sorted((each.ratio, each.coefficient) for each in VOTES))
    shown = texts(figure)
    for word in ("anger", "sadness", "all six", "900 votes", "causal claim", "voice and face"):
        assert word in shown
    assert keeps_the_rules(figure)
    assert "are not here" in texts(human_votes_figure([]))


def test_costs_show_every_seed_and_what_never_got_there():
    figure = cost_figure(costs(), "generated data")
    (axis,) = figure.axes
    assert [bar.get_width() for bar in axis.patches] == pytest.approx([0.8 * 1.01])
    seeds = [line.get_xdata()[0] for line in axis.get_lines() if line.get_marker() == "o"]
    assert seeds == pytest.approx([0.6 * 1.02, 0.8 * 1.01, 0.9 * 1.03, 1.4])
    never = [line.get_xdata()[0] for line in axis.get_lines() if line.get_marker() == ">"]
    assert never == pytest.approx([2.0, 2.02])
    assert axis.get_xlim()[1] > 2.02
    shown = texts(figure)
    for word in ("3 of 3 got there", "1 of 3 got there", "our definition", "noisy by up to 4 %", "generated data"):
        assert word in shown
    assert keeps_the_rules(figure)
    untimed = MethodCost("x", (Cost(0, 0.8, 10, 5, 20, None, None),))
    assert "can be compared" in texts(cost_figure([untimed]))
    assert "can be compared" in texts(cost_figure([]))
