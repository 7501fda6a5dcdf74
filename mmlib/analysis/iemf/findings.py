"""Everything that the records of the plan `iemf` show, read once; figures, table and sentences are made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmlib.analysis.arrays import read_arrays
from mmlib.analysis.cost import MethodCost, method_cost
from mmlib.analysis.iemf.bands import (
    BranchCurves,
    CoefficientCurves,
    branch_curves,
    coefficient_curves,
    coefficient_sentence,
    histories,
)
from mmlib.analysis.iemf.beside import Plane, read_planes, read_votes
from mmlib.analysis.iemf.factorial import Factorial, factorial
from mmlib.analysis.iemf.printed import SWEEP_DATA, Printed, own_data, printed_numbers
from mmlib.analysis.iemf.rows import METHODS, SPIKING
from mmlib.analysis.iemf.share import Share, percent, printed_shares, shares
from mmlib.analysis.iemf.sweep import Sweep, sweep
from mmlib.analysis.words import UNBROKEN, seed_count
from mmlib.workbook.claims import Claims
from mmlib.workbook.results import Results

SPIKING_ARRAYS = ("neurons_", "macs_", "operations_", "firing_rate_")
"""Parts of the names of what a run of our SNN leaves."""


@dataclass
class IEMFFindings:
    """What ran, and what it says. Parts that did not run are empty, and `missing` names them."""

    data: str
    kind: str
    seeds: list[int]
    shares: list[Share]
    factorial: Factorial
    sweep: Sweep
    branches: list[BranchCurves]
    coefficients: list[CoefficientCurves]
    costs: list[MethodCost]
    planes: list[Plane]
    votes: list[Mapping[str, float | str]]
    spiking: dict[str, np.ndarray]
    """Arrays of one run of our SNN with IEMF, as `mmlib.figures.spiking` draws them."""
    printed: Printed
    own: str | None
    """The paper's data set that these runs are of; None for other data."""

    @property
    def caption(self) -> str:
        """Data and seeds."""
        return f"{self.data}; {seed_count(self.seeds, UNBROKEN)}"

    @property
    def combined(self) -> bool:
        """Whether more than the combinations that other rows are ran."""
        return len(self.factorial.cells) > 3

    @property
    def swept(self) -> bool:
        """Whether there is more than one value of ψ to compare."""
        return len(self.sweep.points) > 1

    @property
    def headline(self) -> str:
        """One sentence without a full stop: the share, or that there is none to give."""
        ours = [one for one in self.shares if one.method in METHODS]
        given = [one for one in ours if one.has_share]
        if not ours:
            return "IEMF did not run beside its baseline"
        told = ", ".join(f"{one.name} {percent(one.share.value)}" for one in given)
        rest = len(ours) - len(given)
        parts = [f"share of IEMF's gain that unimodal losses alone give: {told}"] if given else []
        parts += [f"{rest} of {len(ours)} methods with no gain beyond seed noise to take a share of"] if rest else []
        return "; ".join(parts)

    @property
    def sentences(self) -> list[str]:
        """What the records show, computed, and what is missing."""
        told = [one.sentence for one in self.shares]
        if shown := printed_shares(self.printed.get(SWEEP_DATA, {})):
            listed = ", ".join(f"{METHODS[method]} {percent(value)}" for method, value in shown.items())
            told.append(f"The same share in the paper's own numbers ({SWEEP_DATA}, one run, no interval): {listed}.")
        told += (self.factorial.sentences if self.combined else []) + (self.sweep.sentences if self.swept else [])
        told += [one.sentence for one in self.branches]
        told += [coefficient_sentence(self.coefficients)] if self.coefficients else []
        told += [cost_sentence(self.costs)] if self.costs else []
        return told + [f"Not shown: {text}." for text in self.missing]

    @property
    def missing(self) -> list[str]:
        """Parts that cannot be drawn here, and why, without full stops."""
        parts = {
            "IEMF's gain and the share of the unimodal losses (no method ran with and without IEMF)": self.shares,
            "accuracy against ψ (fewer than two values ran)": self.swept,
            "the eight combinations of unimodal losses, scaling and noise (too few ran)": self.combined,
            "one modality alone, from scratch and fine-tuned (no such run)": self.branches,
            "coefficient and accuracy by epoch (no run with IEMF left its history)": self.coefficients,
            "cost to reach the baseline's best accuracy (needs histories with and without IEMF)": self.costs,
            "the loss landscape (computed by figure_iemf.ipynb with landscape_samples above 0)": self.planes,
            "firing rates of our SNN (no such run)": self.spiking,
            "r and I of human votes (needs a data root with cremad_meta)": self.votes,
        }
        return [text for text, there in parts.items() if not there]


def cost_sentence(costs: list[MethodCost]) -> str:
    """The median cost of every method, and of how many seeds it is."""
    told = []
    for one in costs:
        value = "no median" if one.median is None else f"{one.median:.2f}"
        told.append(f"{one.label} {value} ({one.reached} of {len(one.runs)} seeds get there)")
    return (
        "Cost to reach the best test accuracy of the run without IEMF, median over seeds, by our definition (epochs × "
        f"time of a step, below 1 is cheaper; the paper publishes none): {'; '.join(told)}."
    )


def analyse(results: Results, claims: Claims | None = None, outputs: Path | None = None) -> IEMFFindings:
    """From the records, what lies beside them, and the numbers that the paper prints."""
    printed = printed_numbers(claims, results.plan)
    return IEMFFindings(
        data=results.profile_title,
        kind=results.kind,
        seeds=results.seeds,
        shares=shares(results),
        factorial=factorial(results),
        sweep=sweep(results, printed.get(SWEEP_DATA, {})),
        branches=branch_curves(results),
        coefficients=coefficient_curves(results),
        costs=_costs(results),
        planes=read_planes(results),
        votes=read_votes(outputs) if outputs else [],
        spiking=_spiking(results),
        printed=printed,
        own=own_data(claims, results.plan, results.profile),
    )


def _costs(results: Results) -> list[MethodCost]:
    """Of IEMF against the same method without it, of each that has a pair of runs."""
    found = [
        method_cost(name, histories(results, method), histories(results, f"{method}-iemf"))
        for method, name in (METHODS | SPIKING).items()
    ]
    return [cost for cost in found if cost.runs]


def _spiking(results: Results) -> dict[str, np.ndarray]:
    """Firing rates and operations of the first run of our SNN; empty without one."""
    for row in ("snn-none-iemf", "snn-none"):
        records = results.rows[row].records if row in results.rows else {}
        for _, record in sorted(records.items()):
            folder = results.folders.get(record.cell_id)
            found = keep(folder) if folder is not None else {}
            if any(name.startswith("neurons_") for name in found):
                return found
    return {}


def keep(folder: Path) -> dict[str, np.ndarray]:
    """What a reference result keeps of a run: firing rates and operations of our SNN; nothing of other runs."""
    return read_arrays(folder, lambda name: any(part in name for part in SPIKING_ARRAYS))
