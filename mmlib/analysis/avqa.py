"""What the records of the plan `avqa` show: what each sense tells beside the question, and what IEMF adds, by type.

Paper says (IEMF, figure 4): both networks answer better with IEMF, drawn as one polygon around another.
Published code does: one run each, seed 1. Its README and the labels of its figure swap the columns Counting and
    Location of audio-visual questions; `notebooks/claims/avqa.yaml` has them under their right names.
We do: differences paired over seeds with Student's interval, for every type of question; the unimodal losses alone
    beside IEMF; and beside every accuracy the floor that needs neither sound nor picture.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mmlib.analysis.words import UNBROKEN, difference_text, seed_count
from mmlib.metrics.family import metric
from mmlib.metrics.question_answering import ABOUT, OVERALL, TYPES, floor_of
from mmlib.statistics import PairedDifference, Summary, paired_difference, summarise
from mmlib.workbook.claims import Claims
from mmlib.workbook.results import Results

NETWORKS = {"baseline": "baseline", "avst": "AVST"}
"""Row of the plan without IEMF -> what it is called; the variants' rows add their suffix."""
VARIANTS = {
    "": "without",
    "-joint": "unimodal losses",
    "-iemf": "IEMF",
    "-iemf-rate": "IEMF on the learning rate",
    "-original": "original recipe",
}
SENSES = {
    "question": "question alone",
    "audio": "and sound",
    "visual": "and picture",
    "baseline": "and both",
}
"""Rows that differ in what is there beside the question."""
PRINTED = "iemf"
"""The table of the claims that figure 4 draws."""
NAMES = (OVERALL, *ABOUT, *TYPES)


@dataclass
class QuestionFindings:
    """Values in percent, as shown: {row: {metric: {seed: value}}}, of the rows that ran, in the plan's order.

    `floors`: the majority answer's accuracy beside each metric. `printed`: {row: {metric: value}} of figure 4.
    """

    data: str
    seeds: list[int]
    values: dict[str, dict[str, dict[int, float]]] = field(default_factory=dict)
    floors: dict[str, float] = field(default_factory=dict)
    printed: dict[str, dict[str, float]] = field(default_factory=dict)

    @property
    def caption(self) -> str:
        """Data and seeds."""
        return f"{self.data}; {seed_count(self.seeds, UNBROKEN)}"

    @property
    def types(self) -> list[str]:
        """Metrics of the types that these data ask, in the published order."""
        return [name for name in TYPES if any(name in of for of in self.values.values())]

    @property
    def senses(self) -> list[str]:
        """Rows of `SENSES` that ran."""
        return [row for row in SENSES if row in self.values]

    @property
    def networks(self) -> list[str]:
        """Networks that ran in some variant."""
        return [name for name in NETWORKS if self.variants(name)]

    @property
    def compared(self) -> list[str]:
        """Networks that ran without IEMF and in some other variant."""
        return [name for name in NETWORKS if "" in self.variants(name) and len(self.variants(name)) > 1]

    def variants(self, network: str) -> list[str]:
        """Suffixes of those that ran."""
        return [suffix for suffix in VARIANTS if network + suffix in self.values]

    def summary(self, row: str, name: str) -> Summary | None:
        """Mean over seeds with its 95 % interval; None where it did not run."""
        values = self.values.get(row, {}).get(name)
        return summarise(list(values.values())) if values else None

    def difference(self, row: str, other: str, name: str) -> PairedDifference | None:
        """One row minus another, paired over seeds, in points."""
        one, two = (self.values.get(which, {}).get(name, {}) for which in (row, other))
        return paired_difference(one, two) if one and two else None

    @property
    def headline(self) -> str:
        """One sentence without a full stop: what IEMF gives both networks."""
        told = [
            f"{NETWORKS[name]} {difference_text(gain, OVERALL)}"
            for name in NETWORKS
            if (gain := self.difference(f"{name}-iemf", name, OVERALL))
        ]
        return f"accuracy with IEMF: {'; '.join(told)}" if told else "IEMF did not run beside a network without it"

    @property
    def sentences(self) -> list[str]:
        """What the records show, computed."""
        told = [self._senses(), *(self._network(name) for name in self.compared)]
        missing = [NETWORKS[name] for name in NETWORKS if f"{name}-iemf" not in self.values or name not in self.values]
        if missing:
            told.append(f"Not shown: IEMF on {', '.join(missing)}, which did not run with and without it.")
        return [text for text in told if text]

    def _senses(self) -> str:
        """What sound, picture and both tell beside the question, on all questions and on audio-visual ones."""
        if not self.senses:
            return ""
        known, both = metric(OVERALL), "accuracy_on_audio_visual"
        accuracies = [f"{SENSES[row]} {known.text(self.summary(row, OVERALL).mean)}" for row in self.senses]
        floor = self.floors.get(OVERALL)
        told = f"Accuracy on all questions: {', '.join(accuracies)}"
        told += f"; the majority answer of each question {known.text(floor)}." if floor is not None else "."
        gains = [
            f"{SENSES[row].removeprefix('and ')} {difference_text(gain, both)}"
            for row in self.senses
            if row != "baseline" and (gain := self.difference("baseline", row, both))
        ]
        return told + (f" On audio-visual questions both are, against {'; against '.join(gains)}." if gains else "")

    def _network(self, network: str) -> str:
        """What each variant gives a network, and which types gain or lose beyond seed noise."""
        parts = []
        for suffix in self.variants(network)[1:]:
            gain = self.difference(network + suffix, network, OVERALL)
            if gain is None:
                continue
            clear = [name for name in self.types if beyond_noise(self.difference(network + suffix, network, name))]
            words = [metric(name).title.removeprefix("accuracy, ") for name in clear]
            text = f"{VARIANTS[suffix]} {difference_text(gain, OVERALL)}"
            parts.append(text + (f" (beyond seed noise on {', '.join(words)})" if words else ""))
        if not parts:
            return ""
        fewest = min((self.values[network + suffix][OVERALL] for suffix in self.variants(network)), key=len)
        return f"{NETWORKS[network]}, against the same without IEMF ({seed_count(fewest)}): {'; '.join(parts)}."


def beyond_noise(found: PairedDifference | None) -> bool:
    """Whether a difference's interval lies on one side of zero; one seed has none."""
    return found is not None and found.low is not None and (found.low > 0 or found.high < 0)


def analyse(results: Results, claims: Claims | None, outputs: object = None) -> QuestionFindings:
    """From the records, epochs as chosen on validation (`clean`), and the printed numbers of figure 4."""
    found = QuestionFindings(results.profile_title, results.seeds)
    for row in results.rows.values():
        if row.records:
            values = {name: row.values(f"clean/{name}") for name in NAMES}
            found.values[row.id] = {name: of for name, of in values.items() if of}
    for row in results.rows.values():
        for name in NAMES:
            floor = row.values(f"clean/{floor_of('majority', name)}")
            if floor:
                found.floors.setdefault(name, next(iter(floor.values())))
    for claim in claims.claims("avqa") if claims else []:
        if claim.table.id == PRINTED:
            found.printed.setdefault(claim.row.id, {})[claim.column.metric] = claim.value
    return found
