"""Cost of reaching the baseline's best accuracy, by method."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mmlib.analysis.cost import MethodCost
from mmlib.figures.captions import set_caption
from mmlib.figures.style import FULL, HATCHES, PALETTE, SERIES, empty, is_narrow, new_figure, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def cost_figure(methods: Sequence[MethodCost], caption: str = "") -> Figure:
    """A bar for the median seed of each method, a mark for every seed; 1 is the baseline, left of it is cheaper.

    A seed that never got there is an open triangle at what it exceeds; a median that never did has no bar.
    """
    with style():
        figure, ((axis,),) = new_figure(FULL, 1.35 + 0.36 * max(1, len(methods)))
        timed = [run.bound for method in methods for run in method.runs if run.bound is not None]
        if not timed:
            empty(axis, "no finished run can be compared with the baseline")
            return figure
        for place, method in enumerate(methods):
            _draw(axis, place, method)
        axis.axvline(1, color="black", lw=0.9)
        axis.set_yticks(range(len(methods)), [method.label for method in methods])
        axis.set(ylim=(len(methods) - 0.5, -0.5), xlim=(0, 1.08 * max(1.0, *timed)))
        label = ["cost: epochs to the baseline’s best accuracy", "× time per step, over the baseline’s   ← cheaper"]
        axis.set_xlabel("\n".join(label) if is_narrow() else " ".join(label))
        axis.grid(axis="y", visible=False)
        axis.tick_params(axis="y", length=0)
        figure.legend(handles=_legend(), loc="outside lower center", ncols=3)
        noise = max((run.step_noise for method in methods for run in method.runs if run.step_noise), default=0.0)
        told = f"our definition; step times are noisy by up to {100 * noise:.0f} %"
        set_caption(figure, "Cost to reach the baseline’s best accuracy", "; ".join(filter(None, (caption, told))))
    return figure


def _draw(axis: Any, place: int, method: MethodCost) -> None:
    if method.median is not None:
        look = {"color": "#C9DDEB", "edgecolor": "#333333", "lw": 0.5, "hatch": HATCHES[0]}
        axis.barh(place, method.median, 0.62, **look)
    for index, run in enumerate(method.runs):
        if run.bound is None:
            continue
        y = place + 0.4 * (index - (len(method.runs) - 1) / 2) / max(1, len(method.runs) - 1)
        if run.reached:
            axis.plot(run.bound, y, "o", color=SERIES[0], ms=4, mec="white", mew=0.5, zorder=3)
        else:
            axis.plot(run.bound, y, ">", mfc="white", mec=PALETTE["red"], mew=1, ms=5, zorder=3)
    reached = f"{method.reached} of {len(method.runs)} got there"
    axis.text(
        1.01, place, reached, transform=axis.get_yaxis_transform(), va="center", fontsize=7, color="#333333",
        clip_on=False,
    )  # fmt: skip


def _legend() -> list[Any]:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    return [
        Patch(facecolor="#C9DDEB", edgecolor="#333333", lw=0.5, label="median over seeds"),
        Line2D([], [], marker="o", ls="", color=SERIES[0], mec="white", ms=4, label="one seed"),
        Line2D([], [], marker=">", ls="", mfc="white", mec=PALETTE["red"], ms=5, label="never: more than this"),
    ]
