"""The figures of the plan of question answering: what is drawn, and that what did not run is left out."""

from __future__ import annotations

import matplotlib.text
import numpy as np
import pytest
from avqa_fakes import avqa_claims, avqa_results
from figure_rules import keeps_the_rules

from mmlib.analysis.avqa import SENSES, VARIANTS, analyse
from mmlib.figures import avqa as drawn
from mmlib.figures.analyses import ANALYSES
from mmlib.metrics.question_answering import OVERALL


def texts(figure):
    return " ".join(text.get_text() for text in figure.findobj(matplotlib.text.Text))


@pytest.fixture(scope="module")
def found():
    return analyse(avqa_results(), avqa_claims())


def test_all_of_them_are_drawn_inside_their_page(found):
    figures = ANALYSES["avqa"].draw(found)
    assert list(figures) == ["senses", "types", "gains", "radar", "published"]
    for figure in figures.values():
        assert keeps_the_rules(figure)
    assert all(words in texts(figures["senses"]) for words in (*SENSES.values(), "majority answer"))
    assert all(VARIANTS[suffix] in texts(figures["types"]) for suffix in ("", "-joint", "-iemf"))


def test_only_what_ran_is_drawn():
    assert list(ANALYSES["avqa"].draw(analyse(avqa_results(rows=["audio"]), None))) == ["senses"]
    assert ANALYSES["avqa"].draw(analyse(avqa_results(rows=[]), None)) == {}
    some = analyse(avqa_results(rows=["avst", "avst-iemf"], seeds=(3,)), None)
    assert list(ANALYSES["avqa"].draw(some)) == ["types", "gains", "radar"]


def test_bars_are_means_dots_are_seeds_and_the_line_is_the_floor(found):
    (axis,) = drawn.senses_figure(found).axes
    heights = [patch.get_height() for patch in axis.patches]
    expected = [found.summary(row, name).mean for name in (*found.types, OVERALL) for row in found.senses]
    np.testing.assert_allclose(heights, expected)
    dots = [line for line in axis.get_lines() if line.get_marker() == "o"]
    assert len(dots) == len(expected) == 9 * 4
    assert all(len(line.get_ydata()) == 5 for line in dots)
    floors = [line for line in axis.get_lines() if line.get_linewidth() == 1.6]
    assert [line.get_ydata()[0] for line in floors] == pytest.approx([27.0] * 9)


def test_radars_hold_the_types_of_a_modality_and_their_average(found):
    axes = drawn.radar_figure(found).axes
    assert [axis.get_title() for axis in axes[:3]] == ["baseline, audio", "baseline, visual", "baseline, audio-visual"]
    spokes = [[label.get_text() for label in axis.get_xticklabels()] for axis in axes[:3]]
    assert spokes == [
        ["Counting", "Comparative", "average"],
        ["Counting", "Location", "average"],
        ["Existential", "Counting", "Location", "Temporal", "average"],  # no comparative questions here
    ]
    first = axes[0].get_lines()[0]
    assert (
        first.get_ydata()[0]
        == first.get_ydata()[-1]
        == pytest.approx(np.mean(list(found.values["baseline"]["accuracy_audio_counting"].values())))
    )
    assert all(axis.get_ylim()[0] < min(line.get_ydata().min() for line in axis.get_lines()) for axis in axes)


def test_the_published_radars_have_counting_and_location_put_right(found):
    axes = drawn.published_figure(found).axes
    labels = [label.get_text() for label in axes[5].get_xticklabels()]
    values = dict(zip(labels, axes[5].get_lines()[0].get_ydata(), strict=False))
    assert (values["Counting"], values["Location"]) == (68.45, 63.00)


def test_gains_are_ours_with_the_published_as_crosses(found):
    left, right = drawn.gains_figure(found).axes
    assert left.get_xlabel().endswith("better →")
    crosses = [line.get_xdata()[0] for line in right.get_lines() if line.get_marker() == "x"]
    assert crosses[-1] == pytest.approx(71.36 - 70.26)
    assert (left.get_title(), right.get_title()) == ("baseline", "AVST")
