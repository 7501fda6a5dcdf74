"""Intervals that go beyond their axis end there, with an arrowhead."""

from __future__ import annotations

import pytest

from mmlib.figures.intervals import draw_interval, shown_range
from mmlib.figures.style import new_figure


def test_range_is_of_the_values_and_within_what_they_can_be():
    assert shown_range([60.0, 64.0]) == (56.0, 68.0)
    assert shown_range([60.0]) == (59.0, 61.0)
    assert shown_range([90.0, 98.0], 0, 100) == (82.0, 100)
    assert shown_range([]) == (-1.0, 1.0)


def test_range_is_no_wider_than_the_intervals_need():
    assert shown_range([60.0, 64.0], ends=[59.0, 65.0]) == pytest.approx((58.7, 65.3))
    assert shown_range([60.0, 64.0], ends=[0.0, 65.0])[0] == pytest.approx(56 - 0.05 * 9), "an interval drives no axis"
    assert shown_range([0.71, 0.73], ends=[0.70, 0.74]) == pytest.approx((0.698, 0.742))
    assert shown_range([0.5], ends=[]) == pytest.approx((0.49, 0.51))


@pytest.mark.parametrize(
    ("interval", "drawn", "heads"),
    [((1, 2), [1, 2], []), ((-9, 2), [0, 2], ["v"]), ((1, 9), [1, 5], ["^"]), ((-9, 9), [0, 5], ["v", "^"])],
)
def test_ends_beyond_the_limits_become_arrowheads(interval, drawn, heads):
    _, ((axis,),) = new_figure(2, 2)
    draw_interval(axis, 3, *interval, (0, 5), color="black")
    line, *marks = axis.get_lines()
    assert list(line.get_ydata()) == drawn
    assert list(line.get_xdata()) == [3, 3]
    assert [mark.get_marker() for mark in marks] == heads
    draw_interval(axis, 3, *interval, (0, 5), along="x", color="black")
    assert list(axis.get_lines()[1 + len(marks)].get_xdata()) == drawn
