"""Do the two discrepancy ratios move together? ln ρ from decoupled scores against ln ρ from ζ, step by step.

Paper says (SimAM², section 2.3): the ratio made from ζ (Eq. 11) is strongly correlated with the decoupled ratio of
    OGM-GE, so that it can replace it. No coefficient, figure or number of steps is given.
We do: both ratios are measured on the same forward pass of every step, whichever of them drives the update. A shared
    trend over training makes any two quantities correlate, so coefficients are given four times: over the steps, over
    the epochs' means, over the steps with their epoch's mean removed, and over the changes from epoch to epoch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mmlib.analysis.arrays import read_arrays
from mmlib.analysis.intervals import NEAR_ONE, interval_text, summarise_coefficients
from mmlib.analysis.tested import Tested
from mmlib.metrics.correlation import pearson, spearman
from mmlib.metrics.family import UNITS, Metric
from mmlib.statistics import PairedDifference, Summary, paired_difference, standard_deviation

if TYPE_CHECKING:
    from mmlib.workbook.results import Results, RowResult

LEVELS = {
    "step": "every step",
    "epoch": "means of epochs",
    "within": "steps, epoch mean removed",
    "change": "changes between epochs",
}
KINDS = {"pearson": pearson, "spearman": spearman}
DRIVERS = {
    "none": "no modulation",
    "ogm": "OGM",
    "ogm_ge": "OGM-GE",
    "decoupling_free": "decoupling-free",
}
STRONG = 0.7
"""What we call strong: the whole interval of the coefficient lies above this. The paper names no threshold."""
EXCESS = Metric("excess", "Pearson’s r", unit=replace(UNITS["correlation"], digits=2))


@dataclass(frozen=True)
class RunRatios:
    """One run, (steps,): `x` = ln ρ decoupled, `y` = ln ρ from ζ (visual over audio), `epoch` from 0."""

    seed: int
    x: np.ndarray
    y: np.ndarray
    epoch: np.ndarray

    def at(self, level: str) -> tuple[np.ndarray, np.ndarray]:
        """The two series at a level of `LEVELS`."""
        if level == "step":
            return self.x, self.y
        means = self.epoch_means()
        if level == "epoch":
            return means
        if level == "change":
            return np.diff(means[0]), np.diff(means[1])
        place = np.unique(self.epoch, return_inverse=True)[1]
        return self.x - means[0][place], self.y - means[1][place]

    def epoch_means(self) -> tuple[np.ndarray, np.ndarray]:
        """(epochs,) mean of each series over every epoch."""
        place = np.unique(self.epoch, return_inverse=True)[1]
        count = np.bincount(place)
        return np.bincount(place, self.x) / count, np.bincount(place, self.y) / count

    def coefficient(self, level: str, kind: str = "pearson") -> float | None:
        """Pearson's r or Spearman's ρ at a level; None where it is not defined (constant ζ, too few points)."""
        return KINDS[kind](*self.at(level))


@dataclass
class RowRatios:
    """One row of the plan (a fusion and a driver): its runs by seed."""

    id: str
    label: str
    fusion: str
    driver: str
    runs: list[RunRatios] = field(default_factory=list)

    def coefficients(self, level: str, kind: str = "pearson") -> list[float]:
        """One coefficient per seed that has one."""
        found = [run.coefficient(level, kind) for run in self.runs]
        return [value for value in found if value is not None]

    def summary(self, level: str, kind: str = "pearson") -> Summary | None:
        """Mean over seeds with its 95 % interval."""
        return summarise_coefficients(self.coefficients(level, kind))

    @property
    def spread(self) -> float | None:
        """How much narrower ln ρ from ζ is: its standard deviation over that of ln ρ decoupled, mean over seeds."""
        ratios = [run.y.std() / run.x.std() for run in self.runs if run.x.std() > 0]
        return float(np.mean(ratios)) if ratios else None


@dataclass
class CorrelationResult:
    """All rows that have runs, with what is needed to say what they show."""

    rows: list[RowRatios]
    data: str

    @property
    def seeds(self) -> list[int]:
        return sorted({run.seed for row in self.rows for run in row.runs})

    @property
    def steps(self) -> int:
        """Steps of one run (the longest)."""
        return max((len(run.x) for row in self.rows for run in row.runs), default=0)

    def strong(self, level: str) -> list[RowRatios]:
        """Rows whose interval of Pearson's r lies above `STRONG`."""
        known = [(row, row.summary(level)) for row in self.rows]
        return [row for row, found in known if found and found.low is not None and found.low > STRONG]

    @property
    def caption(self) -> str:
        """n, seeds, data."""
        return f"{self.data}; {len(self.seeds)}\u00a0seeds, {self.steps}\u00a0steps\u00a0each"

    @property
    def headline(self) -> str:
        """One sentence without a full stop."""
        return (
            f"the paper calls the two ratios strongly correlated; {len(self.strong('step'))} of {len(self.rows)} rows "
            f"are over every step (interval of r above {STRONG:g}), {len(self.strong('within'))} within epochs"
        )

    @property
    def tested(self) -> list[Tested]:
        """The paper's sentence, row by row: how far r over every step lies above `STRONG`."""
        known = [(row, above(row.coefficients("step"), STRONG)) for row in self.rows]
        return [
            Tested(row.id, f"The two ratios are strongly correlated, r above {STRONG:g}: {row.label}", EXCESS, found)
            for row, found in known
            if found is not None
        ]

    @property
    def sentences(self) -> list[str]:
        """What the analysis shows, computed."""
        if not self.rows:
            return ["No finished run has both ratios: nothing can be said."]
        told = [_row_sentence(row) for row in self.rows]
        counts = ", ".join(f"{len(self.strong(level))} ({name})" for level, name in LEVELS.items())
        told.append(
            f"The paper says that the two ratios are strongly correlated. Calling r strong where its 95 % interval "
            f"over seeds lies above {STRONG:g}, that holds for so many of the {len(self.rows)} rows: {counts}."
        )
        return told


