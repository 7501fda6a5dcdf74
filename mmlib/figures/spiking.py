"""What a spiking network did on the test split: how often each layer fired, and what that cost beside the ANN."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mmlib.figures.looks import modality_look
from mmlib.figures.style import FULL, HATCHES, PALETTE, new_figure, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SILENT, BUSY = 0.01, 0.60
"""Firing rates outside of which a layer says next to nothing: it is silent, or nearly always on."""


def spiking_figure(arrays: Mapping[str, np.ndarray], modalities: Sequence[str], protocol: str) -> Figure:
    """Left: firing rate of every layer of neurons. Right: operations per sample, the ANN's beside the SNN's.

    Args:
        arrays: of a run that spikes, as `arrays.npz` holds them; its epoch is the one that `protocol` chose.
        modalities: in the order in which they are drawn.
    """
    with style():
        figure, ((left, right),) = new_figure(FULL, 2.7, 1, 2, width_ratios=(1.5, 1))
        for index, modality in enumerate(modalities):
            _rates(left, index, modality, arrays[f"neurons_{modality}"], arrays[f"{protocol}_firing_rate_{modality}"])
        for bound in (SILENT, BUSY):
            left.axhline(100 * bound, color="black", lw=0.8, ls=":")
        words = f"dotted: below {100 * SILENT:g} % silent, above {100 * BUSY:g} % nearly always on"
        left.annotate(words, (1, 100 * BUSY), xycoords=("axes fraction", "data"), xytext=(0, 2),
                      textcoords="offset points", ha="right", size=7)  # fmt: skip
        left.set(xlabel="layer of neurons, from the input", ylabel="firing rate\n(% of neurons and steps)")
        left.set_ylim(0, max(70, 1.08 * left.dataLim.y1))
        left.set_title(f"test split, epoch chosen by '{protocol}'")
        left.xaxis.get_major_locator().set_params(integer=True)
        left.legend(loc="best", frameon=True, framealpha=0.85, edgecolor="none")
        _operations(right, arrays, modalities, protocol)
    return figure


def _rates(axis: Any, index: int, modality: str, names: np.ndarray, rates: np.ndarray) -> None:
    """Layers on the way through are joined by a line; those of shortcuts are open marks beside it."""
    aside = np.array(["shortcut" in name for name in names])
    depth = np.cumsum(~aside)  # a shortcut stands at the layer before it, whose block it bridges
    look = modality_look(modality, index)
    color, marker = look.color, look.marker
    axis.plot(depth[~aside], 100 * rates[~aside], **look.line(label=modality))
    if aside.any():
        label = f"{modality}, shortcuts"
        axis.plot(depth[aside], 100 * rates[aside], marker, mfc="white", mec=color, ms=5, label=label)


def _operations(axis: Any, arrays: Mapping[str, np.ndarray], modalities: Sequence[str], protocol: str) -> None:
    macs = np.array([arrays[f"{protocol}_macs_{modality}"].sum() for modality in modalities])
    own = np.array([arrays[f"{protocol}_operations_{modality}"][0] for modality in modalities])
    added = np.array([arrays[f"{protocol}_operations_{modality}"][1:].sum() for modality in modalities])
    scale, unit = (1e-9, "10⁹") if max(macs.max(), (own + added).max()) >= 1e9 else (1e-6, "10⁶")
    places, width = np.arange(len(modalities)), 0.36
    real, spikes = {"color": PALETTE["sky"]}, {"color": PALETTE["orange"], "hatch": HATCHES[2], "bottom": scale * own}
    bar = {"width": width, "edgecolor": "black", "linewidth": 0.6}
    axis.bar(places - 0.2, scale * macs, label="ANN: multiply-accumulates", **real, **bar)
    axis.bar(places + 0.2, scale * own, label="our SNN: those of its input", hatch=HATCHES[1], **real, **bar)
    axis.bar(places + 0.2, scale * added, label="our SNN: synaptic operations", **spikes, **bar)
    for place, share, top in zip(places, (own + added) / macs, own + added, strict=True):
        axis.annotate(f"{share:.2f} ×", (place + 0.2, scale * top), xytext=(0, 2), textcoords="offset points",
                      ha="center", size=7)  # fmt: skip
    axis.set_xticks(places, modalities)
    axis.set_ylabel(f"operations per sample ({unit})")
    axis.set_title("convolutions (× those of the ANN)")
    axis.set_ylim(0, 1.45 * scale * max(macs.max(), (own + added).max()))
    axis.grid(axis="x", visible=False)
    axis.legend(loc="upper left", frameon=True, framealpha=0.85, edgecolor="none")
