"""The tables of a plan: the paper's number beside ours, the statements with their intervals, the cells that failed.

Built from `Results` and `Claims` only. Accuracies are shown in percent, as papers print them. `paper` is the protocol
that reports the epoch that is best on the test set (as most published code does), `clean` selects on validation data
and touches the test set once; both are always shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from mmlib.metrics.names import metric
from mmlib.report.render import Column, Table
from mmlib.statistics import Summary, summarise
from mmlib.workbook.claims import Claim, Claims
from mmlib.workbook.plan import Plan
from mmlib.workbook.results import Problem, Results, RowResult
from mmlib.workbook.verdicts import BLOCKED, NumberVerdict, StatementFamily, StatementVerdict, number_verdict

PROTOCOL_TITLES = {"paper": "best on test", "clean": "clean", "last": "last epoch"}
ABSENT = "–"


def metrics_of(plan: Plan, claims: Claims | None) -> list[str]:
    """The metrics of a plan's table, in its order: the plan's own, else those its claims print, else Top-1 and mAP."""
    table = claims.table_of(plan.name) if claims else None
    printed = list(dict.fromkeys(column.metric for column in table.columns)) if table else ["top1", "map"]
    return plan.metrics or printed


def number_verdicts(results: Results, claims: Claims | None) -> list[NumberVerdict]:
    """A verdict for every printed number the profile answers; none unless the profile is the paper's own."""
    verdicts = (number_verdict(claim, _row(results, claim), results.kind) for claim in _claims(results, claims))
    return [verdict for verdict in verdicts if verdict is not None]


def results_table(
    results: Results,
    claims: Claims | None,
    metrics: Sequence[str] = ("top1", "map"),
    also: Sequence[str] = (),
    heads: Sequence[str] = ("Method", "Variant"),
) -> Table:
    """Rows as in the paper: printed value (kind "paper" only), ours under both protocols, difference, verdict.

    `also` are metrics shown under `clean` alone; `heads` are what blocks and rows are called.
    """
    verdicts = {(v.claim.row.id, v.claim.column.metric): v for v in number_verdicts(results, claims)}
    columns = [*map(Column, heads)]
    for name in metrics:
        columns += _metric_columns(name, bool(verdicts))
    columns += [Column(metric(name).title, "number") for name in also]
    columns += [Column("seeds"), Column("s per run", "number")]
    rows, data = [], []
    for row in results.rows.values():
        texts, facts = [row.block, row.label], {"plan": results.plan, "profile": results.profile, "row": row.id}
        for name in metrics:
            verdict = verdicts.get((row.id, name))
            texts += _metric_texts(row, name, verdict, bool(verdicts))
            facts |= _metric_facts(row, name, verdict)
        for name in also:
            summary = _summary(row, f"clean/{name}")
            facts[f"clean_{name}"] = summary and summary.mean
            texts.append(plus_minus(summary, n=False))
        texts += [_seeds(row), ABSENT if row.wall_seconds() is None else f"{row.wall_seconds():.0f}"]
        facts |= {"seeds": sorted(row.records), "seeds_wanted": row.seeds, "wall_s": row.wall_seconds()}
        rows.append(texts)
        data.append(facts)
    caption = f"{results.title} – {results.profile_title}"
    return Table(
        f"{results.plan}-{results.profile}", caption, columns, rows, _result_notes(results, bool(verdicts)), data
    )


def _metric_columns(name: str, printed: bool) -> list[Column]:
    title = metric(name).title
    ours = [Column(f"{title}, {PROTOCOL_TITLES[protocol]}", "number") for protocol in ("paper", "clean")]
    if not printed:
        return ours
    return [
        Column(f"{title}, printed", "number"), *ours, Column("ours − printed", "number"), Column("verdict", "verdict"),
    ]  # fmt: skip


