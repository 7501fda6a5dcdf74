"""What the records of the plan `continual` show: each method without IEMF, with parts of it and with all of it.

Paper says (IEMF, figure 3): with IEMF, LwF, SS-IL and AV-CIL are more accurate on average, and forget less.
Published code does: three seeds per bar, with the population's standard deviation as error; no test, no pairing.
We do: differences paired over seeds, with Student's interval; and how much the unimodal losses, which come with IEMF in
    the same window, give by themselves.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mmlib.analysis.arrays import read_arrays
from mmlib.analysis.words import UNBROKEN, difference_text, seed_count
from mmlib.metrics.continual import overall_accuracies
from mmlib.metrics.family import metric
from mmlib.statistics import PairedDifference, Summary, paired_difference, summarise
from mmlib.workbook.results import Results

METHODS = {
    "fine_tuning": "fine-tuning",
    "lwf": "LwF",
    "ss_il": "SS-IL",
    "av_cil": "AV-CIL",
    "icarl_nme": "iCaRL (NME)",
    "icarl_fc": "iCaRL (FC)",
    "afc_nme": "AFC (NME)",
    "afc_lsc": "AFC (LSC)",
    "replay": "plain replay",
    "joint": "joint training",
}
"""Row of the plan without IEMF -> what it is called; the variants' rows add their suffix."""
VARIANTS = {
    "": "without",
    "-losses": "unimodal losses",
    "-iemf": "IEMF",
    "-iemf-grad": "IEMF on the gradient",
    "-relu": "with AV-CIL's ReLUs",
}
PAPERS = ("lwf", "ss_il", "av_cil")
"""The methods that the paper speaks of."""
ACCURACY, FORGETTING = "mean_task_acc", "forgetting"


@dataclass
class MethodRuns:
    """One method. Values in percent or points, as shown, by variant (a suffix of `VARIANTS`), metric and seed."""

    method: str
    values: dict[str, dict[str, dict[int, float]]] = field(default_factory=dict)
    steps: dict[str, dict[int, np.ndarray]] = field(default_factory=dict)
    """{variant: {seed: accuracy in percent on all classes seen after each step, (S,)}}, where runs left arrays."""

    @property
    def name(self) -> str:
        return METHODS[self.method]

    def summary(self, variant: str, name: str) -> Summary | None:
        """Mean over seeds with its 95 % interval; None where that variant did not run."""
        values = self.values.get(variant, {}).get(name)
        return summarise(list(values.values())) if values else None

    def gain(self, variant: str, name: str) -> PairedDifference | None:
        """Variant minus the method without, paired over seeds, in the metric's unit; not turned by its direction."""
        with_, without = (self.values.get(suffix, {}).get(name, {}) for suffix in (variant, ""))
        return paired_difference(with_, without) if with_ and without else None


@dataclass
class ContinualFindings:
    """Every method that ran, in the plan's order."""

    data: str
    seeds: list[int]
    methods: list[MethodRuns]

    @property
    def caption(self) -> str:
        """Data and seeds."""
        return f"{self.data}; {seed_count(self.seeds, UNBROKEN)}"

    @property
    def compared(self) -> list[MethodRuns]:
        """Methods that ran without IEMF and in some other variant."""
        return [one for one in self.methods if "" in one.values and len(one.values) > 1]

    @property
    def with_parts(self) -> list[MethodRuns]:
        """Those of `compared` that ran with IEMF or with parts of it."""
        return [one for one in self.compared if set(one.values) - {"", "-relu"}]

    @property
    def traced(self) -> list[MethodRuns]:
        """Methods whose runs left their accuracy after every step."""
        return [one for one in self.methods if one.steps]

    @property
    def headline(self) -> str:
        """One sentence without a full stop: what IEMF gives the methods that the paper speaks of."""
        told = [
            f"{one.name} {difference_text(gain, ACCURACY)}"
            for one in self.compared
            if one.method in PAPERS and (gain := one.gain("-iemf", ACCURACY))
        ]
        title = metric(ACCURACY).title
        return f"{title} with IEMF: {'; '.join(told)}" if told else "IEMF did not run beside a method without it"

    @property
    def sentences(self) -> list[str]:
        """What the records show, computed."""
        told = [self._bounds()] if self._bounds() else []
        for one in self.compared:
            parts = [
                f"{label}: {gains}" for suffix, label in VARIANTS.items() if suffix and (gains := _gains(one, suffix))
            ]
            if parts:
                fewest = min((of[ACCURACY] for of in one.values.values()), key=len)
                told.append(f"{one.name}, against the same without IEMF ({seed_count(fewest)}): {'; '.join(parts)}.")
        missing = [METHODS[method] for method in PAPERS if method not in {one.method for one in self.with_parts}]
        if missing:
            told.append(f"Not shown: IEMF on {', '.join(missing)}, which did not run with and without it.")
        return told

    def _bounds(self) -> str:
        """Where the lower and the upper bound lie, and what has come nearest to the upper."""
        known = metric("last_class_acc")
        last = {one.method: one.summary("", known.name) for one in self.methods}
        told = {method: known.text(found.mean) for method, found in last.items() if found}
        between = {m: f for m, f in last.items() if f and m not in ("fine_tuning", "joint")}
        if not between or "fine_tuning" not in told or "joint" not in told:
            return ""
        best = max(between, key=lambda method: between[method].mean)
        return (
            f"After the last step, mean over classes: fine-tuning {told['fine_tuning']}, joint training "
            f"{told['joint']}; between them, without IEMF, {METHODS[best]} comes highest with {told[best]}."
        )


def analyse(results: Results) -> ContinualFindings:
    """From the records and the arrays beside them; networks as chosen on validation (`clean`)."""
    methods = []
    for method in METHODS:
        one = MethodRuns(method)
        for suffix in VARIANTS:
            row = results.rows.get(method + suffix)
            if row is None or not row.records:
                continue
            names = ("mean_task_acc", "mean_overall_acc", "last_class_acc", "forgetting", "bwt")
            one.values[suffix] = {name: row.values(f"clean/{name}") for name in names}
            folders = {seed: results.folders.get(record.cell_id) for seed, record in sorted(row.records.items())}
            steps = {seed: accuracy_by_step(folder) for seed, folder in folders.items() if folder is not None}
            if known := {seed: values for seed, values in steps.items() if values is not None}:
                one.steps[suffix] = known
        if one.values:
            methods.append(one)
    return ContinualFindings(results.profile_title, results.seeds, methods)


def accuracy_by_step(folder: Path) -> np.ndarray | None:
    """Percent of right test clips among all classes seen after each step, (S,); None where a run left no arrays."""
    stored = read_arrays(folder, {"clean_accuracy_matrix", "task_clips"}.__contains__)
    if "clean_accuracy_matrix" not in stored:
        return None
    return 100 * overall_accuracies(stored["clean_accuracy_matrix"], stored["task_clips"])


def keep(folder: Path) -> dict[str, np.ndarray]:
    """What a reference result keeps of a run: the accuracy on each task after each step, and the tasks' clips."""
    return read_arrays(folder, {"clean_accuracy_matrix", "task_clips"}.__contains__)


def _gains(one: MethodRuns, suffix: str) -> str:
    """ "mean task accuracy +1.2 (...) points, forgetting ..."; empty where a variant shares no seed with the method."""
    gains = {name: one.gain(suffix, name) for name in (ACCURACY, FORGETTING)}
    return ", ".join(f"{metric(name).title} {difference_text(gain, name)}" for name, gain in gains.items() if gain)
