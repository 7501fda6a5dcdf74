"""SimAM² on two signals of a few neurons, edited by hand: the library's own module, with ζ and r given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from mmlib.errors import ParameterError
from mmlib.figures.style import FULL, HATCHES, SERIES, new_figure, style
from mmlib.fusion.simam2 import SimAM2
from mmlib.fusion.simam2_output import SimAM2Output

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

EXAMPLES: dict[str, tuple[list[float], list[float], list[float], float]] = {
    "two unlike signals": ([1.0, 0.0, 2.0, -1.0], [0.5, 1.0, -1.0, 2.0], [0.6, 0.4, 0.5, 0.7], 0.986614),
    "ζ = ½ everywhere": ([1.0, 0.0, 2.0, -1.0], [0.5, 1.0, -1.0, 2.0], [0.5, 0.5, 0.5, 0.5], 0.761594),
    "twice the same signal": ([1.0, 0.0, 2.0, -1.0], [1.0, 0.0, 2.0, -1.0], [0.5, 0.5, 0.5, 0.5], 0.761594),
    "opposite signals": ([1.0, 0.0, 2.0, -1.0], [-1.0, 0.0, -2.0, 1.0], [0.6, 0.6, 0.6, 0.6], 0.9),
    "the audio is silent": ([1.0, 0.0, 2.0, -1.0], [0.0, 0.0, 0.0, 0.0], [0.8, 0.8, 0.8, 0.8], 0.9),
    "one neuron stands out": ([3.0, 0.0, 0.1, -0.1], [2.5, 0.1, 0.0, -0.1], [0.5, 0.5, 0.5, 0.5], 0.95),
}
"""name: (x1 visual, x2 audio, ζ, r)."""


@dataclass(frozen=True)
class WhatIf:
    """SimAM² of one sample of M neurons; every list has M numbers."""

    x1: list[float]
    x2: list[float]
    zeta: list[float]
    r: float
    u: list[float]
    e1: list[float]
    e2: list[float]
    eu: list[float]
    mutual: list[float]
    energy: list[float]
    gate: list[float]
    fused: list[float]

    def rows(self) -> list[tuple[str, list[float]]]:
        """(symbol, values) in the order of the equations."""
        return [
            ("U = ζ x₁ + (1 − ζ) x₂", self.u),
            ("e₁ (visual)", self.e1),
            ("e₂ (audio)", self.e2),
            ("e_U", self.eu),
            ("mutual, 2ζ(1 − ζ)E", self.mutual),
            ("E*", self.energy),
            ("gate", self.gate),
            ("Ū = gate · U", self.fused),
        ]


def what_if(x1: Sequence[float], x2: Sequence[float], zeta: Sequence[float], r: float, gate: str = "paper") -> WhatIf:
    """Eq. 3-8 for x1 (visual), x2 (audio) and ζ, M >= 2 numbers each; ζ in [0, 1], r in [0, 1].

    Raises `ParameterError` for lists of different length, or values out of range.
    """
    if not len(x1) == len(x2) == len(zeta) or len(x1) < 2:
        raise ParameterError(
            f"x1, x2 and ζ need the same number of neurons, at least 2; got {len(x1)}, {len(x2)}, {len(zeta)}."
        )
    if not all(0 <= value <= 1 for value in (*zeta, r)):
        raise ParameterError(f"ζ and r lie between 0 and 1; got ζ = {list(zeta)}, r = {r}.")
    module = SimAM2(len(x1), gate=gate, zeta="half").double().eval()
    module.correlation.r.fill_(r)  # in evaluation the module takes r from its record
    one = [torch.tensor([list(values)], dtype=torch.float64) for values in (x1, x2, zeta)]  # (1, M)
    with torch.no_grad():
        out: SimAM2Output = module(one[0], one[1], zeta=one[2])
    u = one[2] * one[0] + (1 - one[2]) * one[1]
    found = (u, out.e1, out.e2, out.eu, out.mutual, out.energy, out.gate, out.fused)
    return WhatIf(list(x1), list(x2), list(zeta), r, *(tensor[0].tolist() for tensor in found))


def what_if_figure(found: WhatIf) -> Figure:
    """Signals, energies, and gate with the fused feature, by neuron."""
    panels = [
        ("signals", [("x₁ (visual)", found.x1), ("x₂ (audio)", found.x2), ("U", found.u)]),
        ("energies", [("e₁", found.e1), ("e₂", found.e2), ("e_U", found.eu), ("E*", found.energy)]),
        ("weights and result", [("ζ", found.zeta), ("gate", found.gate), ("Ū", found.fused)]),
    ]
    with style():
        figure, (axes,) = new_figure(FULL, 2.3, 1, 3)
        for axis, (title, series) in zip(axes, panels, strict=True):
            _bars(axis, series)
            axis.set(title=title, xlabel="neuron")
        axes[1].set_ylim(-2.1, 4.1)
        axes[1].set_ylabel("energy")
    return figure


def _bars(axis: object, series: list[tuple[str, list[float]]]) -> None:
    width = 0.8 / len(series)
    count = len(series[0][1])
    for index, (label, values) in enumerate(series):
        places = [neuron + (index - (len(series) - 1) / 2) * width for neuron in range(1, count + 1)]
        axis.bar(
            places, values, width, label=label, color=SERIES[index], hatch=HATCHES[index], edgecolor="white", lw=0.4
        )
    axis.axhline(0, color="black", lw=0.6)
    axis.set_xticks(range(1, count + 1))
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.24), ncols=len(series), columnspacing=1, handlelength=1.4)
