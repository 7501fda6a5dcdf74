"""The report's first sentences: what the records say of each method, and the records that each sentence is made of.

Nothing here knows a method: names, comparisons and margins are those of the claims, words and units those of the
metrics. `trace` is what `conclusions.json` beside the page holds, so that every number can be followed to its records.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mmlib.metrics.family import metric
from mmlib.report.assemble import Assembly
from mmlib.report.judging import Family, Label, conclusion_key
from mmlib.report.titles import data_name, short_title
from mmlib.workbook.conclusions import Conclusion, conclude

MARKS = "\u2068\u2069"
"""Around a data set's name in a sentence; taken out, or shown in bold."""


@dataclass(frozen=True)
class Line:
    """One method on one data set."""

    assembly: Assembly
    found: Conclusion
    label: Label
    p_adjusted: float | None

    @property
    def place(self) -> str:
        return data_name(self.assembly)

    @property
    def text(self) -> str:
        """ "Top-1 2.1 points better (95 % interval 0.3 to 3.9 better); mean of 4 comparisons, 5 seeds"."""
        found, known, difference = self.found, metric(self.found.metric), self.found.difference
        if difference is None:
            return f"{known.title}: {found.reason}"
        told = f"{known.title} {known.difference(difference.mean)}"
        if difference.low is not None:
            told += f" (95 % interval {known.interval(difference.low, difference.high)})"
        many = len(found.statements)
        told += f"; {f'mean of {many} comparisons' if many > 1 else 'one comparison'}"
        told += f" ({len(found.missing)} more did not run)" if found.missing else ""
        told += f", {difference.n} seed{'' if difference.n == 1 else 's'}"
        return told + ("; no spread between seeds" if difference.low is not None and difference.p is None else "")

    @property
    def trace(self) -> dict[str, Any]:
        """The sentence with its numbers and records."""
        found, difference = self.found, self.found.difference
        numbers = {
            name: getattr(difference, name) if difference else None for name in ("mean", "low", "high", "n", "p")
        }
        return {
            "text": self.text, "label": self.label.text, "method": found.method.id, "plan": found.plan,
            "profile": found.profile, "source": self.assembly.results.source, "metric": found.metric,
            "protocol": found.protocol, "unit": metric(found.metric).unit.difference, **numbers,
            "p_adjusted": self.p_adjusted, "p_equal": found.p_equal, "margin": found.method.margin,
            "statements": list(found.statements),
            "records": [{"cell": s.cell, "row": s.row, "seed": s.seed, "weight": s.weight} for s in found.sources],
        }  # fmt: skip


@dataclass(frozen=True)
class Answer:
    """One method over all data sets: its name, one plain sentence, and the lines that it sums up."""

    id: str
    name: str
    marked: str
    """The sentence, each data set between two marks."""
    lines: list[Line]
    margin: str
    """ "Margin of no difference: 1.0 points (why)." """

    @property
    def sentence(self) -> str:
        return self.marked.translate({ord(mark): None for mark in MARKS})

    @property
    def html(self) -> str:
        """The sentence with its data sets in bold: their names have commas of their own."""
        return html.escape(self.marked).replace(MARKS[0], "<b>").replace(MARKS[1], "</b>")

    @property
    def trace(self) -> dict[str, Any]:
        return {"method": self.id, "sentence": self.sentence, "lines": [line.trace for line in self.lines]}


def conclusions_of(assemblies: Sequence[Assembly], protocol: str) -> list[tuple[Assembly, Conclusion]]:
    """What the records of every profile that has some say of its plan's methods."""
    return [
        (assembly, found)
        for assembly in assemblies
        if assembly.claims is not None and assembly.results.records
        for found in conclude(assembly.claims, assembly.results, protocol)
        if found.statements
    ]


def answers(conclusions: Sequence[tuple[Assembly, Conclusion]], family: Family) -> list[Answer]:
    """One answer per method, in the order of the claims; methods of one id in several claims files are one method."""
    groups: dict[str, list[Line]] = {}
    for assembly, found in conclusions:
        line = Line(assembly, found, family.conclusion(found), family.p(conclusion_key(found)))
        groups.setdefault(found.method.id, []).append(line)
    return [_answer(lines) for lines in groups.values()]


def _answer(lines: list[Line]) -> Answer:
    method, known = lines[0].found.method, metric(lines[0].found.metric)
    margins = {one.found.method.margin: metric(one.found.metric).amount(one.found.method.margin) for one in lines}
    margin = f"Counts as no difference: up to {', '.join(margins.values())} ({method.margin_reason})."
    several = len({line.found.plan for line in lines}) > 1
    parts = [
        part
        for words, chosen in _groups(known.amount(method.margin))
        if (part := _part(words, [line for line in lines if chosen(line.label)], several))
    ]
    sentence = f"Against {method.against}, {method.name} " + "; ".join(parts) + "."
    return Answer(method.id, _capital(method.name), sentence, lines, margin)


def _groups(margin: str) -> list[tuple[str, Any]]:
    """How a sentence puts each kind of label into words; {} stands for the data sets."""

    def of(kind: str, hollow: bool) -> Any:
        return lambda label: (label.kind, label.hollow) == (kind, hollow)

    alone = " (unadjusted for the number of tests)"
    return [
        ("helps on {}", of("better", False)),
        ("does worse on {}", of("worse", False)),
        ("helps on {}" + alone, of("better", True)),
        ("does worse on {}" + alone, of("worse", True)),
        (f"makes no difference beyond {margin} on {{}}", of("equal", False)),
        (f"makes no difference beyond {margin} on {{}}" + alone, of("equal", True)),
        ("may or may not help on {}", of("open", False)),
        ("cannot be judged on {}", of("none", False)),
    ]


def _part(words: str, lines: list[Line], several: bool) -> str:
    if not lines:
        return ""
    return words.format(_listed([_named(line, several) for line in lines]))


def _named(line: Line, several: bool) -> str:
    """A data set, with the difference where one was found, and the plan where a method has several."""
    difference, known = line.found.difference, metric(line.found.metric)
    place = f"{MARKS[0]}{line.place}{MARKS[1]}" + (f" [{short_title(line.assembly)}]" if several else "")
    if line.label.kind in ("better", "worse") and difference is not None:
        return f"{place} ({known.title} {known.difference(difference.mean)})"
    return place


def _listed(texts: list[str]) -> str:
    *first, last = texts
    return f"{', '.join(first)} and {last}" if first else last


def _capital(text: str) -> str:
    """The text with a capital, but for a symbol: ζ stays ζ."""
    return text[:1].upper() + text[1:] if text[:1].isascii() else text


@dataclass(frozen=True)
class Headline:
    """What a plan that is about a figure, and has no claims, says of its records."""

    assembly: Assembly
    text: str

    @property
    def trace(self) -> dict[str, Any]:
        results = self.assembly.results
        records = [{"cell": record.cell_id, "row": record.row, "seed": record.seed} for record in results.records]
        where = {"plan": results.plan, "profile": results.profile, "source": results.source}
        return {"text": self.text, **where, "records": records}


def headlines(assemblies: Sequence[Assembly]) -> list[Headline]:
    """One sentence for every profile of such a plan that has records."""
    return [
        Headline(assembly, f"{_capital(assembly.findings.headline)}.")
        for assembly in assemblies
        if assembly.findings is not None and assembly.claims is None and assembly.results.records
    ]
