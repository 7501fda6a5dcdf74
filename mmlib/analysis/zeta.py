"""How does ζ scatter when the correlation of the modalities is forced to a value, or set in the data?

Paper says (SimAM², section 2.1): the modalities' correlation was forced to a value; after training ζ scatters more
    where the correlation is large and where it is small. From this it takes var(ζ) as its measure r (Eq. 6). No
    values are given.
We do: each row of the plan is one target, or one true correlation of generated data. A target counts as missed where
    the correlation achieved lies more than 0.02 from it; the scatter is drawn against what was achieved. Scatter is the
    mean over channels of the variance of ζ over the test set, after the last epoch.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from mmlib.analysis.arrays import read_arrays
from mmlib.analysis.intervals import interval_text, summarise_known
from mmlib.analysis.tested import Tested
from mmlib.metrics.family import UNITS, Metric
from mmlib.statistics import PairedDifference, Summary, paired_difference

if TYPE_CHECKING:
    from mmlib.record import Record
    from mmlib.workbook.results import Results, RowResult

MISSED = 0.02
Series = Literal["forced", "data"]
SERIES_NAMES: dict[Series, str] = {"forced": "forced by a loss", "data": "true correlation of the data"}
BINS = 50
VARIANCE = Metric("zeta_variance", "variance of ζ", unit=replace(UNITS["number"], digits=4))


@dataclass(frozen=True)
class ZetaRun:
    """One run. `achieved`: the correlation that the loss acts on; `held_out`: found by fresh critics on test data."""

    seed: int
    variance: float
    histogram: np.ndarray
    """(50,) counts of ζ in equal bins of [0, 1], all test samples and channels."""
    r: float | None = None
    top1: float | None = None
    achieved: float | None = None
    held_out: float | None = None


@dataclass
class ZetaPoint:
    """All seeds of one target (`series` "forced") or one true correlation ("data")."""

    id: str
    series: Series
    value: float
    runs: list[ZetaRun] = field(default_factory=list)

    def summary(self, name: str) -> Summary | None:
        """Mean over seeds, with a 95 % interval, of `variance`, `r`, `top1`, `achieved` or `held_out`."""
        return summarise_known([getattr(run, name) for run in self.runs])

    @property
    def achieved(self) -> float | None:
        """Mean correlation achieved; that of the data where nothing is forced and nothing was measured."""
        found = self.summary("achieved")
        return found.mean if found else (self.value if self.series == "data" else None)

    @property
    def missed(self) -> bool:
        """A forced point whose mean lies more than `MISSED` from its target."""
        return self.series == "forced" and self.achieved is not None and abs(self.achieved - self.value) > MISSED

    @property
    def density(self) -> np.ndarray:
        """(50,) density of ζ over [0, 1], every seed weighing the same."""
        shares = [run.histogram / max(1, run.histogram.sum()) for run in self.runs]
        return np.mean(shares, axis=0) * BINS


@dataclass
class ZetaResult:
    """Both series, each in the order of its values."""

    points: list[ZetaPoint]
    data: str

    def series(self, name: Series) -> list[ZetaPoint]:
        return sorted((point for point in self.points if point.series == name), key=lambda point: point.value)

    @property
    def names(self) -> list[Series]:
        """The series that have points."""
        return [name for name in SERIES_NAMES if self.series(name)]

    @property
    def seeds(self) -> list[int]:
        return sorted({run.seed for point in self.points for run in point.runs})

    @property
    def caption(self) -> str:
        """n, seeds, data."""
        counts = {int(run.histogram.sum()) for point in self.points for run in point.runs}
        values = f", n\u00a0=\u00a0{max(counts):,}\u00a0ζ\u00a0each" if counts else ""
        return f"{self.data}; {len(self.seeds)}\u00a0seeds{values}"

    @property
    def headline(self) -> str:
        """One sentence without a full stop."""
        told = [f"{SERIES_NAMES[name]}: {_verdict(_ends(points))}" for name, points in self._judged()]
        return "ζ should scatter more at both ends; " + ("; ".join(told) or "too few correlations to say")

    @property
    def tested(self) -> list[Tested]:
        """The paper's sentence, end by end and series by series: a difference in variance to the middle value."""
        return [
            Tested(
                f"{name}-{end}", f"ζ scatters more at the {end} correlation than in the middle, {SERIES_NAMES[name]}",
                VARIANCE, difference,
            )
            for name, points in self._judged()
            for end, difference in _ends(points).items()
            if difference is not None
        ]  # fmt: skip

    def _judged(self) -> list[tuple[Series, list[ZetaPoint]]]:
        """Series with a middle and two ends."""
        return [(name, self.series(name)) for name in self.names if len(self.series(name)) >= 3]

    @property
    def sentences(self) -> list[str]:
        """What the analysis shows, computed."""
        if not self.points:
            return ["No finished run has a ζ that varies: nothing can be said."]
        return [sentence for name in self.names for sentence in _series_sentences(name, self.series(name))]


