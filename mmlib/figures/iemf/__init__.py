"""The figures of IEMF, one file each; every one is drawn from `mmlib.analysis.iemf.findings.IEMFFindings` alone.

What did not run is said in words inside the figure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmlib.figures.iemf.cost import cost_figure
from mmlib.figures.iemf.curves import branches_figure, coefficient_figure
from mmlib.figures.iemf.factorial import factorial_figure
from mmlib.figures.iemf.gains import gains_figure
from mmlib.figures.iemf.landscape import landscape_figure
from mmlib.figures.iemf.people import people_figure
from mmlib.figures.iemf.sweep import sweep_figure
from mmlib.figures.spiking import spiking_figure as draw_spiking
from mmlib.figures.style import FULL, empty, new_figure, set_title, style

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


def spiking_figure(found: IEMFFindings) -> Figure:
    """Firing rates and operations of one run of our SNN (`mmlib.figures.spiking`)."""
    modalities = [name.removeprefix("neurons_") for name in found.spiking if name.startswith("neurons_")]
    with style():
        if not modalities:
            figure, ((axis,),) = new_figure(FULL, 1.2)
            empty(axis, "our SNN did not run")
            return figure
        protocol = "clean" if f"clean_firing_rate_{modalities[0]}" in found.spiking else "paper"
        figure = draw_spiking(found.spiking, sorted(modalities), protocol)
        set_title(figure, "Our SNN on the test split: firing rates and operations of one run", found.data)
    return figure
