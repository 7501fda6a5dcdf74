"""The statements of a paper on one profile: as a table with intervals and verdicts, and as sentences to quote.

A difference is put into words by its metric (`mmlib.metrics.family`): "better" goes the way the statement says.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mmlib.metrics.family import metric
from mmlib.report.render import Column, Table
from mmlib.report.tables import ABSENT, PROTOCOL_TITLES
from mmlib.statistics import summarise
from mmlib.workbook.results import Results
from mmlib.workbook.verdicts import BLOCKED, StatementFamily, StatementVerdict


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
        f"Protocol {PROTOCOL_TITLES[family.protocol]}; “{_word(family, 1)}” goes the way the statement says, "
        f"“{_word(family, 0)}” against it. Differences are paired over common seeds (Student’s interval).",
    ]
    if printed := dict.fromkeys(label.rpartition(" ")[0] for v in family.verdicts for label in v.printed_gain):
        notes.append(f"“paper’s table”: the same difference in its printed numbers, {' / '.join(printed)}.")
    if left_out := family.left_out_text:
        notes.append(left_out)
    return Table(f"{results.plan}-{results.profile}-statements", caption, columns, rows, notes + results.notes, data)


def _word(family: StatementFamily, which: int) -> str:
    """ "better" (1) or "worse" (0), and what metrics without a direction say."""
    return "” or “".join(dict.fromkeys(metric(verdict.metric).words[which] for verdict in family.verdicts))


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
    statement, difference, known = verdict.statement, verdict.difference, metric(verdict.metric)
    printed, interval = ABSENT, ABSENT
    if gains := verdict.printed_gain:
        printed = known.differences(list(gains.values()), more_digits(verdict))
    if difference is not None and difference.low is not None:
        interval = known.interval(difference.low, difference.high)
    return [
        SOURCES[statement.source], statement.text, known.title, printed,
        ABSENT if difference is None else known.difference(difference.mean), interval,
        ABSENT if difference is None else str(difference.n), verdict.verdict, p_text(verdict.p), p_text(verdict.p_holm),
        remark(verdict),
    ]  # fmt: skip


def more_digits(verdict: StatementVerdict) -> int:
    """A mean of several printed differences has one decimal more than they."""
    return int(is_mean(verdict))


def is_mean(verdict: StatementVerdict) -> bool:
    """Whether a statement is about a weighted sum of more than two rows."""
    return len(verdict.statement.rows) > 2 and not verdict.statement.best


def remark(verdict: StatementVerdict) -> str:
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
    known = metric(verdict.metric)
    facts |= {"unit": known.unit.difference, "difference": known.difference(difference.mean) if difference else ""}
    printed = [f"{label}: {known.difference(gain, 1)}" for label, gain in verdict.printed_gain.items()]
    return facts | {"p": verdict.p, "p_holm": verdict.p_holm, "differing": "; ".join(verdict.differing),
                    "printed": "; ".join(printed)}  # fmt: skip


def plain_sentence(verdict: StatementVerdict) -> str:
    """One sentence a reader can quote."""
    difference, known = verdict.difference, metric(verdict.metric)
    if difference is None or difference.low is None:
        return f"{verdict.statement.text}: {verdict.verdict} ({verdict.reason})."
    subject = f"the gain in {known.title}" if is_mean(verdict) else known.title
    rival = f" than that of the rival that decides, {verdict.rival_name}" if verdict.rival else ""
    interval = known.interval(difference.low, difference.high)
    if (margin := verdict.statement.margin) is not None:
        inner = summarise(difference.differences, 0.9)
        return (
            f"{verdict.statement.text}: {verdict.verdict}. Over {difference.n} common seeds {subject} is "
            f"{known.difference(difference.mean)} (90 % interval {known.interval(inner.low, inner.high)}; margin "
            f"{known.amount(margin)}, two one-sided tests)."
        )
    return (
        f"{verdict.statement.text}: {verdict.verdict}. Over {difference.n} common seeds {subject} is "
        f"{known.difference(difference.mean)}{rival} (95 % interval {interval})."
    )


def p_text(p: float | None) -> str:
    return ABSENT if p is None else ("< .001" if p < 0.001 else f"{p:.3f}")
