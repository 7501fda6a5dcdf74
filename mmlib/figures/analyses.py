"""The figures of a plan that is about a figure: which analysis reads its records, and what is drawn of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from mmlib.analysis import avqa as avqa_analysis
from mmlib.analysis import continual as continual_analysis
from mmlib.analysis import correlation as correlation_analysis
from mmlib.analysis import mim as mim_analysis
from mmlib.analysis import valuation as valuation_analysis
from mmlib.analysis import zeta as zeta_analysis
from mmlib.analysis.iemf import beside as iemf_beside
from mmlib.analysis.iemf import findings as iemf_analysis

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mmlib.workbook.claims import Claims
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
    """One figure of an analysis, by the name of its function in the module that draws.

    `needs` names the part of the findings without which it is not drawn; empty for one that always is.
    """

    name: str
    function: str
    title: str
    needs: str = ""


@dataclass(frozen=True)
class Analysis:
    """What a plan with `figure: <name>` is read and drawn by; `module` is imported when something is drawn.

    `printed` says that the analysis lays the paper's numbers beside the records; `beside` lists files that it reads
    beyond those that every run leaves. `keep` says which arrays of a run a reference result keeps for it.
    """

    analyse: Callable[..., Any]
    module: str
    drawings: tuple[Drawing, ...]
    printed: bool = False
    beside: Callable[[Results, Path], list[Path]] | None = None
    keep: Callable[[Path], dict[str, Any]] | None = None

    def of(self, results: Results, claims: Claims | None, outputs: Path) -> Findings:
        """What the records under `outputs` say."""
        return self.analyse(results, claims, outputs) if self.printed else self.analyse(results)

    def draw(self, findings: Findings) -> dict[str, Figure]:
        """{name: figure} of all that there is something to draw for."""
        import importlib

        module = importlib.import_module(self.module)
        shown = [drawing for drawing in self.drawings if not drawing.needs or getattr(findings, drawing.needs)]
        return {drawing.name: getattr(module, drawing.function)(findings) for drawing in shown}


ANALYSES = {
    "correlation": Analysis(
        correlation_analysis.analyse,
        "mmlib.figures.correlation",
        (
            Drawing("scatter", "scatter_figure", "ln ρ from ζ against ln ρ decoupled, every step, by epoch"),
            Drawing("coefficients", "coefficients_figure", "Correlation coefficients with 95 % intervals over seeds"),
            Drawing("traces", "traces_figure", "Both ratios over training, mean over seeds"),
        ),
        keep=correlation_analysis.keep,
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
        keep=zeta_analysis.keep,
    ),
    "iemf": Analysis(
        iemf_analysis.analyse,
        "mmlib.figures.iemf",
        (
            Drawing(
                "gains", "gains_figure", "What IEMF and the unimodal losses gain, ours beside the published", "shares"
            ),
            Drawing(
                "factorial",
                "factorial_figure",
                "Unimodal losses, scaling and noise: all eight combinations",
                "combined",
            ),
            Drawing("psi", "sweep_figure", "Accuracy against the inverse gain coefficient ψ", "swept"),
            Drawing("coefficient", "coefficient_figure", "Coefficient I and accuracy by epoch", "coefficients"),
            Drawing("branches", "branches_figure", "One modality alone: from scratch and fine-tuned", "branches"),
            Drawing("cost", "cost_figure", "Cost to reach the baseline's best accuracy", "costs"),
            Drawing(
                "landscape", "landscape_figure", "Loss around the trained weights, without and with IEMF", "planes"
            ),
            Drawing("spiking", "spiking_figure", "Our SNN: firing rates and operations", "spiking"),
            Drawing("people", "people_figure", "r and I from human votes", "votes"),
        ),
        printed=True,
        beside=iemf_beside.beside_files,
        keep=iemf_analysis.keep,
    ),
    "continual": Analysis(
        continual_analysis.analyse,
        "mmlib.figures.continual",
        (
            Drawing("bars", "bars_figure", "Mean task accuracy and backward transfer by method", "methods"),
            Drawing("steps", "steps_figure", "Accuracy on all classes seen, after each step", "traced"),
            Drawing("gains", "gains_figure", "Against the same method without IEMF", "with_parts"),
        ),
        keep=continual_analysis.keep,
    ),
    "valuation": Analysis(
        valuation_analysis.analyse,
        "mmlib.figures.valuation",
        (
            Drawing("gains", "gains_figure", "Against joint training, ours beside the published", "compared"),
            Drawing("contributions", "contributions_figure", "Contributions to training samples by epoch", "traced"),
            Drawing("auc", "auc_figure", "The modality that says nothing, found by contributions", "judged"),
        ),
        printed=True,
        keep=valuation_analysis.keep,
    ),
    "mim": Analysis(
        mim_analysis.analyse,
        "mmlib.figures.gates",
        (Drawing("gaps", "gaps_figure", "Do gates close on noise steps?", "gapped"),),
    ),
    "avqa": Analysis(
        avqa_analysis.analyse,
        "mmlib.figures.avqa",
        (
            Drawing("senses", "senses_figure", "What is there beside the question, by type of question", "senses"),
            Drawing("types", "types_figure", "Accuracy by type of question, without and with IEMF", "networks"),
            Drawing("gains", "gains_figure", "Against the same network without IEMF, by type", "compared"),
            Drawing("radar", "radar_figure", "Radar charts as in figure 4, ours", "networks"),
            Drawing("published", "published_figure", "Figure 4 as published, its labels put right", "printed"),
        ),
        printed=True,
    ),
}
