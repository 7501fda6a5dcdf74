"""The top of the report: what ran, on which data, what the verdicts say, what does not hold."""

from __future__ import annotations

from collections import Counter
from typing import Any

from mmlib.metrics.family import metric
from mmlib.report.assemble import Assembly
from mmlib.report.render import Column, Table
from mmlib.report.statements import SOURCES
from mmlib.report.tables import ABSENT, plus_minus
from mmlib.workbook.verdicts import (
    CONTRADICTED,
    HOLDS,
    NOISE,
    NOT_REPRODUCED,
    REPRODUCED,
    NumberVerdict,
    StatementVerdict,
)


def headlines(assemblies: list[Assembly]) -> list[tuple[str, str]]:
    """(what ran, what came of it) for every data set with results."""
    found = []
    for assembly in assemblies:
        results, counts = assembly.results, statement_counts(assembly)
        if not results.records:
            continue
        reference = ", committed reference" if results.source == "reference" else ""
        ran = f"{short_title(assembly)} on {results.profile_title}"
        done = f"{len(results.records)} of {results.wanted} cells, {results.seeds_text}{reference}"
        said = []
        if assembly.statements is not None and (tested := assembly.statements.tested):
            verdicts = ", ".join(f"{name} {counts[name]}" for name in (HOLDS, CONTRADICTED, NOISE))
            said.append(f"{tested} {'test' if tested == 1 else 'tests'} of statements, {verdicts}")
        elif assembly.statements is not None:
            said.append("too little ran to test a statement")
        if assembly.findings is not None:
            said.append(assembly.findings.headline)
        numbers = Counter(verdict.verdict for verdict in assembly.numbers)
        if judged := sum(numbers[name] for name in (REPRODUCED, NOISE, NOT_REPRODUCED)):
            said.append(f"{numbers[REPRODUCED]} of {judged} printed numbers are reproduced")
        found.append((ran, f"{done}; {'; '.join(said) or 'no claims to test'}."))
    return found


def short_title(assembly: Assembly) -> str:
    """ "Table 1", "IEMF"; of a figure what it is about, because its plan's title goes on after "Figure:"."""
    before = assembly.results.title.partition(": ")[0]
    return f"Figure {assembly.plan.figure}" if before == "Figure" else before


def scope(assemblies: list[Assembly]) -> str:
    """Whether the paper's numbers could be compared at all, and why not."""
    own = [assembly for assembly in assemblies if assembly.results.kind == "paper"]
    if not own or any(assembly.results.records for assembly in own):
        return ""
    *first, last = (assembly.results.profile_title for assembly in own)
    names = f"{', '.join(first)} and {last}" if first else last
    return (
        f"Only the paper’s statements are judged here, not its numbers: those belong to {names}, which did not run. "
        "A statement is a difference between rows of the table."
    )


def findings(assemblies: list[Assembly], verdict: str) -> list[dict[str, str]]:
    """Every statement with that verdict on some data set: the sentence, its difference, the data."""
    several = sum(bool(assembly.results.records) for assembly in assemblies) > 1
    return [
        {
            "text": found.statement.text,
            "difference": _difference(found),
            "place": assembly.results.profile_title if several else "",
            "where": found.statement.where,
        }
        for assembly in assemblies
        for found in (assembly.statements.verdicts if assembly.statements else [])
        if found.verdict == verdict
    ]


def _difference(verdict: StatementVerdict) -> str:
    difference, known = verdict.difference, metric(verdict.metric)
    rival = f" than {verdict.rival_name}" if verdict.rival else ""
    return (
        f"{known.title} {known.difference(difference.mean)}{rival} ({known.interval(difference.low, difference.high)})"
    )


def numbers_against(assemblies: list[Assembly]) -> list[dict[str, Any]]:
    """Printed numbers not reproduced, each with its reason; the numbers of a data set together."""
    found: list[dict[str, Any]] = []
    for assembly in assemblies:
        place = assembly.results.profile_title
        numbers = [number for number in assembly.numbers if number.verdict == NOT_REPRODUCED]
        if numbers:
            text = f"{len(numbers)} of the {len(assembly.numbers)} printed numbers of {place} were not reproduced."
            found.append({"text": text, "numbers": [_number_text(number) for number in numbers]})
    return found


def _number_text(number: NumberVerdict) -> str:
    claim, known = number.claim, metric(number.claim.column.metric)
    label = f"{claim.row.block}, {claim.row.label}, {claim.column.label}"
    return f"{label}: printed {known.number(claim.value)}, ours {plus_minus(number.ours, known)}; {number.reason}."


