"""What the front page says of all runs together: how much ran, what the verdicts add up to, what is missing."""

from __future__ import annotations

from collections import Counter
from typing import Any

from mmlib.metrics.family import metric
from mmlib.report.assemble import Assembly
from mmlib.report.counts import count
from mmlib.report.judging import Family
from mmlib.report.render import Column, Table
from mmlib.report.tables import ABSENT, plus_minus
from mmlib.workbook.verdicts import CONTRADICTED, HOLDS, NOISE, NOT_REPRODUCED, REPRODUCED, NumberVerdict

NAMED = 4
"""Data sets that did not run and are still named one by one."""


def scope(assemblies: list[Assembly]) -> str:
    """Whether the paper's numbers could be compared at all, and why not."""
    own = [assembly for assembly in assemblies if assembly.results.kind == "paper"]
    if not own or any(assembly.results.records for assembly in own):
        return ""
    titles = [assembly.results.profile_title for assembly in own]
    # Past a handful nobody reads the names, and commas of their own run together; the plans' pages list them.
    several = f"the {len(titles)} settings that take the papers’ own data"
    names = " and ".join(filter(None, [", ".join(titles[:-1]), titles[-1]])) if len(titles) <= NAMED else several
    return (
        f"Only the paper’s statements are judged here, not its numbers: those belong to {names}, which did not run. "
        "A statement is a difference between rows of the table."
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


def overview(assemblies: list[Assembly], family: Family) -> Table:
    """One line per plan and profile with results, and their sum: how much ran and what came out."""
    columns = [
        Column("Plan"), Column("Data"), Column("cells finished", "number"), Column("failed", "number"),
        Column("blocked", "number"), Column("reference", "number"), Column("hold", "number"),
        Column("contradicted", "number"), Column("unadjusted", "number"), Column("within noise", "number"),
        Column("numbers", "number"),
    ]  # fmt: skip
    shown = [assembly for assembly in assemblies if begun(assembly)]
    rows = [
        [one.results.title, one.results.profile_title, *_cells([one]), *_verdicts([one], family), _reproduced([one])]
        for one in shown
    ]
    total = [
        "All plans",
        "each cell once",
        *_cells(assemblies),
        *_verdicts(assemblies, family),
        _reproduced(assemblies),
    ]
    shared = sum(count([one.results]).wanted for one in assemblies) - count(one.results for one in assemblies).wanted
    notes = [
        "hold, contradicted: statements, adjusted for the number of tests; unadjusted: those that are only so before; "
        "numbers: printed ones that are reproduced."
    ]
    notes += [f"{shared} cells belong to two plans: they stand in both lines, and once in the sum."] if shared else []
    rest = len(assemblies) - len(shown)
    notes += [f"The sum holds {rest} more data sets, of which nothing ran."] if rest else []
    return Table("overview", "What ran, and what came of it", columns, [*rows, total], notes)


def begun(assembly: Assembly) -> bool:
    """Whether anything of a profile can be shown: a record, or a cell that failed."""
    return bool(assembly.results.records) or count([assembly.results]).failed > 0


def _cells(assemblies: list[Assembly]) -> list[str]:
    counted = count(assembly.results for assembly in assemblies)
    return [f"{counted.finished} / {counted.wanted}", str(counted.failed), str(counted.blocked), str(counted.reference)]


def _verdicts(assemblies: list[Assembly], family: Family) -> list[str]:
    judged = [one for one in assemblies if one.statements is not None and one.results.records]
    if not judged:
        return [ABSENT] * 4
    counts = statement_counts(judged, family)
    return [str(counts[name]) for name in (HOLDS, CONTRADICTED, "unadjusted", NOISE)]


def statement_counts(assemblies: list[Assembly], family: Family) -> Counter[str]:
    """Verdicts that stand after adjusting, by name; "unadjusted" for those that do not; the rest as they are."""
    counts: Counter[str] = Counter()
    for one in assemblies:
        for verdict in one.statements.verdicts if one.statements else []:
            label = family.statement(verdict, one.plan.name, one.results.profile)
            counts["unadjusted" if label.hollow else verdict.verdict] += 1
    return counts


def _reproduced(assemblies: list[Assembly]) -> str:
    numbers = Counter(verdict.verdict for one in assemblies for verdict in one.numbers)
    judged = sum(numbers[name] for name in (REPRODUCED, NOISE, NOT_REPRODUCED))
    return f"{numbers[REPRODUCED]} of {judged}" if judged else ABSENT


def missing(assemblies: list[Assembly]) -> list[str]:
    """One line per profile that is not complete: how many cells, and the reasons."""
    lines = []
    for assembly in assemblies:
        results, counted = assembly.results, count([assembly.results])
        absent = counted.wanted - counted.finished
        if not absent:
            continue
        reasons = Counter(f"{one.status}: {one.reason.rstrip('.')}" for one in results.problems if one.cell)
        most = reasons.most_common(3)
        more = sum(reasons.values()) - sum(number for _, number in most)
        parts = [f"{number} {text}" for text, number in most] + ([f"{more} more"] if more else [])
        if counted.not_run:
            parts.append(f"{counted.not_run} never run" + (" (reference shown)" if counted.reference else ""))
        where = f"{results.title}, {results.profile_title}"
        lines.append(f"{where}: {absent} of {counted.wanted} cells. {'; '.join(parts)}")
    return lines


def weight(family: Family) -> str:
    """How to weigh so many tests."""
    if not family.size:
        return "No statement could be tested yet."
    alone, firm = family.counts
    return (
        f"This report makes {family.size} tests at 95 %. If no method differed from another, about "
        f"{family.size * family.level:.1f} of them would still come out. Unadjusted {alone} do; adjusted for their "
        f"number (Holm, over the whole report) {firm} do. Filled labels are adjusted; hollow ones are not, and say so."
    )
