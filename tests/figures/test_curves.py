"""Training curves: what a panel is called, and what it shows where one row goes far from the others."""

from __future__ import annotations

import pytest
from matplotlib.figure import Figure

from mmlib.figures.curves import _draw_panel, _title, _without_outlier
from mmlib.figures.looks import looks_of

QUANTITY = "validation/top1"


def panel(rows):
    """The axis of {row: values of each seed by epoch}, and what the caption says of rows that leave it."""
    histories = {row: [{QUANTITY: list(enumerate(values))} for values in seeds] for row, seeds in rows.items()}
    axis = Figure().subplots()
    _draw_panel(axis, QUANTITY, histories, looks_of([{"seed": 0, "fusion": row} for row in rows]))
    return axis, _without_outlier({QUANTITY: axis}, histories, list(rows))


def test_a_row_far_from_the_others_leaves_the_panel_and_the_caption_says_so():
    near = {"sum": [[0.90, 0.91], [0.92, 0.93]], "concat": [[0.91, 0.92], [0.91, 0.94]]}
    axis, told = panel(near | {"film": [[0.20, 0.30], [0.10, 0.30]]})
    low, high = axis.get_ylim()
    assert low < 90 < 94 < high  # the bands of the others, whole
    assert low > 80
    assert told == ["validation Top−1 accuracy (%): film leaves the panel (to 10)"]


def test_a_row_within_the_bands_of_the_others_stays():
    """Means within 0.2 points of one another, seeds four points apart: a row two points away is no outlier."""
    near = {"sum": [[0.95, 0.95], [0.99, 0.99]], "concat": [[0.952, 0.951], [0.988, 0.991]]}
    axis, told = panel(near | {"film": [[0.945, 0.95], [0.955, 0.95]]})
    low, high = axis.get_ylim()
    assert told == []
    assert low < 94.5 < 99.1 < high


@pytest.mark.parametrize(
    ("quantity", "title"),
    [
        ("k_audio", "coefficient k, audio"),
        ("rho_decoupled", "ρ (visual / audio), decoupled"),
        ("rho_text", "ρ (text / mean of others)"),
        ("train/loss", "training loss (nats)"),
    ],
)
def test_titles(quantity, title):
    assert _title(quantity) == title
