"""Layout with a guessed first measure: panels stand where matplotlib's own layout puts them, and nothing is cut off."""

from __future__ import annotations

import numpy as np
import pytest

from mmlib.figures import layout
from mmlib.figures.captions import add_to_caption, caption_of, set_caption
from mmlib.figures.layout import laid_out
from mmlib.figures.style import FORMATS, FULL, new_figure, png, save_figure, style


def lines(columns=3, rows=1, colour_bar=False, scale=1.0):
    with style():
        figure, axes = new_figure(FULL, 2.4 * rows, rows, columns)
        for place, axis in enumerate(axes.flat):
            axis.plot(np.arange(40), scale * np.cos(np.arange(40) / (place + 2)), label="a line")
            axis.set(
                xlabel="epoch", ylabel="loss (nats)\n← better" if place else "a", title="one" if place == 1 else ""
            )
        if colour_bar:
            figure.colorbar(axes[0, 0].imshow(np.eye(8)), ax=axes[0, 0])
        set_caption(figure, "Lines", "three of them")
    return figure


def places(figure):
    return np.array([axis.get_position().bounds for axis in figure.axes])


def by_matplotlib(figure):
    with style():
        figure.get_layout_engine().execute(figure)
    return places(figure)


@pytest.mark.parametrize("shape", [{}, {"rows": 2}, {"columns": 1}, {"colour_bar": True}, {"scale": 12345.0}])
def test_panels_stand_where_matplotlibs_layout_puts_them(shape):
    figure = lines(**shape)
    with style(), laid_out(figure):
        placed = places(figure)
    pixel = 1 / (figure.dpi * FULL)
    np.testing.assert_allclose(placed, by_matplotlib(lines(**shape)), atol=0 if shape.get("colour_bar") else pixel)


def test_each_panel_is_measured_once_and_drawn_where_it_stands(monkeypatch):
    from matplotlib.axes import Axes

    asked = []
    exact = Axes.get_tightbbox
    monkeypatch.setattr(Axes, "get_tightbbox", lambda self, *a, **o: asked.append(self) or exact(self, *a, **o))
    figure = lines()
    png(figure)
    assert sorted(map(id, asked)) == sorted(map(id, figure.axes))
    asked.clear()
    with style():
        figure.draw_without_rendering()
    assert len(asked) == 6, "the figure's own layout is as it was"


def test_a_saved_figure_is_drawn_once_in_each_format(monkeypatch, tmp_path):
    from matplotlib.axes import Axes

    drawn = []
    exact = Axes.draw
    monkeypatch.setattr(Axes, "draw", lambda self, renderer: drawn.append(self) or exact(self, renderer))
    figure = lines()
    engine = figure.get_layout_engine()
    save_figure(figure, tmp_path / "lines")
    assert len(drawn) == len(FORMATS) * len(figure.axes)
    assert figure.get_layout_engine() is engine


def test_a_figure_without_a_layout_keeps_its_own_places_in_every_format(monkeypatch, tmp_path):
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    figure, drawn = Figure(figsize=(4, 3)), []
    axis = figure.add_axes([0.3, 0.2, 0.5, 0.6])
    exact = Axes.draw
    monkeypatch.setattr(Axes, "draw", lambda self, renderer: drawn.append(self) or exact(self, renderer))
    save_figure(figure, tmp_path / "own")
    assert len(drawn) == len(FORMATS)
    assert figure.get_layout_engine() is None
    assert axis.get_position().bounds == pytest.approx((0.3, 0.2, 0.5, 0.6))


def test_a_figure_can_be_changed_and_drawn_again():
    figure = lines()
    first = png(figure)
    add_to_caption(figure, "and more to say of them")
    assert caption_of(figure) == "Lines three of them and more to say of them"
    assert png(figure) != first
    assert "get_tightbbox" not in vars(figure.axes[0])


def test_an_error_while_drawing_leaves_the_layout_as_it_was():
    figure = lines()
    engine = figure.get_layout_engine()
    with pytest.raises(ZeroDivisionError), style(), laid_out(figure):
        raise ZeroDivisionError
    assert figure.get_layout_engine() is engine


def test_figures_without_layout_or_panels_stay_as_they_are():
    figure = lines()
    figure.set_layout_engine("none")
    before = places(figure)
    with style(), laid_out(figure):
        np.testing.assert_array_equal(places(figure), before)
    with style():
        empty, axes = new_figure(3, 2)
        axes[0, 0].remove()
    with pytest.warns(UserWarning, match="no gridspecs"), style(), laid_out(empty):
        assert not empty.axes


@pytest.mark.parametrize("engine", ["tight", "compressed"])
def test_other_layouts_are_matplotlibs_own(engine):
    first, second = lines(), lines()
    for figure in (first, second):
        figure.set_layout_engine(engine)
    with style(), laid_out(first):
        np.testing.assert_allclose(places(first), by_matplotlib(second), atol=1 / (first.dpi * FULL))


def test_the_guess_comes_near_what_is_measured():
    figure = lines()
    with style():
        figure.get_layout_engine().execute(figure)
        for axis in figure.axes:
            guessed, measured = layout._guessed(axis), axis.get_tightbbox(for_layout_only=True)
            np.testing.assert_allclose(guessed.extents, measured.extents, atol=0.2 * figure.dpi)


def test_panels_without_an_axis_are_not_guessed(recwarn):
    """A guess of labels that are not there would leave a dense grid no room."""
    with style():
        figure, axes = new_figure(FULL, 2, 1, 20)
        for axis in axes.flat:
            axis.set_axis_off()
    png(figure)
    assert not recwarn.list
