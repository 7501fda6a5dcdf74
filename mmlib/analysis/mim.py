"""What the records of the plan `mim` show of its gates: what they keep, and whether they close on noise steps.

Paper says (Zeng et al., IEEE TMM 2024): purification filters out each modality's impurity; guidance helps the weaker.
Published code does: nothing that could show it; it does not run, and no gate is looked at.
We do: where the data know their noise steps, the share of the other steps that gates keep minus that of noise steps,
    by modality, over seeds with Student's interval, at the epoch chosen on validation and at the last one; and all of
    the method against nothing, paired over seeds, for each fusion.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mmlib.analysis.intervals import interval_text
from mmlib.analysis.words import UNBROKEN, difference_text, seed_count
from mmlib.metrics.family import metric
from mmlib.statistics import PairedDifference, Summary, paired_difference, summarise
from mmlib.workbook.results import Results

GAP, RATE, KEEP = "gate_gap_", "gate_rate_", "keep_gap_"
PROTOCOLS = {"clean": "epoch chosen on validation", "last": "last epoch"}
FULL, NOTHING = "-all", "-nothing"
"""How the plan's rows of all and of nothing end, after the fusion."""
ACCURACY = "accuracy_2"


@dataclass
class GateRuns:
    """One row with gates. `values` by protocol, metric and seed, in the unit shown."""

    row: str
    name: str
    values: dict[tuple[str, str], dict[int, float]] = field(default_factory=dict)

    def summary(self, name: str, protocol: str = "clean") -> Summary | None:
        """Mean over seeds with its interval."""
        values = self.values.get((protocol, name))
        return summarise(list(values.values())) if values else None

    def seeds_of(self, name: str, protocol: str = "clean") -> dict[int, float]:
        return self.values.get((protocol, name), {})


@dataclass
class MimFindings:
    """Every row with gates that ran, in the plan's order; `gains` of all against nothing, by fusion."""

    data: str
    seeds: list[int]
    rows: list[GateRuns]
    modalities: list[str]
    gains: dict[str, PairedDifference] = field(default_factory=dict)

    @property
    def caption(self) -> str:
        """Data and seeds."""
        return f"{self.data}; {seed_count(self.seeds, UNBROKEN)}"

    @property
    def noisy(self) -> list[str]:
        """Modalities whose noise steps are known."""
        return [name for name in self.modalities if any(one.seeds_of(GAP + name) for one in self.rows)]

    @property
    def gapped(self) -> list[GateRuns]:
        """Rows that can be held against known noise steps."""
        return [one for one in self.rows if any(one.seeds_of(GAP + name) for name in self.noisy)]

    @property
    def headline(self) -> str:
        """One sentence without a full stop: gaps where they are known, else what all of it gains."""
        if self.gapped:
            found = [one.summary(GAP + name) for one in self.gapped for name in self.noisy]
            above = sum(1 for gap in found if gap is not None and gap.low is not None and gap.low > 0)
            return (
                f"gates keep fewer noise steps beyond seed noise in {above} of {sum(gap is not None for gap in found)} "
                "(row, modality)"
            )
        if self.gains:
            told = "; ".join(f"{fusion} {difference_text(gain, ACCURACY)}" for fusion, gain in self.gains.items())
            return f"{metric(ACCURACY).title} of all of MIM against nothing: {told}"
        return "no row with gates ran"

    @property
    def sentences(self) -> list[str]:
        """What the records show, computed."""
        told = []
        for one in self.gapped:
            for protocol, words in PROTOCOLS.items():
                parts = [
                    f"{name} {interval_text(gap, metric(GAP + name).unit.digits, '+')}, {verdict(gap)}"
                    for name in self.noisy
                    if (gap := one.summary(GAP + name, protocol))
                ]
                if parts:
                    told.append(
                        f"{one.name}, {words} ({seed_count(one.seeds_of(GAP + self.noisy[0], protocol))}): share of "
                        f"signal steps kept minus that of noise steps, points: {'; '.join(parts)}."
                    )
        for fusion, gain in self.gains.items():
            told.append(
                f"{fusion}: all of MIM against nothing, {metric(ACCURACY).title} {difference_text(gain, ACCURACY)} "
                f"({seed_count(gain.seeds)})."
            )
        return told


def verdict(gap: Summary) -> str:
    """Which side of 0 the interval lies on."""
    if gap.low is None or gap.high is None:
        return "one seed"
    return "above 0" if gap.low > 0 else "below 0" if gap.high < 0 else "within seed noise"


def analyse(results: Results) -> MimFindings:
    """From the records alone."""
    rows: list[GateRuns] = []
    modalities: dict[str, None] = {}
    for row in results.rows.values():
        keys = sorted({key for record in row.records.values() for key in record.metrics})
        one = GateRuns(row.id, f"{row.block}, {row.label}")
        for key in keys:
            protocol, _, name = key.partition("/")
            if protocol in PROTOCOLS and name.startswith((GAP, RATE, KEEP)) and (values := row.values(key)):
                one.values[protocol, name] = values
                if name.startswith(RATE):
                    modalities[name.removeprefix(RATE)] = None
        if one.values:
            rows.append(one)
    order = [name for name in ("text", "audio", "visual") if name in modalities]
    order += [name for name in modalities if name not in order]
    return MimFindings(results.profile_title, results.seeds, rows, order, _gains(results))


def _gains(results: Results) -> dict[str, PairedDifference]:
    found = {}
    for name, row in results.rows.items():
        fusion = name.removesuffix(FULL)
        base = results.rows.get(fusion + NOTHING)
        if name.endswith(FULL) and base is not None:
            gain = paired_difference(row.values(f"clean/{ACCURACY}"), base.values(f"clean/{ACCURACY}"))
            if gain is not None:
                found[fusion] = gain
    return found
