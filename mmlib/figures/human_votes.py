"""Human votes as scores: how often one cue and both are read as intended, and the coefficient that IEMF makes of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mmlib.analysis.human_votes import ALL, NAMES, Votes
from mmlib.figures.captions import set_caption
from mmlib.figures.looks import MODALITIES, Look
from mmlib.figures.style import FULL, SERIES, empty, new_figure, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BARS = {
    "voice": ("voice", MODALITIES["audio"]),
    "face": ("face", MODALITIES["visual"]),
    "both": ("voice and face", Look("#6E6E6E", "P", hatch="...")),
}
WIDTH = 0.26


def human_votes_figure(found: Sequence[Votes]) -> Figure:
    """Left: share of votes for the intended emotion by what was shown. Right: r and I of each emotion, on I(r).

    `found` as `mmlib.analysis.human_votes.human_votes` gives it; empty where the votes are not here.
    """
    with style():
        figure, (row,) = new_figure(FULL, 2.9, 1, 2, width_ratios=[1.45, 1])
        if not found:
            for axis in row:
                empty(axis, "the votes of CREMA-D are not here")
            return figure
        _bars(row[0], found)
        _coefficients(row[1], found)
        votes = next((each.votes for each in found if each.emotion == ALL), sum(each.votes for each in found))
        caption = f"CREMA-D, {votes:,} votes; means over clips; an illustration, without intervals or causal claim"
        set_caption(figure, "The rule of IEMF applied to people", caption)
    return figure


def _bars(axis: Any, found: Sequence[Votes]) -> None:
    places = np.arange(len(found))
    for index, (name, (label, look)) in enumerate(BARS.items()):
        shares = [100 * getattr(each, name) for each in found]
        axis.bar(places + (index - 1) * WIDTH, shares, WIDTH, **look.bar(label=label))
    names = [NAMES.get(each.emotion, "all six" if each.emotion == ALL else each.emotion) for each in found]
    axis.set_xticks(places, names, rotation=30, ha="right", rotation_mode="anchor")
    axis.set(ylabel="votes for the intended emotion (%)", ylim=(0, 118))
    axis.set_yticks(range(0, 101, 20))
    axis.grid(axis="x", visible=False)
    axis.legend(loc="upper center", ncols=3, columnspacing=1, handlelength=1.5)


def _coefficients(axis: Any, found: Sequence[Votes]) -> None:
    ratios = np.array([each.ratio for each in found])
    low, high = min(0.55, ratios.min() - 0.05), max(1.05, ratios.max() + 0.05)
    r = np.linspace(low, high, 100)
    axis.plot(r, 1 + np.tanh(1 - r), color="#999999", lw=1, zorder=1)
    axis.axvline(1, color="black", lw=0.8, ls=":")
    height = -np.inf
    for each in sorted(found, key=lambda each: each.coefficient):
        whole = each.emotion == ALL
        axis.plot(each.ratio, each.coefficient, "D" if whole else "o", color=SERIES[1 if whole else 0], ms=5, zorder=3)
        height = max(each.coefficient + 0.01, height + 0.035)  # names of neighbours do not touch
        axis.annotate(
            "all six" if whole else NAMES.get(each.emotion, each.emotion), (each.ratio, each.coefficient),
            xytext=(each.ratio + 0.03, height), va="center", size=7,
            arrowprops={"arrowstyle": "-", "color": "#999999", "lw": 0.5, "shrinkA": 0, "shrinkB": 2},
        )  # fmt: skip
    axis.set(xlabel="r: mean of one cue / both", ylabel="coefficient I = 1 + tanh(1 − r)", xlim=(low, high))
    axis.margins(y=0.08)
