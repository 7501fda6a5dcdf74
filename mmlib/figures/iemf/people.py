"""r and I from human votes: the rule applied to how well people name an emotion by voice, by face and by both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mmlib.analysis.iemf.findings import IEMFFindings
from mmlib.figures.style import FULL, HATCHES, MARKERS, PALETTE, empty, new_figure, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CUES = {"voice": PALETTE["sky"], "face": PALETTE["orange"], "both": PALETTE["blue"]}


def people_figure(found: IEMFFindings) -> Figure:
    """Left: share of votes for the emotion shown, by cue. Right: the coefficient I that follows, and r."""
    with style():
        figure, ((left, right),) = new_figure(FULL, 3.0, 1, 2, width_ratios=(1.35, 1))
        if not found.votes:
            for axis in (left, right):
                empty(axis, "needs a data root with cremad_meta")
            return figure
        _scores(left, found.votes)
        _coefficients(right, found.votes)
        total = next((row["votes"] for row in found.votes if row["emotion"] == "all"), 0)
        figure.suptitle(
            f"Inverse effectiveness in people: {total:,} votes on CREMA-D’s clips (an illustration, no causal claim)",
            fontsize=8.5,
        )
    return figure


def _scores(axis: Any, votes: list[Any]) -> None:
    places = np.arange(len(votes))
    for index, (cue, color) in enumerate(CUES.items()):
        heights = [100 * row[cue] for row in votes]
        axis.bar(places + 0.27 * (index - 1), heights, 0.27, color=color, hatch=HATCHES[index], edgecolor="#444444",
                 linewidth=0.5, label=cue)  # fmt: skip
    axis.set_xticks(places, [row["emotion"] for row in votes])
    axis.set(ylim=(0, 116), yticks=range(0, 101, 20), ylabel="votes for the emotion shown (%)")
    axis.grid(axis="x", visible=False)
    axis.legend(loc="upper right", ncols=3)


def _coefficients(axis: Any, votes: list[Any]) -> None:
    """I by emotion, the largest on top, with r beside it."""
    for place, row in enumerate(sorted(votes, key=lambda row: row["ratio"])):
        whole = row["emotion"] == "all"
        color, marker = (PALETTE["red"], MARKERS[3]) if whole else (PALETTE["blue"], MARKERS[0])
        axis.plot([1, row["coefficient"]], [place, place], color=color, lw=1.4)
        axis.plot(row["coefficient"], place, marker, color=color, ms=5.5)
        axis.annotate(f"r = {row['ratio']:.2f}", (row["coefficient"], place), xytext=(6, 0), va="center", fontsize=7,
                      textcoords="offset points")  # fmt: skip
    axis.axvline(1, color="black", lw=0.9)
    axis.set_yticks(range(len(votes)), [row["emotion"] for row in sorted(votes, key=lambda row: row["ratio"])])
    axis.set_ylim(len(votes) - 0.5, -0.5)
    axis.margins(x=0.25)
    axis.grid(axis="y", visible=False)
    axis.set(xlabel="I = 1 + tanh(1 − r)\nr = mean of voice and face / both")
