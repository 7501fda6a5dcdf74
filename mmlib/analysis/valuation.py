"""What the records of the plan `valuation` show: re-sampling by contributions against joint training.

Paper says (Wei et al., CVPR 2024): both ways of re-sampling gain accuracy on Kinetics-Sounds and on the balanced
    MM-Debiased, where methods that look at the whole data set alone do not; printed are differences to joint training.
Published code does: one run of one seed, the best epoch on the test set; only Kinetics-Sounds can be run.
We do: differences paired over seeds with Student's interval; accuracy of each modality with the others at zero, which
    is what re-sampling acts on; and, where the data know it, whether contributions find the modality that says nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mmlib.analysis.arrays import read_arrays
from mmlib.analysis.intervals import interval_text
from mmlib.analysis.words import UNBROKEN, difference_text, seed_count
from mmlib.metrics.family import metric
from mmlib.statistics import PairedDifference, Summary, paired_difference, summarise
from mmlib.workbook.claims import Claims
from mmlib.workbook.results import Results

METHODS = {
    "joint": "joint training",
    "joint_longer": "joint training for as many samples",
    "ogm_ge": "OGM-GE",
    "modality": "modality-level",
    "sample": "sample-level",
}
"""Row of the plan -> what it is called."""
KEPT = ("valuation_modalities", "valuation_epochs", "valuation_means", "valuation_trained")
"""Arrays of a run as a reference result keeps them."""
BASE, GAIN, AUC = "joint", "top1_gain", "contribution_auc"
ALONE = "top1_only_"


@dataclass
class MethodRuns:
    """One row. `values` as shown, by metric and seed, of `clean`; `last_auc` of the last epoch, by seed.

    `means`: {seed: (E valued epochs (E,), mean contribution of each modality (E, n), samples in the list of each
    epoch trained (epochs,))}, where runs left arrays.
    """

    method: str
    values: dict[str, dict[int, float]] = field(default_factory=dict)
    last_auc: dict[int, float] = field(default_factory=dict)
    means: dict[int, tuple[np.ndarray, np.ndarray, np.ndarray]] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    """Modalities, in the order of `means`."""

    @property
    def name(self) -> str:
        return METHODS[self.method]

    @property
    def auc(self) -> Summary | None:
        """AUC of the last epoch's contributions to test samples, over seeds, percent."""
        return summarise(list(self.last_auc.values())) if self.last_auc else None

    def summary(self, name: str) -> Summary | None:
        values = self.values.get(name)
        return summarise(list(values.values())) if values else None


@dataclass(frozen=True)
class PublishedGain:
    """A printed difference to joint training, in points."""

    data: str
    method: str
    value: float


@dataclass
class ValuationFindings:
    """Every row that ran, in the plan's order, and what the paper's figure prints."""

    data: str
    seeds: list[int]
    methods: list[MethodRuns]
    published: list[PublishedGain] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    """Rows of the profile without a record."""

    @property
    def caption(self) -> str:
        """Data and seeds."""
        return f"{self.data}; {seed_count(self.seeds, UNBROKEN)}"

    @property
    def alone(self) -> list[str]:
        """Modalities whose accuracy with the others at zero was measured."""
        names = (name for one in self.methods for name in one.values)
        return list(dict.fromkeys(name.removeprefix(ALONE) for name in names if name.startswith(ALONE)))

    @property
    def compared(self) -> list[MethodRuns]:
        """Methods that ran beside joint training."""
        return [one for one in self.methods if one.method != BASE] if self.base else []

    @property
    def traced(self) -> list[MethodRuns]:
        """Methods whose runs left contributions of their training samples."""
        return [one for one in self.methods if one.means]

    @property
    def judged(self) -> list[MethodRuns]:
        """Methods whose contributions could be held against the truth."""
        return [one for one in self.methods if one.auc is not None]

    @property
    def base(self) -> MethodRuns | None:
        return next((one for one in self.methods if one.method == BASE), None)

    def gain(self, one: MethodRuns, name: str) -> PairedDifference | None:
        """A method minus joint training, paired over seeds, in the unit of the metric."""
        with_, without = one.values.get(name, {}), self.base.values.get(name, {}) if self.base else {}
        return paired_difference(with_, without) if set(with_) & set(without) else None

    @property
    def headline(self) -> str:
        """One sentence without a full stop: what re-sampling gains."""
        told = [
            f"{one.name} {difference_text(gain, 'top1')}"
            for one in self.compared
            if one.method in ("modality", "sample") and (gain := self.gain(one, "top1"))
        ]
        title = metric("top1").title
        return (
            f"{title} against joint training: {'; '.join(told)}"
            if told
            else "nothing was re-sampled beside joint training"
        )

    @property
    def sentences(self) -> list[str]:
        """What the records show, computed."""
        told = []
        for one in self.compared:
            gains = {"top1": "Top-1"} | {ALONE + name: f"{name} with the others at zero" for name in self.alone}
            parts = [
                f"{text} {difference_text(gain, 'top1')}"
                for name, text in gains.items()
                if (gain := self.gain(one, name))
            ]
            if parts:
                fewest = seed_count(min(one.values.values(), key=len))
                told.append(f"{one.name}, against joint training ({fewest}): {'; '.join(parts)}.")
        for one in self.methods:
            if one.auc is not None:
                told.append(
                    f"{one.name}: contributions to test samples find the modality that says nothing with an AUC of "
                    f"{interval_text(one.auc, 1)} % at the last epoch ({seed_count(one.last_auc)})."
                )
        for one in self.traced:
            told.append(
                f"{one.name}: mean contributions to training samples after the last valued epoch are {_ends(one)}."
            )
        if self.missing:
            told.append(f"Not shown: {', '.join(METHODS[method] for method in self.missing)}, which did not run.")
        return told


