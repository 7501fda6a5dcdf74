"""IEMF's coefficient and the accuracy by epoch (Figure 2(e) of the paper).

The paper puts coefficient and accuracy on one panel with two axes, whose crossings mean nothing; here they are two
panels over the same epochs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mmlib.analysis.iemf.bands import Band
from mmlib.analysis.iemf.findings import IEMFFindings
from mmlib.figures.captions import set_caption
from mmlib.figures.looks import METHODS, Look
from mmlib.figures.style import FULL, empty, new_figure, style
from mmlib.metrics.family import metric

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def coefficient_figure(found: IEMFFindings) -> Figure:
    """A column for each method: above I of each epoch, below it the accuracy with IEMF and without."""
    curves = [one for one in found.coefficients if not one.method.startswith("snn-")][:4]
    known = metric("top1")
    with style():
        columns = max(1, len(curves))
        figure, axes = new_figure(FULL, 4.0, 2, columns, sharex=True, sharey="row", height_ratios=(1, 1.25))
        if not curves:
            for axis in axes.flat:
                empty(axis, "no run with IEMF left its history")
            return figure
        for column, one in enumerate(curves):
            _draw(axes[0][column], one.coefficient, METHODS["iemf"])
            axes[0][column].axhline(1, color="black", lw=0.7, ls=":")
            axes[0][column].set_title(one.name)
            for name, band in (("plain", one.without), ("iemf", one.accuracy)):  # whichever of them ran
                if band is not None:
                    _draw(axes[1][column], band, METHODS[name])
            axes[1][column].set_xlabel("epoch")
            axes[1][column].xaxis.get_major_locator().set_params(integer=True)
        axes[0][0].set_ylabel("coefficient I\nof the fusion layer")
        axes[1][0].set_ylabel(f"{known.axis}, test\n{known.arrow}")
        drawn = {}
        for axis in axes[1]:
            drawn |= {label: handle for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)}
        figure.legend(list(drawn.values()), list(drawn), loc="outside lower center", ncols=3)
        set_caption(
            figure, "IEMF’s coefficient and the accuracy, mean over seeds, band from lowest to highest", found.caption
        )
    return figure


def _draw(axis: Any, band: Band, look: Look) -> None:
    every = max(1, len(band.epochs) // 6)
    axis.plot(band.epochs, band.mean, **look.line(ms=3.2, markevery=every, label=band.label))
    axis.fill_between(band.epochs, band.low, band.high, color=look.color, alpha=0.13, lw=0)
