"""Accuracy by epoch of one modality alone: from scratch, and fine-tuned from joint models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mmlib.figures.captions import set_caption
from mmlib.figures.looks import METHODS
from mmlib.figures.style import FULL, empty, new_figure, style
from mmlib.metrics.family import metric

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LOOKS = [METHODS[name] for name in ("one_modality", "ogm_ge", "iemf")]
"""From scratch, from the joint model, from the joint model with IEMF."""
Curves = Mapping[int, Sequence[float | None]]
"""{seed: value at each epoch}, as `mmlib.analysis.histories.curves_by_seed` gives them."""


def unimodal_figure(curves: Mapping[str, Mapping[str, Curves]], caption: str = "", quantity: str = "top1") -> Figure:
    """A panel for each modality, a line for each way of training: mean over seeds, band to the extremes.

    Args:
        curves: {modality: {"from scratch": curves, "fine-tuned, IEMF": curves, ...}}; values as records hold them.
        caption: data and seeds.
        quantity: the metric's name.

    The number at the end of a line is the mean of its last epoch.
    """
    shown = metric(quantity)
    with style():
        figure, (row,) = new_figure(FULL, 2.9, 1, max(1, len(curves)), sharex=True, sharey=True)
        if not any(by_seed for ways in curves.values() for by_seed in ways.values()):
            for axis in row:
                empty(axis, "no run of one modality alone is finished")
            return figure
        for axis, (modality, ways) in zip(row, curves.items(), strict=True):
            ends = [
                _draw(axis, index, label, by_seed, shown.scale) for index, (label, by_seed) in enumerate(ways.items())
            ]
            _label_ends(axis, ends, shown.unit.digits)
            axis.set(title=modality, xlabel="epoch")
            axis.xaxis.get_major_locator().set_params(integer=True)
        row[0].set_ylabel(f"{shown.axis}, test\n{shown.arrow}")
        handles = {line.get_label(): line for axis in row for line in axis.get_lines() if line.get_label()[0] != "_"}
        figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=3)
        title = "One modality alone, mean over seeds, band from lowest to highest"
        set_caption(figure, title, caption)
    return figure


def _draw(axis: Any, index: int, label: str, by_seed: Curves, scale: float) -> tuple[float, float, str] | None:
    """Draw one way; returns where its line ends (epoch, value) and its colour, None where there is nothing."""
    if not by_seed:
        return None
    epochs = min(map(len, by_seed.values()))
    values = scale * np.array([list(curve)[:epochs] for curve in by_seed.values()], dtype=float)  # (seeds, epochs)
    if not epochs or not np.isfinite(values).all(axis=0).any():
        return None
    places, mean = np.arange(1, epochs + 1), values.mean(axis=0)
    look = LOOKS[index % len(LOOKS)]
    axis.plot(places, mean, **look.line(ms=3.2, markevery=max(1, epochs // 6), label=label))
    axis.fill_between(places, values.min(axis=0), values.max(axis=0), color=look.color, alpha=0.12, lw=0)
    return float(places[-1]), float(mean[-1]), look.color


def _label_ends(axis: Any, ends: Sequence[tuple[float, float, str] | None], digits: int) -> None:
    """The last mean beside each line, moved apart where they would touch."""
    known = sorted((end for end in ends if end is not None and np.isfinite(end[1])), key=lambda end: end[1])
    low, high = axis.get_ylim()
    room, place = 0.07 * (high - low), -np.inf
    for epoch, value, color in known:
        place = max(value, place + room)
        axis.annotate(
            f"{value:.{digits}f}", (epoch, place), xytext=(4, 0), textcoords="offset points", va="center", size=7,
            color=color, annotation_clip=False,
        )  # fmt: skip
    axis.margins(x=0.04)
