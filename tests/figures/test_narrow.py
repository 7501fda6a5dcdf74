"""The form of a figure for a small screen, and a figure in words."""

from __future__ import annotations

import itertools
import warnings

import matplotlib
import numpy as np
import pytest
from claims_fakes import CLAIMS, fake_results
from iemf_fakes import iemf_claims, iemf_results
from matplotlib.backends.backend_agg import FigureCanvasAgg

from mmlib import figures
from mmlib.analysis.iemf.findings import analyse
from mmlib.figures.describe import describe
from mmlib.figures.iemf import factorial_figure
from mmlib.figures.style import COLUMN, narrow, new_figure, style
from mmlib.report.assemble import assemble
from mmlib.report.drawing import SHEETS, draw
from mmlib.workbook.claims import load_claims
from mmlib.workbook.fingerprint import Fingerprints
from mmlib.workbook.plan import find_plan


@pytest.fixture(scope="module")
def claims():
    return load_claims(CLAIMS)


def values(figure):
    """What is drawn: the numbers of all lines, panel by panel."""
    return [[np.asarray(line.get_xydata(), float).tolist() for line in axis.get_lines()] for axis in figure.axes]


def test_panels_stand_below_one_another_and_show_the_same(claims):
    wide = figures.table_figure(fake_results(), claims, ["top1", "map"])
    with narrow():
        tall = figures.table_figure(fake_results(), claims, ["top1", "map"])
    assert tall.get_figwidth() == COLUMN < wide.get_figwidth()
    assert values(tall) == values(wide)
    FigureCanvasAgg(tall).draw()
    first, second = (axis.get_window_extent() for axis in tall.axes)
    assert second.y1 < first.y0
    assert abs(first.x0 - second.x0) < 2
    assert tall.get_tightbbox().width < COLUMN + 0.6


def test_the_form_ends_with_its_block():
    with narrow():
        new_figure(figures.FULL, 2.0, 1, 2)
    figure, axes = new_figure(figures.FULL, 2.0, 1, 2)
    assert (figure.get_figwidth(), axes.shape) == (figures.FULL, (1, 2))


@pytest.mark.parametrize(
    ("options", "order"),
    [
        ({"width_ratios": (2, 1), "sharey": "row"}, [0, 1, 2, 3, 4, 5]),
        ({"height_ratios": (2, 1), "sharex": True}, [0, 3, 1, 4, 2, 5]),  # what belongs together stays together
        ({"gridspec_kw": {"height_ratios": [2, 1]}}, [0, 3, 1, 4, 2, 5]),
    ],
)
def test_axes_come_in_the_order_asked_for(options, order):
    with narrow():
        figure, axes = new_figure(figures.FULL, 3.0, 2, 3, **options)
    assert axes.shape == (2, 3)
    places = [axis.get_subplotspec().rowspan.start for axis in axes.flat]
    assert sorted(places) == list(range(6))
    assert [places.index(place) for place in range(6)] == order


def test_a_narrow_figure_stays_as_it_is():
    with narrow():
        figure, axes = new_figure(COLUMN, 2.0, 2, 1)
    assert axes.shape == (2, 1)
    assert figure.get_figheight() == 2.0


def test_legends_take_two_columns_at_most(claims):
    with narrow():
        figure = figures.table_figure(fake_results(), claims, ["top1"])
    assert figure.legends[0]._ncols == 2
    assert figures.table_figure(fake_results(), claims, ["top1"]).legends[0]._ncols > 2


def test_a_figure_with_a_panel_across_rows_has_a_narrow_form():
    found = analyse(iemf_results(), iemf_claims())
    with narrow():
        figure = factorial_figure(found)
    assert len(figure.axes) == len(factorial_figure(found).axes) == 3
    effects = figure.axes[-1].get_subplotspec().rowspan
    assert (effects.start, effects.stop) == (2, 4)


def test_a_figure_in_words(claims):
    told = describe(figures.table_figure(fake_results(), claims, ["top1", "map"]))
    assert told.startswith("2 panels. Top-1 accuracy (%): ")
    assert "Concatenation, Summation, FiLM" in told
    assert "and 14 more" in told  # rows, and the blocks named among them
    assert told.endswith("Legend: one seed, mean, 95 % interval of the mean.")


def test_words_give_the_range_of_an_axis_and_leave_out_empty_panels():
    figure = matplotlib.figure.Figure()
    drawn, hidden, empty = figure.subplots(1, 3)
    drawn.plot([1, 8], [-0.5, 62])
    drawn.set(xlabel="epoch", title="training\nloss", xlim=(1, 8), ylim=(-0.5, 62))
    hidden.plot([0, 1])
    hidden.set_axis_off()
    assert describe(figure) == "training loss: epoch from 1 to 8, up from −0.5 to 62."
    assert empty.axison


SETTINGS = {
    "table1": "grid_words_audio", "table2": "grid_digits", "table3": "embedded", "iemf": "av_digits",
    "continual": "grid_words_incremental", "avqa": "grid_questions", "valuation": "mosi", "mim": "mosi_utterances",
    "correlation": "embedded", "zeta": "grid_words",
}  # fmt: skip


@pytest.mark.parametrize("plan", SETTINGS)
def test_narrow_figures_of_committed_records_are_legible(plan, project, tmp_path):
    """Of every plan: panels have room, names of ticks do not run into one another, and the page is not much wider."""
    assembly = assemble(find_plan(plan), SETTINGS[plan], tmp_path, project, fingerprints=Fingerprints(project))
    assert assembly.results.records
    with narrow():
        figures = {name: figure for sheet in SHEETS for name, figure in draw(assembly, "clean", sheet).items()}
    assert figures
    for name, figure in figures.items():
        with style(), warnings.catch_warnings():
            warnings.simplefilter("error")  # a layout that collapses warns
            figure.draw_without_rendering()
        renderer = figure._get_renderer()
        assert figure.get_tightbbox(renderer).width <= 1.25 * COLUMN, name
        for axis in figure.axes:
            labels = [label for label in axis.get_xticklabels() if label.get_text() and label.get_visible()]
            boxes = sorted((label.get_window_extent(renderer) for label in labels), key=lambda box: box.x0)
            if axis.name == "polar":
                continue
            for left, right in itertools.pairwise(boxes):
                assert right.x0 >= left.x1 - 1, (name, [label.get_text() for label in labels])


@pytest.mark.parametrize("plan", ["table1", "table3", "valuation", "correlation"])
def test_headings_of_panels_side_by_side_do_not_touch(plan, project, tmp_path):
    assembly = assemble(find_plan(plan), SETTINGS[plan], tmp_path, project, fingerprints=Fingerprints(project))
    for sheet in SHEETS:
        for name, figure in draw(assembly, "clean", sheet).items():
            with style():
                figure.draw_without_rendering()
            titles = [axis.title.get_window_extent() for axis in figure.axes if axis.get_title()]
            for one, other in itertools.combinations(titles, 2):
                assert not one.expanded(1.02, 1).overlaps(other), name
