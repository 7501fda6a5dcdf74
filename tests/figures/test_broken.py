"""Axes that leave out a gap: where, how much of it stays, and that the order of values stays."""

from __future__ import annotations

import numpy as np
import pytest

from mmlib.figures.broken import KEPT, Gap, break_axis, find_gap
from mmlib.figures.style import new_figure


def test_a_gap_is_found_where_it_is_most_of_the_axis():
    values = [40, 42, 90, 91, 93, 95, 95]
    gap = find_gap(values, margin=0.0)
    assert (gap.low, gap.high) == (42, 90)
    assert find_gap(values).text == "from 47.8 to 84.2"
    assert find_gap([-50, 1, 2], margin=0.0).text == "from −50 to 1"


@pytest.mark.parametrize(
    "values",
    [[], [1], [1, 90], [1, 1, 90], [10, 30, 50, 70], [float("nan"), 1, 2, 3], [40, 41, 42, 90, 91, 92]],
)
def test_values_that_fill_their_axis_or_come_in_two_groups_have_none(values):
    assert find_gap(values) is None


@pytest.mark.parametrize("along", ["x", "y"])
def test_a_broken_axis_keeps_little_of_the_gap_and_the_rest_to_scale(along):
    figure, ((axis,),) = new_figure(4, 3)
    axis.set(**{f"{along}lim": (35, 100)})
    break_axis(axis, Gap(45, 85), along)
    figure.draw_without_rendering()

    def place(value):
        point = (value, 0) if along == "x" else (0, value)
        return axis.transAxes.inverted().transform(axis.transData.transform(point))[0 if along == "x" else 1]

    assert getattr(axis, f"get_{along}lim")() == (35, 100)
    assert place(85) - place(45) == pytest.approx(KEPT, rel=0.1)
    assert (place(45) - place(35)) / (place(100) - place(85)) == pytest.approx(10 / 15)
    places = [place(value) for value in np.linspace(30, 105, 40)]
    assert places == sorted(places)
    ticks = [tick for tick in getattr(axis, f"get_{along}ticks")() if 35 <= tick <= 100]
    assert ticks
    assert not any(45 < tick < 85 for tick in ticks)
    assert min(ticks) < 45 < 85 < max(ticks), "both parts have ticks"
    transform = getattr(axis, f"{along}axis").get_transform()
    np.testing.assert_allclose(transform.inverted().transform(transform.transform([36.0, 60.0, 99.0])), [36, 60, 99])
