"""The figures of a plan that is about a figure: which analysis reads its records, and what is drawn of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from mmlib.analysis import correlation as correlation_analysis
from mmlib.analysis import zeta as zeta_analysis

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mmlib.workbook.results import Results


class Findings(Protocol):
    """What an analysis finds: something to draw, with a caption (data, n, seeds), sentences, and one for the top of the
    report; all computed."""

    @property
    def caption(self) -> str: ...

    @property
    def sentences(self) -> list[str]: ...

    @property
    def headline(self) -> str: ...


@dataclass(frozen=True)
class Drawing:
    """One figure of an analysis, by the name of its function in the module that draws."""

    name: str
    function: str
    title: str


@dataclass(frozen=True)
class Analysis:
    """What a plan with `figure: <name>` is read and drawn by; `module` is imported when something is drawn."""

    analyse: Callable[[Results], Any]
    module: str
    drawings: tuple[Drawing, ...]

    def draw(self, findings: Findings) -> dict[str, Figure]:
        """{name: figure}."""
        import importlib

        module = importlib.import_module(self.module)
        return {drawing.name: getattr(module, drawing.function)(findings) for drawing in self.drawings}


ANALYSES = {
    "correlation": Analysis(
        correlation_analysis.analyse,
        "mmlib.figures.correlation",
        (
            Drawing("scatter", "scatter_figure", "ln ρ from ζ against ln ρ decoupled, every step, by epoch"),
            Drawing("coefficients", "coefficients_figure", "Correlation coefficients with 95 % intervals over seeds"),
            Drawing("traces", "traces_figure", "Both ratios over training, mean over seeds"),
        ),
    ),
    "zeta": Analysis(
        zeta_analysis.analyse,
        "mmlib.figures.zeta",
        (
            Drawing("distribution", "distribution_figure", "Distribution of ζ by correlation"),
            Drawing("scatter", "scatter_figure", "Mean variance of ζ against the correlation achieved"),
            Drawing("achieved", "achieved_figure", "Correlation achieved and held out against the target"),
            Drawing("outcome", "outcome_figure", "r and accuracy against the correlation achieved"),
        ),
    ),
}