def analyse(results: Results, claims: Claims | None = None, outputs: Path | None = None) -> ValuationFindings:
    """From the records, the arrays beside them, and the printed differences; epochs chosen on validation (`clean`)."""
    methods = []
    for method in METHODS:
        row = results.rows.get(method)
        if row is None or not row.records:
            continue
        keys = {
            key.partition("/")[2] for record in row.records.values() for key in record.metrics if key[:6] == "clean/"
        }
        one = MethodRuns(method)
        for name in sorted(keys):
            if values := row.values(f"clean/{name}"):
                one.values[name] = values
        one.last_auc = row.values(f"last/{AUC}")
        for seed, record in sorted(row.records.items()):
            folder = results.folders.get(record.cell_id)
            if folder is not None and (found := mean_contributions(folder)) is not None:
                one.names, one.means[seed] = found
        methods.append(one)
    there = {one.method for one in methods}
    missing = [method for method in METHODS if method in results.rows and method not in there]
    return ValuationFindings(results.profile_title, results.seeds, methods, published_gains(claims), missing)


def published_gains(claims: Claims | None) -> list[PublishedGain]:
    """The printed differences, by data set, in the order of the claims; none without claims."""
    return [
        PublishedGain(claim.column.dataset, claim.row.id, claim.value)
        for claim in (claims.claims() if claims else ())
        if claim.column.metric == GAIN
    ]


def mean_contributions(
    folder: Path,
) -> tuple[tuple[str, ...], tuple[np.ndarray, np.ndarray, np.ndarray]] | None:
    """Modalities; epochs (E,), means (E, n) and samples trained on in each epoch; None where a run left no arrays."""
    wanted = {f"valuation_{name}" for name in ("contributions", "modalities", "epochs")} | {"epoch", "samples"}
    stored = read_arrays(folder, (wanted | set(KEPT)).__contains__)
    if set(KEPT) <= set(stored):  # a reference result's
        return tuple(stored[KEPT[0]].tolist()), tuple(stored[name] for name in KEPT[1:])
    if "valuation_contributions" not in stored:
        return None
    units, names = stored["valuation_contributions"], tuple(stored["valuation_modalities"].tolist())
    one = int(np.prod(np.arange(1, len(names) + 1)))
    trained = np.bincount(stored["epoch"].astype(int), weights=stored["samples"])
    return names, (stored["valuation_epochs"], units.mean(axis=1) / one, trained)


def keep(folder: Path) -> dict[str, np.ndarray]:
    """What a reference result keeps of a run: mean contributions and samples trained on, by epoch."""
    found = mean_contributions(folder)
    return {} if found is None else dict(zip(KEPT, (np.array(found[0]), *found[1]), strict=True))


def _ends(one: MethodRuns) -> str:
    """ "audio 1.10, visual 0.82": over seeds."""
    means = np.stack([means[-1] for _, means, _ in one.means.values()]).mean(axis=0)
    return ", ".join(f"{name} {value:.2f}" for name, value in zip(one.names, means, strict=True))