def above(coefficients: list[float], threshold: float) -> PairedDifference | None:
    """How far correlation coefficients lie above a threshold: tested on Fisher's scale, given on their own."""
    if not coefficients:
        return None
    bar = math.atanh(threshold)
    scaled = {place: math.atanh(max(-NEAR_ONE, min(NEAR_ONE, value))) for place, value in enumerate(coefficients)}
    found = paired_difference(scaled, dict.fromkeys(scaled, bar))
    mean, low, high = (
        None if value is None else math.tanh(value + bar) - threshold for value in (found.mean, found.low, found.high)
    )
    return replace(
        found, mean=mean, low=low, high=high, sd=standard_deviation(coefficients),
        differences=tuple(value - threshold for value in coefficients),
    )  # fmt: skip


def _row_sentence(row: RowRatios) -> str:
    found = "; ".join(f"{name} {interval_text(row.summary(level))}" for level, name in LEVELS.items())
    rank = interval_text(row.summary("step", "spearman"))
    width = f"; ln ρ from ζ spreads {row.spread:.2f} times as far" if row.spread is not None else ""
    return f"{row.label}: Pearson’s r over {found}. Spearman over every step {rank}{width}."


def analyse(results: Results) -> CorrelationResult:
    """The ratios of every finished run, from `arrays.npz` beside its record; runs without a varying ζ are left out."""
    rows = [_row(row, results) for row in results.rows.values()]
    return CorrelationResult([row for row in rows if row.runs], results.profile_title)


def _row(row: RowResult, results: Results) -> RowRatios:
    first = next(iter(row.records.values()), None)
    parameters = first.parameters if first else {}
    driver = DRIVERS.get(str(parameters.get("modulation")), str(parameters.get("modulation")))
    label = f"{row.block}, driven by {row.label}" if row.block and row.label else row.label or row.id
    found = RowRatios(row.id, label, str(parameters.get("fusion", "")), driver)
    for seed, record in sorted(row.records.items()):
        run = read_ratios(results.folders.get(record.cell_id), seed)
        if run is not None:
            found.runs.append(run)
    return found


def read_ratios(folder: Path | None, seed: int) -> RunRatios | None:
    """The ratios of one run; None where there are none (no arrays, no ζ). Steps without a finite ratio are left out."""
    stored = read_arrays(folder, {"rho_decoupled", "rho_zeta", "epoch"}.__contains__)
    if len(stored) < 3:
        return None
    decoupled, zeta, epoch = stored["rho_decoupled"], stored["rho_zeta"], stored["epoch"]
    with np.errstate(divide="ignore", invalid="ignore"):
        x, y = np.log(decoupled.astype(float)), np.log(zeta.astype(float))
    known = np.isfinite(x) & np.isfinite(y)
    return RunRatios(seed, x[known], y[known], epoch[known]) if known.sum() >= 3 else None


def keep(folder: Path) -> dict[str, np.ndarray]:
    """What a reference result keeps of a run: both ratios of every step, and its epoch."""
    stored = read_arrays(folder, {"rho_decoupled", "rho_zeta", "epoch"}.__contains__)
    return {name: values.astype(np.uint16 if name == "epoch" else np.float32) for name, values in stored.items()}
