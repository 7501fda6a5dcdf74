"""Values of every step over time, also where epochs differ in length or know no value."""

from __future__ import annotations

import warnings

import numpy as np

from mmlib.figures.steps import draw_steps, step_times
from mmlib.figures.style import new_figure


def test_steps_lie_in_their_own_epoch_whatever_its_length():
    np.testing.assert_allclose(
        step_times(np.array([0, 0, 1, 1, 1, 1, 2])), [0.25, 0.75, 1.125, 1.375, 1.625, 1.875, 2.5]
    )
    np.testing.assert_allclose(step_times(np.repeat([0, 1, 2], 4)), (np.arange(12) + 0.5) / 4)


def test_means_are_of_what_is_known():
    _, ((axis,),) = new_figure(3, 2)
    epochs = np.array([0, 0, 1, 1, 2, 2])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert draw_steps(axis, epochs, np.array([np.nan, np.nan, 1.0, 3.0, np.nan, 4.0]), "black", "x")
        assert not draw_steps(axis, epochs, np.full(6, np.nan), "black")
    steps, means = axis.lines
    assert len(steps.get_xdata()) == 6
    np.testing.assert_allclose(np.stack(means.get_data()), [[1.5, 2.5], [2.0, 4.0]])
