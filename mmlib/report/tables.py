"""The table of a plan, the paper's number beside ours, and that of the cells that failed.

Built from `Results` and `Claims` only. Units, decimals and the words for a difference are those of
`mmlib.metrics.family`. `paper` is the protocol that reports the epoch that is best on the test set (as most published
code does), `clean` selects on validation data and touches the test set once, `last` reports the last epoch; a plan
names two of them, which are always shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmlib.metrics.family import Metric, metric
from mmlib.report.render import Column, Table
from mmlib.statistics import Summary, summarise
from mmlib.workbook.claims import Claim, Claims
from mmlib.workbook.plan import Plan
from mmlib.workbook.results import Problem, Results, RowResult
from mmlib.workbook.verdicts import NumberVerdict, number_verdict

PROTOCOL_TITLES = {"paper": "best on test", "clean": "clean", "last": "last epoch"}
CHOSEN = {
    "paper": "the epoch that scores best on the test set",
    "clean": "the epoch that scores best on validation data",
    "last": "the last",
}
PROTOCOLS = ("paper", "clean")
ABSENT = "–"
NOT_AVAILABLE = "not available"


def metrics_of(plan: Plan, claims: Claims | None) -> list[str]:
    """The metrics of a plan's table, in its order: the plan's own, else those its claims print, else Top-1 and mAP."""
    tables = claims.tables_of(plan.name) if claims else []
    printed = list(dict.fromkeys(column.metric for table in tables for column in table.columns))
    return plan.metrics or printed or ["top1", "map"]


def number_verdicts(results: Results, claims: Claims | None) -> list[NumberVerdict]:
    """A verdict for every printed number the profile answers, one where it is printed twice; none unless the profile is
    the paper's own.
    """
    distinct: dict[tuple[str, str, float], Claim] = {}
    for claim in _claims(results, claims):
        distinct.setdefault((claim.row.id, claim.column.metric, claim.value), claim)
    verdicts = (number_verdict(claim, _row(results, claim), results.kind) for claim in distinct.values())
    return [verdict for verdict in verdicts if verdict is not None]


def results_table(
    results: Results,
    claims: Claims | None,
    metrics: Sequence[str] = ("top1", "map"),
    also: Sequence[str] = (),
    heads: Sequence[str] = ("Method", "Variant"),
    protocols: Sequence[str] = PROTOCOLS,
) -> Table:
    """Rows as in the paper: printed value (kind "paper" only), ours under both protocols, difference, verdict.

    `also` are metrics shown under `clean` alone; `heads` are what blocks and rows are called.
    """
    verdicts = {(v.claim.row.id, v.claim.column.metric): v for v in number_verdicts(results, claims)}
    absent = _not_available(results, claims)
    left_out: list[str] = []
    if results.kind != "paper":  # whose printed numbers stand there also where ours are missing
        found = results.measured([*metrics, *also])
        left_out = [metric(name).title for name in (*metrics, *also) if name not in found]
        metrics, also = ([name for name in names if name in found] for names in (metrics, also))
    printed = bool(verdicts or absent)
    columns = [*map(Column, heads)]
    for name in metrics:
        columns += _metric_columns(name, printed, protocols)
    columns += [Column(metric(name).title, "number") for name in also]
    columns += [Column("seeds"), Column("s per run", "number")]
    rows, data = [], []
    for row in results.rows.values():
        texts, facts = [row.block, row.label], {"plan": results.plan, "profile": results.profile, "row": row.id}
        for name in metrics:
            verdict = verdicts.get((row.id, name))
            instead = NOT_AVAILABLE if (row.id, name) in absent else ABSENT
            texts += _metric_texts(row, name, verdict, printed, protocols, instead)
            facts |= _metric_facts(row, name, verdict, protocols)
        for name in also:
            summary = _summary(row, f"clean/{name}")
            facts |= {f"clean_{name}": summary and summary.mean} | _kind_facts(name)
            texts.append(plus_minus(summary, metric(name), n=False))
        texts += [_seeds(row), ABSENT if row.wall_seconds() is None else f"{row.wall_seconds():.0f}"]
        facts |= {"seeds": sorted(row.records), "seeds_wanted": row.seeds, "wall_s": row.wall_seconds()}
        rows.append(texts)
        data.append(facts)
    caption = f"{results.title} – {results.profile_title}"
    notes = _result_notes(results, printed, [*metrics, *also], protocols)
    if left_out:
        notes.append(f"Left out, here and among the statements, because no record has it: {'; '.join(left_out)}.")
    if verdicts:
        notes += _never_judged(_claims(results, claims))
    if absent:
        notes.append(f"Printed numbers that read “{NOT_AVAILABLE}” are the paper’s, and were found nowhere.")
    return Table(f"{results.plan}-{results.profile}", caption, columns, rows, notes, data)


def _not_available(results: Results, claims: Claims | None) -> set[tuple[str, str]]:
    """(row, metric) whose printed number is not known, where the profile is the paper's own."""
    return claims.not_available(results.plan, results.profile) if claims and results.kind == "paper" else set()


def _metric_columns(name: str, printed: bool, protocols: Sequence[str]) -> list[Column]:
    title = metric(name).title
    ours = [Column(f"{title}, {PROTOCOL_TITLES[protocol]}", "number") for protocol in protocols]
    if not printed:
        return ours
    return [
        Column(f"{title}, printed", "number"), *ours, Column("ours against printed", "number"),
        Column("verdict", "verdict"),
    ]  # fmt: skip


