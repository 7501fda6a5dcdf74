"""Accuracy against the inverse gain coefficient ψ, with OGM-GE: ours, and what the paper prints for Kinetics-Sounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mmlib.analysis.iemf.rows import PSI, PSI_BASELINE, top1
from mmlib.metrics.family import metric
from mmlib.statistics import PairedDifference, Summary, paired_difference, summarise
from mmlib.workbook.results import Results


@dataclass(frozen=True)
class Sweep:
    """Top-1 in percent by ψ, and the gain over the baseline without IEMF in points, paired over seeds."""

    points: dict[float, Summary]
    gains: dict[float, PairedDifference]
    baseline: Summary | None
    printed: dict[float, float]
    printed_baseline: float | None

    @property
    def sentences(self) -> list[str]:
        if len(self.points) < 2:
            return ["Fewer than two values of ψ ran: nothing can be said about it."]
        known = metric("top1")
        best = max(self.points, key=lambda psi: self.points[psi].mean)
        told = ", ".join(f"{psi:g}: {known.number(point.mean)}" for psi, point in sorted(self.points.items()))
        base = f"; without IEMF {known.number(self.baseline.mean)}" if self.baseline else ""
        text = f"Top-1 by ψ (OGM-GE with IEMF), percent: {told}{base}. Highest mean at ψ = {best:g}"
        if self.printed:
            highest = max(self.printed, key=lambda psi: self.printed[psi])
            text += f", in the paper's numbers for Kinetics-Sounds at ψ = {highest:g}"
        clear = [psi for psi, gain in sorted(self.gains.items()) if gain.low is not None and gain.low > 0]
        beyond = f"ψ = {', '.join(f'{psi:g}' for psi in clear)}" if clear else "no ψ"
        return [f"{text}. Better than without IEMF beyond seed noise: {beyond}."]


def sweep(results: Results, printed: Mapping[str, float], protocol: str = "clean") -> Sweep:
    """From the rows of the plan; `printed` holds the paper's numbers by row."""
    values = {psi: top1(results, row, protocol) for psi, row in PSI.items()}
    baseline = top1(results, PSI_BASELINE, protocol)
    gains = {psi: paired_difference(found, baseline) for psi, found in values.items() if found and baseline}
    return Sweep(
        points={psi: summarise(list(found.values())) for psi, found in values.items() if found},
        gains={psi: gain for psi, gain in gains.items() if gain is not None},
        baseline=summarise(list(baseline.values())) if baseline else None,
        printed={psi: printed[row] for psi, row in PSI.items() if row in printed},
        printed_baseline=printed.get(PSI_BASELINE),
    )