def _metric_texts(row: RowResult, name: str, verdict: NumberVerdict | None, printed: bool) -> list[str]:
    ours = [plus_minus(_summary(row, f"{protocol}/{name}")) for protocol in ("paper", "clean")]
    if not printed:
        return ours
    if verdict is None:
        return [ABSENT, *ours, ABSENT, ABSENT]
    difference = ABSENT if verdict.difference is None else signed(verdict.difference)
    return [f"{verdict.claim.value:.1f}", *ours, difference, verdict.verdict]


def _metric_facts(row: RowResult, name: str, verdict: NumberVerdict | None) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    if verdict is not None:
        facts[f"{name}_printed"] = verdict.claim.value
    for protocol in ("paper", "clean"):
        summary = _summary(row, f"{protocol}/{name}")
        for part in ("mean", "sd", "n"):
            facts[f"{protocol}_{name}_{part}"] = getattr(summary, part) if summary else None
    if verdict is not None:
        facts |= {f"{name}_difference": verdict.difference, f"{name}_tolerance": verdict.tolerance}
        facts |= {f"{name}_verdict": verdict.verdict, f"{name}_reason": verdict.reason}
    return facts


def _result_notes(results: Results, printed: bool) -> list[str]:
    notes = list(results.notes)
    if results.source == "none":
        notes.append(f"Not run. To run it: mmlib run {results.plan} --profile {results.profile}")
    notes.append("Percent; mean ± sd (n) over seeds. “best on test” is of the epoch that scores best on the test "
                 "set, “clean” of the one that scores best on validation data.")  # fmt: skip
    if not printed:
        notes.append("The paper’s numbers are not shown: they belong to other data. Here the verdict concerns the "
                     "statements, never the numbers.")  # fmt: skip
    return notes


def statements_table(family: StatementFamily, results: Results) -> Table:
    """Every statement tested: the paper's own gap, ours with its interval, verdict, p."""
    columns = [
        Column("Source"), Column("Statement"), Column("Metric"), Column("paper’s table", "number"),
        Column("difference", "number"), Column("95 % interval", "number"), Column("n", "number"),
        Column("verdict", "verdict"), Column("p", "number"), Column("p (Holm)", "number"), Column("Remark"),
    ]  # fmt: skip
    rows = [_statement_texts(verdict) for verdict in family.verdicts]
    data = [_statement_facts(verdict, family) for verdict in family.verdicts]
    caption = f"Statements of {results.title.split(':')[0]} on {results.profile_title}"
    notes = [
        family.warning,
        f"Points of the metric, protocol {PROTOCOL_TITLES[family.protocol]}; positive goes the way the statement says. "
        "Differences are paired over common seeds (Student’s interval).",
    ]
    if printed := dict.fromkeys(label.rpartition(" ")[0] for v in family.verdicts for label in v.printed_gain):
        notes.append(f"“paper’s table”: the same difference in its printed numbers, {' / '.join(printed)}.")
    return Table(f"{results.plan}-{results.profile}-statements", caption, columns, rows, notes + results.notes, data)


SOURCES = {"paper": "the paper’s text", "bold": "bold entries", "ours": "ours, isolating"}


COMPACT = ("Source", "Statement", "verdict", "Metric", "difference", "95 % interval", "n", "paper’s table", "p (Holm)")


def compact_statements(table: Table) -> Table:
    """The columns of the statements that a reader needs first; a remark goes under its statement."""
    titles = [column.title for column in table.columns]
    places = [titles.index(title) for title in COMPACT]
    rows = []
    for row in table.rows:
        texts = [row[place] for place in places]
        texts[1] += f" ({row[-1]})" if row[-1] else ""
        rows.append(texts)
    return replace(table, columns=[table.columns[place] for place in places], rows=rows)


def _statement_texts(verdict: StatementVerdict) -> list[str]:
    statement, difference = verdict.statement, verdict.difference
    printed = ABSENT
    if verdict.printed_gain:
        printed = " / ".join(
            signed(gain, digits=2 if len(statement.rows) > 2 and not statement.best else 1)
            for gain in verdict.printed_gain.values()
        )
    interval = ABSENT
    if difference is not None and difference.low is not None:
        interval = f"{signed(difference.low)} to {signed(difference.high)}"
    remark = _remark(verdict)
    return [
        SOURCES[statement.source], statement.text, metric(verdict.metric).title, printed,
        ABSENT if difference is None else signed(difference.mean), interval,
        ABSENT if difference is None else str(difference.n), verdict.verdict, p_text(verdict.p), p_text(verdict.p_holm),
        remark,
    ]  # fmt: skip


