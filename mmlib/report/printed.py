"""What a paper's own numbers say before anything runs: are they whole counts, and do they agree with its statements?"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from mmlib.metrics.family import metric
from mmlib.report.render import Column, Table
from mmlib.workbook.claims import Claims, Statement
from mmlib.workbook.whole_counts import WholeCount, chance, whole_counts


@dataclass(frozen=True)
class PrintedGain:
    """What the paper's own table gives for a statement about two rows, on one data set; above 0 as stated.

    `clips` is the difference in whole samples, None where the test set's size is not known.
    """

    statement: Statement
    label: str
    gain: float
    clips: int | None


def counts_table(claims: Claims, plan: str | None = None) -> Table | None:
    """One line per table and data set: how many numbers are a rounded or a truncated whole count of the test set.

    None where no size is known. Every single number is in the CSV.
    """
    found = whole_counts(claims, plan)
    if not found:
        return None
    columns = [Column("Printed in"), Column("Data"), Column("test set", "number"), Column("one sample", "number"),
               Column("numbers", "number"), Column("rounded", "number"), Column("truncated", "number"),
               Column("no count", "number"), Column("by chance", "number")]  # fmt: skip
    rows = []
    for _, group in groupby(sorted(found, key=_place), key=_place):
        numbers = list(group)
        one, how = numbers[0], [number.how for number in numbers]
        column = one.claim.column
        rows.append([
            one.claim.table.title, column.dataset, f"{one.samples:,}", f"{100 / one.samples:.3f}", str(len(numbers)),
            *(str(how.count(kind)) for kind in ("rounded", "truncated", "impossible")),
            f"{chance(one.samples, column.tolerance.rounding):.0%}",
        ])  # fmt: skip
    notes = [counts_sentence(found), *agreement_sentences(claims, plan)]
    notes += ["one sample: points. by chance: share of all printable numbers that are a rounded whole count."]
    data = [
        {"claim": one.claim.id, "printed": one.claim.value, "count": one.count, "of": one.samples, "how": one.how}
        for one in found
    ]
    return Table(f"{plan or claims.paper.id}-counts", "Printed numbers as whole counts over the test set", columns,
                 rows, notes, data)  # fmt: skip


def counts_sentence(found: list[WholeCount]) -> str:
    """ "All 55 printed numbers are whole counts over the test set: 53 rounded, 2 truncated (...)."""
    fitting = [one for one in found if one.count is not None]
    truncated = [one.text.removesuffix(", truncated") for one in found if one.how == "truncated"]
    impossible = [one.text for one in found if one.how == "impossible"]
    many = f"All {len(found)}" if not impossible else f"{len(fitting)} of {len(found)}"
    told = f"{many} printed numbers are whole counts over the test set: {len(fitting) - len(truncated)} rounded"
    told += f", {len(truncated)} truncated ({'; '.join(truncated)})" if truncated else ""
    return told + (f". Not one: {'; '.join(impossible)}." if impossible else ".")


def printed_gains(claims: Claims, plan: str | None = None) -> list[PrintedGain]:
    """The paper's own differences behind each of its statements that compares two rows."""
    found = []
    for statement in claims.statements:
        table = next(table for table in claims.tables if table.id == statement.table)
        if statement.source != "paper" or len(statement.rows) != 2 or plan not in (None, table.plan):
            continue
        for name in statement.metrics:
            columns = [column for column in table.columns if column.metric == name]
            for label, (gain, *_) in claims.printed_differences(statement, name).items():
                samples = next(column.samples for column in columns if column.label == label)
                clips = None if samples is None else round(gain * samples / metric(name).scale)
                found.append(PrintedGain(statement, label, gain, clips))
    return found


def agreement_sentences(claims: Claims, plan: str | None = None) -> list[str]:
    """For each table: how many of its own differences go against the statement they are given for, and which."""
    told = []
    for table in claims.tables:
        gains = [one for one in printed_gains(claims, plan) if one.statement.table == table.id]
        against = [one for one in gains if one.gain < -1e-9]
        if not gains:
            continue
        which = "; ".join(_against_text(one) for one in against)
        told.append(
            f"{table.title}: {len(against) or 'none'} of its {len(gains)} differences "
            f"{'goes' if len(against) == 1 else 'go'} against its own statement" + (f" ({which})." if which else ".")
        )
    return told


def _against_text(one: PrintedGain) -> str:
    clips = f", {abs(one.clips)} sample{'' if abs(one.clips) == 1 else 's'}" if one.clips is not None else ""
    gain = f"{one.gain:.2f}".replace("-", "−")
    return f"“{one.statement.text}” on {one.label}: {gain}{clips}"


def _place(one: WholeCount) -> tuple[str, str]:
    return one.claim.table.id, one.claim.column.id
