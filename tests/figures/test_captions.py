"""Captions: below the panels, in lines that fit, above nothing; and the page grows by their height."""

from __future__ import annotations

import pytest

from mmlib.figures.captions import add_to_caption, caption_of, set_caption
from mmlib.figures.style import COLUMN, FULL, new_figure, style

LONG = "GRID words, one speaker, audio in white noise at −15 dB (video dominates); 5 seeds; paired over seeds; " * 2


def drawn(width, text, legend=True):
    with style():
        figure, ((axis,),) = new_figure(width, 2.0)
        axis.plot([0, 1], label="a line")
        axis.set_xlabel("x")
        if legend:
            figure.legend(loc="outside lower center")
        set_caption(figure, "What it shows", text)
        figure.draw_without_rendering()
    return figure, axis


@pytest.mark.parametrize("width", [COLUMN, FULL, 4.1])
@pytest.mark.parametrize("legend", [False, True])
def test_captions_stand_below_everything_and_inside_the_page(width, legend):
    figure, axis = drawn(width, LONG, legend)
    lines = sorted((text.get_window_extent() for text in figure.texts), key=lambda box: -box.y0)
    assert all(box.x0 >= 0 and box.x1 <= figure.bbox.x1 and box.y0 >= 0 for box in lines)
    assert all(above.y0 >= below.y1 - 2 for above, below in zip(lines, lines[1:], strict=False))
    lowest = axis.get_tightbbox().y0
    if legend:
        (one,) = figure.legends
        assert one.get_window_extent().y0 >= lines[0].y1 - 1
        lowest = min(lowest, one.get_window_extent().y0)
    assert lowest >= lines[0].y1 - 1
    assert caption_of(figure).startswith("What it shows GRID words")


def test_the_page_grows_and_the_panels_keep_their_size():
    short, small = drawn(FULL, "")
    long, large = drawn(FULL, LONG * 2)
    assert long.get_figheight() > short.get_figheight() + 0.3
    inches = [axis.get_window_extent().height / figure.dpi for figure, axis in ((short, small), (long, large))]
    assert inches[0] == pytest.approx(inches[1], abs=0.03)


def test_a_second_caption_takes_the_place_of_the_first():
    figure, axis = drawn(FULL, LONG)
    height, room = figure.get_figheight(), axis.get_window_extent().height
    pad = figure.legends[0].borderaxespad
    for _ in range(3):
        set_caption(figure, "What it shows", LONG)
    with style():  # letters have other widths outside
        figure.draw_without_rendering()
    assert figure.get_figheight() == pytest.approx(height)
    assert axis.get_window_extent().height == pytest.approx(room)
    assert figure.legends[0].borderaxespad == pytest.approx(pad)
    add_to_caption(figure, "More.")
    assert caption_of(figure).endswith("More.")
    assert caption_of(figure).startswith("What it shows GRID")