def _metric_texts(
    row: RowResult, name: str, verdict: NumberVerdict | None, printed: bool, protocols: Sequence[str], instead: str
) -> list[str]:
    """`instead` stands where there is no printed number."""
    known = metric(name)
    ours = [plus_minus(_summary(row, f"{protocol}/{name}"), known) for protocol in protocols]
    if not printed:
        return ours
    if verdict is None:
        return [instead, *ours, ABSENT, ABSENT]
    difference = ABSENT if verdict.difference is None else known.difference(known.sign * verdict.difference)
    return [known.number(verdict.claim.value), *ours, difference, verdict.verdict]


def _metric_facts(row: RowResult, name: str, verdict: NumberVerdict | None, protocols: Sequence[str]) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    if verdict is not None:
        facts[f"{name}_printed"] = verdict.claim.value
    for protocol in protocols:
        summary = _summary(row, f"{protocol}/{name}")
        for part in ("mean", "sd", "n"):
            facts[f"{protocol}_{name}_{part}"] = getattr(summary, part) if summary else None
    if verdict is not None:
        facts |= {f"{name}_difference": verdict.difference, f"{name}_tolerance": verdict.tolerance}
        facts |= {f"{name}_verdict": verdict.verdict, f"{name}_reason": verdict.reason}
    return facts | _kind_facts(name)


def _kind_facts(name: str) -> dict[str, Any]:
    """In which unit a metric's numbers are, and which of them are better."""
    known = metric(name)
    return {f"{name}_unit": known.unit.name, f"{name}_better": known.better or "neither"}


def _result_notes(results: Results, printed: bool, metrics: Sequence[str], protocols: Sequence[str]) -> list[str]:
    notes = list(results.notes)
    if results.source == "none":
        notes.append(f"Not run. To run it: mmlib run {results.plan} --profile {results.profile}")
    one, other = (f"of {CHOSEN[protocol]}" for protocol in protocols)
    titles = [PROTOCOL_TITLES[protocol] for protocol in protocols]
    notes.append(f"{_units(metrics)}; mean ± sd (n) over seeds. “{titles[0]}” is {one}, “{titles[1]}” {other}.")
    notes += _directions(metrics)
    if not printed:
        notes.append("The paper’s numbers are not shown: they belong to other data. Here the verdict concerns the "
                     "statements, never the numbers.")  # fmt: skip
    return notes


def _never_judged(claims: Sequence[Claim]) -> list[str]:
    """Which printed numbers stand there without a verdict, and why."""
    tables = {claim.table.title: claim.table.never_judged for claim in claims if claim.table.never_judged}
    return [f"No verdict on {title}: {reason}." for title, reason in tables.items()]


def _units(metrics: Sequence[str]) -> str:
    """ "Percent", or "Percent (Top-1, mAP), number (MAE)" where there are several units."""
    groups: dict[str, list[str]] = {}
    for known in map(metric, metrics):
        groups.setdefault(known.unit.name, []).append(known.title)
    listed = list(groups) if len(groups) == 1 else [f"{unit} ({'; '.join(titles)})" for unit, titles in groups.items()]
    text = ", ".join(listed)
    return text[:1].upper() + text[1:]


def _directions(metrics: Sequence[str]) -> list[str]:
    """A note of which way is better; none where higher is, everywhere."""
    words = {"lower": "Lower is better", "higher": "Higher is better", None: "Neither way is better"}
    found = {better: [known.title for known in map(metric, metrics) if known.better == better] for better in words}
    told = [f"{words[better]}: {'; '.join(titles)}." for better, titles in found.items() if titles]
    return [" ".join(told)] if found["lower"] or found[None] else []


def problems_table(results: Results) -> Table | None:
    """Cells without a number and why, cells of one reason in one line; None where there is none."""
    groups: dict[tuple[str, str], list[Problem]] = {}
    for problem in results.problems:
        groups.setdefault((problem.status, problem.reason), []).append(problem)
    rows = [[status, str(len(cells)), _which(cells, results), reason] for (status, reason), cells in groups.items()]
    columns = [Column("state"), Column("cells", "number"), Column("which"), Column("reason")]
    caption = f"Cells without a result – {results.profile_title}"
    return Table(f"{results.plan}-{results.profile}-problems", caption, columns, rows) if rows else None


def _which(problems: list[Problem], results: Results) -> str:
    """Rows with their seeds; "all rows" where it is all of them."""
    if len(problems) == results.wanted:
        return "all rows, all seeds"
    rows: dict[str, list[str]] = {}
    for problem in problems:
        rows.setdefault(problem.row, []).append(str(problem.seed))
    return "; ".join(f"{row} (seed {' '.join(seeds)})" for row, seeds in rows.items())


def plus_minus(summary: Summary | None, known: Metric, n: bool = True) -> str:
    """ "62.1 ± 0.8 (3)", in the decimals of the metric; one seed has no spread and shows none."""
    if summary is None:
        return ABSENT
    spread = "" if summary.sd is None else f" ± {known.number(summary.sd)}"
    return known.number(summary.mean) + spread + (f" ({summary.n})" if n else "")


def _summary(row: RowResult, key: str) -> Summary | None:
    values = row.values(key)
    return summarise(list(values.values())) if values else None


def _seeds(row: RowResult) -> str:
    found = len(row.records)
    listed = " ".join(map(str, sorted(row.records))) or ABSENT
    return listed + (f" ({found} of {len(row.seeds)})" if 0 < found < len(row.seeds) else "")


def _claims(results: Results, claims: Claims | None) -> list[Claim]:
    return claims.claims(results.plan, results.profile) if claims else []


def _row(results: Results, claim: Claim) -> RowResult:
    return results.rows.get(claim.row.id) or RowResult(claim.row.id, claim.row.label, claim.row.block)