def _series_sentences(name: Series, points: list[ZetaPoint]) -> list[str]:
    label = {"forced": "Correlation forced", "data": "True correlation of the data"}[name]
    spread = "; ".join(f"{point.value:g}: {interval_text(point.summary('variance'), 4)}" for point in points)
    told = [f"{label}, mean variance of ζ by {'target' if name == 'forced' else 'value'}: {spread}."]
    if missed := [point for point in points if point.missed]:
        which = ", ".join(f"{point.value:g} (achieved {point.achieved:.2f})" for point in missed)
        told.append(f"Targets missed by more than {MISSED:g}: {which}. They must not be read as that correlation.")
    return told + ([_extremes(name, points)] if len(points) >= 3 else [])


def _extremes(name: Series, points: list[ZetaPoint]) -> str:
    """Whether each end scatters more than the middle: paired over seeds, as the paper's sentence asks."""
    ends, middle = _ends_and_middle(points)
    found = _ends(points)
    told = [f"{_difference_text(difference)} at the {end} ({ends[end].value:g})" for end, difference in found.items()]
    return (
        f"{SERIES_NAMES[name].capitalize()}: the paper says that ζ scatters more at both ends. Against the middle "
        f"value ({middle.value:g}) the variance is {' and '.join(told)}: {_verdict(found)}."
    )


def _ends_and_middle(points: list[ZetaPoint]) -> tuple[dict[str, ZetaPoint], ZetaPoint]:
    """By the correlation achieved: {"smallest": ..., "largest": ...} and the point in the middle."""
    ordered = sorted(points, key=lambda point: point.value if point.achieved is None else point.achieved)
    return {"smallest": ordered[0], "largest": ordered[-1]}, ordered[len(ordered) // 2]


def _ends(points: list[ZetaPoint]) -> dict[str, PairedDifference | None]:
    """How much more each end scatters than the middle."""
    ends, middle = _ends_and_middle(points)
    return {end: _difference(point, middle) for end, point in ends.items()}


def _verdict(found: dict[str, PairedDifference | None]) -> str:
    known = {end: difference for end, difference in found.items() if difference and difference.low is not None}
    more = [end for end, difference in known.items() if difference.low > 0]
    less = [end for end, difference in known.items() if difference.high < 0]
    if len(more) == 2:
        return "both ends scatter more, as the paper says"
    told = [f"the {end} end scatters more" for end in more] + [f"the {end} end scatters less" for end in less]
    rest = len(found) - len(more) - len(less)
    told += ["neither end differs beyond seed noise" if rest == 2 else "the other is within seed noise"] if rest else []
    return ", ".join(told) + ("" if rest == 2 else ": not what the paper says")


def _difference(point: ZetaPoint, middle: ZetaPoint) -> PairedDifference | None:
    return paired_difference(*({run.seed: run.variance for run in each.runs} for each in (point, middle)))


def _difference_text(difference: PairedDifference | None) -> str:
    if difference is None or difference.low is None:
        return "not to be compared (fewer than two common seeds)"
    return f"{VARIANCE.difference(difference.mean)} ({VARIANCE.interval(difference.low, difference.high)})"


def analyse(results: Results) -> ZetaResult:
    """Every row with a learned ζ, from records and `arrays.npz`."""
    points = [point for row in results.rows.values() if (point := _point(row, results)) and point.runs]
    return ZetaResult(points, results.profile_title)


def _point(row: RowResult, results: Results) -> ZetaPoint | None:
    if not row.records:
        return None
    parameters = next(iter(row.records.values())).parameters
    forced = parameters.get("force", "none") not in ("none", None)
    value = parameters.get("force_target") if forced else parameters.get("synthetic_correlation")
    point = ZetaPoint(row.id, "forced" if forced else "data", float(value or 0.0))
    for seed, record in sorted(row.records.items()):
        run = _run(record, results.folders.get(record.cell_id), seed)
        if run is not None:
            point.runs.append(run)
    return point


def _run(record: Record, folder: Path | None, seed: int) -> ZetaRun | None:
    """One run's numbers; None where its ζ is not recorded."""
    stored = read_arrays(folder, {"last_zeta_variance", "last_zeta_histogram", "r", "epoch"}.__contains__)
    if not {"last_zeta_variance", "last_zeta_histogram"} <= set(stored):
        return None
    variance, histogram = stored["last_zeta_variance"], stored["last_zeta_histogram"]
    r = _last_epoch(stored["r"], stored["epoch"]) if {"r", "epoch"} <= set(stored) else None
    top1, achieved, held_out = (record.metrics.get(f"last/{name}") for name in ("top1", "hgr", "hgr_test"))
    return ZetaRun(seed, float(variance.mean()), histogram, r, top1, achieved, held_out)


def keep(folder: Path) -> dict[str, np.ndarray]:
    """What a reference result keeps of a run: variance and histogram of ζ, and r of the last epoch's steps."""
    stored = read_arrays(folder, {"last_zeta_variance", "last_zeta_histogram", "r", "epoch"}.__contains__)
    if {"r", "epoch"} <= set(stored):
        last = stored["epoch"] == stored["epoch"].max()
        stored |= {name: stored[name][last] for name in ("r", "epoch")}
    return stored


def _last_epoch(values: np.ndarray, epoch: np.ndarray) -> float | None:
    found = values[epoch == epoch.max()]
    return float(found.mean()) if len(found) and np.isfinite(found).all() else None
