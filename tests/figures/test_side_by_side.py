"""Panels in one axes: each holds its own picture, ticks count from its own beginning, titles stand above it."""

from __future__ import annotations

import numpy as np
import pytest

from mmlib.figures.side_by_side import GAP, SideBySide
from mmlib.figures.style import FULL, new_figure, png, style


@pytest.fixture
def axis():
    with style():
        figure, axes = new_figure(FULL, 1.5)
    return axes[0, 0]


def test_pictures_fill_their_panels_by_their_own_range(axis):
    panels = SideBySide(axis, 3, 10, 0, 4)
    pictures = np.random.default_rng(0).normal(size=(3, 4, 10)) * np.array([1, 10, 100])[:, None, None]
    for place, picture in enumerate(pictures):
        panels.image(place, picture)
    for place, (image, picture) in enumerate(zip(axis.images, pictures, strict=True)):
        np.testing.assert_array_equal(image.get_array(), picture)
        assert image.get_extent() == [place * 10 * (1 + GAP), place * 10 * (1 + GAP) + 10, 0, 4]
        assert image.get_clim() == (picture.min(), picture.max())
    assert axis.get_xlim() == (0, 2 * 10 * (1 + GAP) + 10)
    assert axis.get_ylim() == (0, 4)


def test_ticks_count_from_the_beginning_of_each_panel(axis):
    panels = SideBySide(axis, 2, 10)
    panels.ticks([0, 5])
    assert axis.get_xticks().tolist() == [0, 5, 10.8, 15.8]
    assert [label.get_text() for label in axis.get_xticklabels()] == ["0", "5", "0", "5"]
    panels.ticks([0, 5], ["a", "b", "c", "d"])
    assert [label.get_text() for label in axis.get_xticklabels()] == ["a", "b", "c", "d"]
    panels.ticks([0, 5], ["a", "b"])
    assert [label.get_text() for label in axis.get_xticklabels()] == ["a", "b", "a", "b"]


@pytest.mark.parametrize("width", [1, 4, 10, 61, 1024])
def test_round_ticks_keep_clear_of_the_next_panel(axis, width):
    panels = SideBySide(axis, 3, width)
    panels.round_ticks()
    names = [label.get_text() for label in axis.get_xticklabels()]
    assert names == names[: len(names) // 3] * 3
    numbers = [float(name) for name in names[: len(names) // 3]]
    assert numbers[0] == 0
    assert numbers == sorted(set(numbers))
    assert numbers[-1] <= 0.93 * width
    assert all(number.is_integer() for number in numbers)


def test_photographs_keep_their_shape_and_stand_in_the_middle(axis):
    panels = SideBySide(axis, 2, 1)
    panels.without_frame()
    panels.photograph(0, np.zeros((20, 40)), (1.5, 1.0))
    panels.photograph(1, np.ones((20, 10, 3)), (1.5, 1.0))
    png(axis.get_figure())
    renderer = axis.get_figure()._get_renderer()
    dots = axis.get_figure().dpi
    for artist, (across, up), place in zip(axis.artists, [(1.5, 0.75), (0.5, 1.0)], [0, 1], strict=True):
        box = artist.offsetbox.get_window_extent(renderer)
        assert box.width / dots == pytest.approx(across, abs=0.02)
        assert box.height / dots == pytest.approx(up, abs=0.02)
        middle = axis.transData.transform((panels.left(place) + 0.5, 0.5))
        np.testing.assert_allclose((box.x0 + box.width / 2, box.y0 + box.height / 2), middle, atol=1)


def test_titles_stand_above_the_middle_of_their_panel(axis):
    panels = SideBySide(axis, 2, 8)
    panels.title(1, "second")
    (text,) = axis.texts
    assert text.xy == (8 * (1 + GAP) + 4, 1)
    assert text.get_text() == "second"