def _remark(verdict: StatementVerdict) -> str:
    """What the other columns do not say: the rival, seeds that did not finish, or why there is no interval."""
    rival = f"against {verdict.rival_name}" if verdict.rival else ""
    if verdict.verdict == BLOCKED:
        return "data missing"
    if verdict.difference is None or verdict.difference.low is None or not verdict.difference.sd:
        return "; ".join(filter(None, (rival, verdict.reason)))
    return "; ".join(filter(None, (rival, verdict.incomplete)))


def _statement_facts(verdict: StatementVerdict, family: StatementFamily) -> dict[str, Any]:
    statement, difference = verdict.statement, verdict.difference
    facts = {
        "statement": statement.id, "text": statement.text, "source": statement.source, "where": statement.where,
        "rows": statement.rows, "profile": family.profile, "protocol": family.protocol, "metric": verdict.metric,
        "verdict": verdict.verdict, "reason": verdict.reason, "rival": verdict.rival,
    }  # fmt: skip
    for name in ("mean", "sd", "low", "high", "n", "seeds"):
        facts[name] = getattr(difference, name) if difference else None
    printed = [f"{label}: {gain:+.2f}" for label, gain in verdict.printed_gain.items()]
    return facts | {"p": verdict.p, "p_holm": verdict.p_holm, "differing": "; ".join(verdict.differing),
                    "printed": "; ".join(printed)}  # fmt: skip


def plain_sentence(verdict: StatementVerdict) -> str:
    """One sentence a reader can quote."""
    difference, title = verdict.difference, metric(verdict.metric).title
    if difference is None or difference.low is None:
        return f"{verdict.statement.text}: {verdict.verdict} ({verdict.reason})."
    rival = f" to the rival that decides ({verdict.rival_name})" if verdict.rival else ""
    low, high = signed(difference.low), signed(difference.high)
    gain = "; positive: lower, which is better" if metric(verdict.metric).better == "lower" else ""
    return (
        f"{verdict.statement.text}: {verdict.verdict}. Over {difference.n} common seeds the {title} difference"
        f"{rival} is {signed(difference.mean)} points (95 % interval {low} to {high}{gain})."
    )


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


def plus_minus(summary: Summary | None, n: bool = True) -> str:
    """ "62.1 ± 0.8 (3)"; one seed has no spread and shows none."""
    if summary is None:
        return ABSENT
    spread = "" if summary.sd is None else f" ± {summary.sd:.1f}"
    return f"{summary.mean:.1f}{spread}" + (f" ({summary.n})" if n else "")


def signed(value: float, digits: int = 1) -> str:
    """A difference with its sign (a true minus); a rounded zero has none."""
    text = f"{abs(value):.{digits}f}"
    return text if float(text) == 0 else ("+" if value > 0 else "−") + text


def p_text(p: float | None) -> str:
    return ABSENT if p is None else ("< .001" if p < 0.001 else f"{p:.3f}")


def _summary(row: RowResult, key: str) -> Summary | None:
    values = row.values(key)
    return summarise(list(values.values())) if values else None


def _seeds(row: RowResult) -> str:
    missing = len(row.seeds) - len(row.records)
    listed = " ".join(map(str, sorted(row.records))) or ABSENT
    return listed + (f" (of {len(row.seeds)})" if missing and row.records else "")


def _claims(results: Results, claims: Claims | None) -> list[Claim]:
    return claims.claims(results.plan, results.profile) if claims else []


def _row(results: Results, claim: Claim) -> RowResult:
    return results.rows.get(claim.row.id) or RowResult(claim.row.id, claim.row.label, claim.row.block)
