"""All tests of one report as one family, and the label that each verdict carries for it.

A report shows a hundred comparisons and more; some would come out at 95 % if no method did anything. So every p is
adjusted for the number of tests of the whole report (Holm 1979), on whichever page it stands. A verdict that only holds
unadjusted says so in its label and is drawn hollow. The same comparison, asked twice, is one test.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mmlib.analysis.tested import Tested
from mmlib.metrics.family import metric
from mmlib.report.assemble import Assembly
from mmlib.statistics import holm
from mmlib.workbook.conclusions import Conclusion
from mmlib.workbook.verdicts import CONTRADICTED, HOLDS, NO_VERDICT, NOISE, ONE_SEED, StatementVerdict

Key = tuple[object, ...]
UNADJUSTED = ", unadjusted"
OPEN = "cannot tell"


@dataclass(frozen=True)
class Label:
    """What a verdict is called. `kind` is its colour: better, worse, equal, open or none; hollow: unadjusted only."""

    text: str
    kind: str
    hollow: bool = False

    @property
    def slug(self) -> str:
        """Its CSS classes."""
        return f"{self.kind} hollow" if self.hollow else self.kind


@dataclass(frozen=True)
class Family:
    """The adjusted p of every test of a report."""

    adjusted: Mapping[Key, float]
    raw: Mapping[Key, float]
    level: float = 0.05

    @property
    def size(self) -> int:
        return len(self.raw)

    @property
    def counts(self) -> tuple[int, int]:
        """How many tests come out below the level: unadjusted, and adjusted."""
        return sum(p < self.level for p in self.raw.values()), sum(p < self.level for p in self.adjusted.values())

    def p(self, key: Key) -> float | None:
        """The adjusted p; None for what was not tested."""
        return self.adjusted.get(key)

    def firm(self, key: Key) -> bool:
        p = self.adjusted.get(key)
        return p is not None and p < self.level

    def statement(self, verdict: StatementVerdict, plan: str, profile: str) -> Label:
        """The label of a statement's verdict."""
        if verdict.verdict not in (HOLDS, CONTRADICTED):
            return Label(verdict.verdict, "open" if verdict.verdict in (NOISE, ONE_SEED) else "none")
        equal = verdict.statement.margin is not None and verdict.verdict == HOLDS
        kind = "equal" if equal else "better" if verdict.verdict == HOLDS else "worse"
        return self._label(verdict.verdict, kind, statement_key(verdict, plan, profile))

    def tested(self, one: Tested, assembly: Assembly) -> Label:
        """The label of what an analysis tests."""
        p = one.difference.p
        if p is None or p >= self.level:
            return Label(NOISE, "open")
        word, kind = (HOLDS, "better") if one.difference.mean > 0 else (CONTRADICTED, "worse")
        return self._label(word, kind, tested_key(one, assembly))

    def conclusion(self, found: Conclusion) -> Label:
        """The label of what is said of a method: better, worse, no difference beyond its margin, or cannot tell."""
        difference = found.difference
        if difference is None or difference.n < 2:
            return Label(ONE_SEED if difference else NO_VERDICT, "none")
        if difference.p is not None and difference.p < self.level:
            word = metric(found.metric).words[difference.mean > 0]
            return self._label(word, "better" if difference.mean > 0 else "worse", conclusion_key(found))
        if found.p_equal is not None and found.p_equal < self.level:
            text = f"no difference beyond {metric(found.metric).amount(found.method.margin)}"
            return self._label(text, "equal", equality_key(found))
        return Label(OPEN, "open")

    def _label(self, text: str, kind: str, key: Key) -> Label:
        return Label(text, kind) if self.firm(key) else Label(text + UNADJUSTED, kind, hollow=True)


def family_of(assemblies: Iterable[Assembly], conclusions: Sequence[Conclusion]) -> Family:
    """Every test that the report shows, each once."""
    raw: dict[Key, float] = {}
    for assembly in assemblies:
        for verdict in assembly.statements.verdicts if assembly.statements else []:
            if verdict.p is not None:
                raw[statement_key(verdict, assembly.plan.name, assembly.results.profile)] = verdict.p
        for one in tested_of(assembly):
            if one.difference.p is not None:
                raw[tested_key(one, assembly)] = one.difference.p
    for found in conclusions:
        if found.difference is not None and found.difference.p is not None:
            raw[conclusion_key(found)] = found.difference.p
        if found.p_equal is not None:
            raw[equality_key(found)] = found.p_equal
    return Family(dict(zip(raw, holm(list(raw.values())), strict=True)), raw)


def tested_of(assembly: Assembly) -> list[Tested]:
    """What the analysis of a plan without claims tests; nothing for one whose figures only show."""
    if assembly.claims is not None or not assembly.results.records:
        return []
    return [one for one in getattr(assembly.findings, "tested", []) if one.difference.n > 1]


def tested_key(one: Tested, assembly: Assembly) -> Key:
    return (assembly.plan.name, assembly.results.profile, one.id)


def statement_key(verdict: StatementVerdict, plan: str, profile: str) -> Key:
    """What is tested: of a single contrast its weights, so that the same comparison elsewhere is the same test."""
    statement = verdict.statement
    where = (plan, profile, verdict.protocol, verdict.metric)
    if statement.contrast is None or statement.margin is not None:
        return (*where, statement.id)
    return (*where, _contrast(statement.contrast))


def conclusion_key(found: Conclusion) -> Key:
    return (found.plan, found.profile, found.protocol, found.metric, _contrast(found.weights))


def equality_key(found: Conclusion) -> Key:
    return (*conclusion_key(found), "equal", found.method.margin)


def _contrast(weights: Mapping[str, float]) -> Key:
    """The same for a contrast, its multiples and its reverse: all have one p."""
    rows = sorted(weights)
    return tuple((row, round(weights[row] / weights[rows[0]], 9)) for row in rows)
