"""The figures of IEMF; every one is drawn from `mmlib.analysis.iemf.findings.IEMFFindings` alone.

Those that are about IEMF alone have a file each in this folder; the others have theirs beside it, and are called here.
What did not run is said in words inside the figure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmlib.figures import cost, human_votes, landscape, spiking, unimodal
from mmlib.figures.captions import set_caption
from mmlib.figures.iemf.coefficient import coefficient_figure
from mmlib.figures.iemf.factorial import factorial_figure
from mmlib.figures.iemf.gains import gains_figure
from mmlib.figures.iemf.sweep import sweep_figure
from mmlib.figures.style import FULL, empty, new_figure, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mmlib.analysis.iemf.findings import IEMFFindings

__all__ = [
    "branches_figure",
    "coefficient_figure",
    "cost_figure",
    "factorial_figure",
    "gains_figure",
    "landscape_figure",
    "people_figure",
    "spiking_figure",
    "sweep_figure",
]

DEFINITION = (
    "cost = (epochs until IEMF first has the best test accuracy of the run without it) / (epochs until that run has "
    "it) × (time of a training step with IEMF / without)"
)


def branches_figure(found: IEMFFindings) -> Figure:
    """Accuracy by epoch of one modality alone: from scratch, from OGM-GE, from OGM-GE with IEMF (Figure 2(d))."""
    return unimodal.unimodal_figure({one.modality: one.curves for one in found.branches}, found.caption)


def cost_figure(found: IEMFFindings) -> Figure:
    """Cost of IEMF to reach the best accuracy of the same method without it, by our definition."""
    return cost.cost_figure(found.costs, f"{found.caption}; {DEFINITION}")


def landscape_figure(found: IEMFFindings) -> Figure:
    """The loss around the weights of two runs, without and with IEMF, on one colour scale."""
    seed = f"; seed\u00a0{found.planes[0].seed}" if found.planes else ""
    return landscape.landscape_figure({plane.label: plane for plane in found.planes}, f"{found.data}{seed}")


def people_figure(found: IEMFFindings) -> Figure:
    """r and I made from the votes of people who heard, saw, or did both."""
    return human_votes.human_votes_figure(found.votes)


def spiking_figure(found: IEMFFindings) -> Figure:
    """Firing rates and operations of one run of our SNN."""
    modalities = sorted(name.removeprefix("neurons_") for name in found.spiking if name.startswith("neurons_"))
    if not modalities:
        with style():
            figure, ((axis,),) = new_figure(FULL, 1.2)
            empty(axis, "our SNN did not run")
            return figure
    protocol = "clean" if f"clean_firing_rate_{modalities[0]}" in found.spiking else "paper"
    figure = spiking.spiking_figure(found.spiking, modalities, protocol)
    with style():
        set_caption(figure, "Our SNN on the test split: firing rates and operations of one run", found.data)
    return figure
