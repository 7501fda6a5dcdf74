"""Cost to reach the baseline's best accuracy, with our definition of it spelt out in the figure."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from mmlib.analysis.cost import MethodCost
from mmlib.analysis.iemf.findings import IEMFFindings
from mmlib.figures.style import FULL, MARKERS, PALETTE, empty, new_figure, set_title, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DEFINITION = (
    "Our definition (the paper publishes none): cost = (epochs until IEMF first has the best test accuracy of the run "
    "without it) / (epochs until that run has it) × (time of a training step with IEMF / without). Below 1 is cheaper."
)
PARTS = ("ratio of epochs", "ratio of step times", "cost (product)")


def cost_figure(found: IEMFFindings) -> Figure:
    """Three panels, one line per method: ratio of epochs, of step times, and their product; a mark per seed."""
    costs = found.costs
    with style():
        figure, axes = new_figure(FULL, 1.7 + 0.32 * max(1, len(costs)), 1, 3, sharey=True)
        if not costs:
            for axis in axes[0]:
                empty(axis, "needs runs with and without IEMF")
            return figure
        for part, axis in enumerate(axes[0]):
            for place, method in enumerate(costs):
                _line(axis, place, method, part)
            axis.axvline(1, color="black", lw=0.9)
            axis.set_xlim(0, max(1.3, 1.08 * axis.dataLim.xmax))
            axis.set_title(PARTS[part])
            axis.set_xlabel("← cheaper")
            axis.grid(axis="y", visible=False)
        axes[0][0].set_yticks(range(len(costs)), [_name(method) for method in costs], fontsize=7)
        axes[0][0].set_ylim(len(costs) - 0.5, -0.5)
        axes[0][0].tick_params(axis="y", length=0)
        figure.legend(handles=_legend(), loc="outside lower center", ncols=3)
        set_title(figure, "Cost to reach the best accuracy of the run without IEMF", found.caption)
        figure.suptitle(figure.get_suptitle() + "\n" + "\n".join(textwrap.wrap(DEFINITION, 120)), fontsize=7)
    return figure


def _line(axis: Any, place: int, method: MethodCost, part: int) -> None:
    """A mark per seed; an open triangle is a lower bound, of a run that never got there."""
    color = PALETTE["blue"]
    for index, run in enumerate(method.runs):
        value = (run.epoch_ratio, run.step_ratio, run.bound)[part]
        if value is None:
            continue
        reached = run.reached or part == 1
        y = place + 0.12 * (index - (len(method.runs) - 1) / 2)
        axis.plot(value, y, MARKERS[0] if reached else ">", color=color, ms=3.6 if reached else 5,
                  mfc=color if reached else "white", mew=0.9, alpha=0.9)  # fmt: skip
    if part == 2 and method.median is not None:
        axis.plot(method.median, place, "|", color="black", ms=13, mew=1.6)


def _name(method: MethodCost) -> str:
    return f"{method.label}\n{method.reached} of {len(method.runs)} seeds get there"


def _legend() -> list[Any]:
    from matplotlib.lines import Line2D

    grey = "#333333"
    return [
        Line2D([], [], marker=MARKERS[0], ls="", color=grey, ms=3.6, label="one seed"),
        Line2D([], [], marker=">", ls="", color=grey, mfc="white", ms=5, label="never got there: at least this"),
        Line2D([], [], marker="|", ls="", color="black", ms=10, mew=1.6, label="median over seeds"),
    ]