def overview(assemblies: list[Assembly]) -> Table:
    """One line per plan and profile: how much ran and what came out."""
    columns = [
        Column("Plan"), Column("Data"), Column("cells done", "number"), Column("failed", "number"),
        Column("blocked", "number"), Column("statements hold", "number"), Column("contradicted", "number"),
        Column("within noise", "number"), Column("numbers reproduced", "number"), Column("source"),
    ]  # fmt: skip
    rows = []
    for assembly in assemblies:
        results, statements, numbers = (
            assembly.results,
            statement_counts(assembly),
            Counter(v.verdict for v in assembly.numbers),
        )
        problems = Counter("blocked" if p.status == "blocked" else "failed" for p in results.problems)
        judged = [numbers[name] for name in (REPRODUCED, NOISE, NOT_REPRODUCED)]
        reproduced = f"{judged[0]} of {sum(judged)}" if sum(judged) else ABSENT
        source = {"runs": "run here", "reference": "committed reference", "none": "not run"}[results.source]
        judging = results.records and assembly.statements is not None
        shown = [str(statements[name]) if judging else ABSENT for name in (HOLDS, CONTRADICTED, NOISE)]
        done = len(results.records) if results.source == "runs" else 0
        rows.append([
            results.title, results.profile_title, f"{done} / {results.wanted}", str(problems["failed"]),
            str(problems["blocked"]), *shown, reproduced, source,
        ])  # fmt: skip
    return Table("overview", "What ran, and what came of it", columns, rows)


def across(assemblies: list[Assembly]) -> list[Table]:
    """Per plan with results on several data sets: every statement against each, to show in one look what holds where.

    With one data set its own section says the same.
    """
    tables = []
    for plan in dict.fromkeys(assembly.plan.name for assembly in assemblies):
        shown = [a for a in assemblies if a.plan.name == plan and a.statements and a.results.records]
        if len(shown) < 2:
            continue
        columns = [Column("Source"), Column("Statement"), Column("Metric")]
        columns += [Column(assembly.results.profile_title, "verdict") for assembly in shown]
        rows = [
            [SOURCES[verdicts[0].statement.source], verdicts[0].statement.text, metric(verdicts[0].metric).title]
            + [verdict.verdict for verdict in verdicts]
            for verdicts in zip(*(assembly.statements.verdicts for assembly in shown), strict=True)
        ]
        tables.append(Table(f"{plan}-across", "The statements, data set by data set", columns, rows))
    return tables


def missing(assemblies: list[Assembly]) -> list[str]:
    """One line per profile that is not complete: how many cells, and the reasons."""
    lines = []
    for assembly in assemblies:
        results = assembly.results
        absent = results.wanted - (len(results.records) if results.source == "runs" else 0)
        if not absent:
            continue
        reasons = Counter(f"{problem.status}: {problem.reason.rstrip('.')}" for problem in results.problems)
        rest = absent - sum(reasons.values())
        parts = [f"{count} {text}" for text, count in reasons.most_common(3)]
        parts += (
            [f"{sum(reasons.values()) - sum(n for _, n in reasons.most_common(3))} more"] if len(reasons) > 3 else []
        )
        parts += [f"{rest} never run" + (" (reference shown)" if results.source == "reference" else "")] if rest else []
        lines.append(
            f"{results.title}, {results.profile_title}: {absent} of {results.wanted} cells. {'; '.join(parts)}"
        )
    return lines


def tiles(assemblies: list[Assembly]) -> list[tuple[str, str]]:
    statements, numbers = Counter(), Counter()
    for assembly in assemblies:
        statements += statement_counts(assembly)
        numbers += Counter(verdict.verdict for verdict in assembly.numbers)
    judged = sum(numbers[name] for name in (REPRODUCED, NOISE, NOT_REPRODUCED))
    # Plans share cells: each counts once.
    wanted = {cell for assembly in assemblies for cell in assembly.results.folders}
    done = {record.cell_id for a in assemblies if a.results.source == "runs" for record in a.results.records}
    data = sum(bool(assembly.results.records) for assembly in assemblies)
    return [
        (f"{len(done)} / {len(wanted)}", "cells finished here"),
        (f"{data} / {len(assemblies)}", "data sets with results"),
        (str(statements[HOLDS]), "statement tests that hold"),
        (str(statements[CONTRADICTED]), "contradicted"),
        (str(statements[NOISE]), "within seed noise"),
        (f"{numbers[REPRODUCED]} / {judged}" if judged else ABSENT, "printed numbers reproduced"),
    ]


def weight(assemblies: list[Assembly]) -> str:
    """How to weigh so many tests."""
    families = [assembly.statements for assembly in assemblies if assembly.statements]
    tested = sum(family.tested for family in families)
    if not tested:
        return "No statement could be tested yet."
    chance = sum(family.expected_by_chance for family in families)
    decided = [
        (verdict.p_holm, 1 - family.confidence)
        for family in families
        for verdict in family.verdicts
        if verdict.verdict in (HOLDS, CONTRADICTED)
    ]
    firm = sum(p is not None and p < level for p, level in decided)
    return (
        f"{tested} comparisons were tested at 95 % on this page. If no method differed from another, up to about "
        f"{chance:.1f} of them would still come out as “holds” or “contradicted”. Adjusted for their number (Holm, "
        f"within each data set), {firm} of the {len(decided)} remain."
    )


def statement_counts(assembly: Assembly) -> Counter[str]:
    return Counter(verdict.verdict for verdict in assembly.statements.verdicts) if assembly.statements else Counter()
