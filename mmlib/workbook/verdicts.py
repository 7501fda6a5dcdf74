"""Verdicts, computed from records and never typed.

Numbers (only where the profile is the paper's own recipe on the paper's data), with d = |ours - printed|:
  reproduced          d <= max(rounding, min(reproduced_sd * sd, cap))
  within seed noise   d <= max(rounding, noise_sd * sd)
  not reproduced      d larger
Statements (any profile), with the 95 % interval of the difference, paired over common seeds:
  holds               the interval lies on the stated side of zero (better, by the direction of its metric)
  contradicted        the interval lies on the other side
  within seed noise   the interval contains zero
Statements with a margin say that two rows do equally well; two one-sided tests (TOST) ask whether the difference is
smaller than the margin:
  holds               the 90 % interval lies within the margin, both ways
  contradicted        the 95 % interval lies beyond the margin
  within seed noise   neither
Both: not run, blocked, "one seed: undecided" (one seed has no interval), "no verdict" (classes missing, other data).

Records made from different data are never compared: `DifferentDataError` says which.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from mmlib.errors import UsageError
from mmlib.metrics.family import metric
from mmlib.record import Record
from mmlib.statistics import PairedDifference, Summary, contrast, holm, summarise
from mmlib.workbook.claims import Claim, Claims, Statement
from mmlib.workbook.deciding import CONTRADICTED, HOLDS, NOISE, ONE_SEED, decide, decide_equivalence
from mmlib.workbook.results import Results, RowResult

REPRODUCED, NOT_REPRODUCED = "reproduced", "not reproduced"
NOT_RUN, BLOCKED, NO_VERDICT = "not run", "blocked", "no verdict"

NUMBER_VERDICTS = (REPRODUCED, NOISE, NOT_REPRODUCED, ONE_SEED, NO_VERDICT, BLOCKED, NOT_RUN)
STATEMENT_VERDICTS = (HOLDS, CONTRADICTED, NOISE, ONE_SEED, NO_VERDICT, BLOCKED, NOT_RUN)

_RUNTIME = {"data_root", "data_store", "device", "loader_workers", "output", "seed"}


class DifferentDataError(UsageError):
    """Two records that are to be compared were made from different data."""


@dataclass(frozen=True)
class NumberVerdict:
    """One printed number against ours, in the unit of its metric; `difference` is ours minus printed."""

    claim: Claim
    protocol: str
    verdict: str
    reason: str
    ours: Summary | None = None
    difference: float | None = None
    tolerance: float | None = None


@dataclass(frozen=True)
class StatementVerdict:
    """One statement on one metric and profile. `difference` in the metric's unit, above 0 where it is better: where it
    goes the stated way.

    For "best of" statements `difference` is to the rival that decides: `rival` is its row, `rival_name` its name.
    """

    statement: Statement
    metric: str
    protocol: str
    verdict: str
    reason: str
    difference: PairedDifference | None = None
    rival: str | None = None
    rival_name: str = ""
    p: float | None = None
    p_holm: float | None = None
    differing: tuple[str, ...] = ()
    incomplete: str = ""
    printed: Mapping[str, list[float]] = field(default_factory=dict)

    @property
    def printed_gain(self) -> dict[str, float]:
        """What the paper's own table gives, by column: the contrast, or the gap to the closest rival."""
        return {label: min(values) for label, values in self.printed.items()}


@dataclass(frozen=True)
class StatementFamily:
    """All statements tested together on one profile, so that their number can be weighed."""

    profile: str
    protocol: str
    confidence: float
    verdicts: list[StatementVerdict]
    left_out: tuple[Statement, ...] = ()
    """Statements about rows that the profile does not have."""

    @property
    def left_out_text(self) -> str:
        """How many were left out and why; empty where none was."""
        if not (count := len(self.left_out)):
            return ""
        subject = f"{count} statements are" if count > 1 else "1 statement is"
        return f"{subject} left out: about rows that are not part of this setting."

    @property
    def tested(self) -> int:
        """Statements for which there was an interval."""
        return sum(verdict.verdict in (HOLDS, CONTRADICTED, NOISE) for verdict in self.verdicts)

    @property
    def expected_by_chance(self) -> float:
        """How many verdicts other than "within seed noise" chance alone would give, were no row different."""
        return self.tested * (1 - self.confidence)

    @property
    def warning(self) -> str:
        """One honest sentence about testing many statements."""
        if not self.tested:
            return "No statement could be tested."
        return (
            f"{self.tested} comparisons were each tested at {self.confidence:.0%}: if no row differed from another, "
            f"up to about {self.expected_by_chance:.1f} of them would come out as “holds” or “contradicted” by chance. "
            f"The Holm-adjusted p allows for their number."
        )


def check_same_data(records: Iterable[Record]) -> None:
    """Refuse to compare records from different data manifests, splits or data sets (`DifferentDataError`)."""
    first: Record | None = None
    for record in records:
        if first is None:
            first = record
            continue
        for what, one, other in (
            ("data sets", first.parameters.get("dataset"), record.parameters.get("dataset")),
            ("data manifests", first.hashes.data, record.hashes.data),
            ("split sizes", first.splits, record.splits),
            ("classes", first.coverage, record.coverage),
            ("origins of the data", first.data_origin, record.data_origin),
        ):
            if one != other:
                short = [value[:8] if isinstance(value, str) else value for value in (one, other)]
                raise DifferentDataError(
                    f"refused to compare {first.cell_id} with {record.cell_id}: different {what} ({short[0]} and "
                    f"{short[1]}). Run both again on the same prepared data."
                )


def number_verdict(claim: Claim, row: RowResult, kind: str, protocol: str | None = None) -> NumberVerdict | None:
    """Verdict on one printed number; None unless `kind` is "paper". `protocol` defaults to the claim's own rule."""
    if kind != "paper":
        return None
    protocol = protocol or claim.column.selection.protocol
    values = row.values(f"{protocol}/{claim.column.metric}")
    if reason := claim.table.never_judged:
        return NumberVerdict(claim, protocol, NO_VERDICT, reason, summarise(list(values.values())) if values else None)
    if not values:
        return NumberVerdict(claim, protocol, *_absent([row]))
    ours = summarise(list(values.values()))
    difference = ours.mean - claim.value
    try:
        check_same_data(row.records.values())
    except DifferentDataError as error:
        return NumberVerdict(claim, protocol, NO_VERDICT, str(error), ours, difference)
    if any(record.data_origin == "stand-in" for record in row.records.values()):
        reason = f"made on a generated stand-in, not on {claim.column.dataset}"
        return NumberVerdict(claim, protocol, NO_VERDICT, reason, ours, difference)
    if missing := _missing_classes(row, claim.column.classes):
        return NumberVerdict(claim, protocol, NO_VERDICT, missing, ours, difference)
    if ours.sd is None:
        reason = "one seed has no spread, so closeness cannot be judged"
        return NumberVerdict(claim, protocol, ONE_SEED, reason, ours, difference)
    verdict, tolerance, reason = _judge(abs(difference), ours.sd, claim)
    return NumberVerdict(claim, protocol, verdict, _joined(reason, _partial([row])), ours, difference, tolerance)


def _judge(distance: float, sd: float, claim: Claim) -> tuple[str, float, str]:
    rule = claim.column.tolerance
    close = max(rule.rounding, min(rule.reproduced_sd * sd, rule.cap))
    noise = max(rule.rounding, rule.noise_sd * sd)
    known = metric(claim.column.metric)
    apart, near, far = f"{known.amount(distance, 1)} apart", known.number(close, 1), known.number(noise, 1)
    # Both numbers carry binary rounding of their decimals: 64.05 - 64.0 is not exactly .05.
    if distance <= close + 1e-9:
        return REPRODUCED, close, f"{apart}, tolerance {near}"
    if distance <= noise + 1e-9:
        return NOISE, close, f"{apart}, more than {near} but within {rule.noise_sd:g} sd"
    return NOT_REPRODUCED, close, f"{apart}, more than {rule.noise_sd:g} sd ({far})"


def _missing_classes(row: RowResult, classes: int | None) -> str:
    for record in row.records.values():
        for split, present in record.coverage.items():
            if classes is not None and present < classes:
                return f"only {present} of the {classes} classes occur in the {split} split"
    return ""


def judge_statements(
    claims: Claims, results: Results, protocol: str = "clean", confidence: float = 0.95
) -> StatementFamily:
    """Every statement that the plan of `results` can test, with Holm-adjusted p over all of them.

    Data of our own are asked for the metrics that they have: classes alone have no error of a score. Statements about
    rows that the profile does not have are left out.
    """
    own = results.kind != "paper"
    stated = claims.statements_of(results.plan)
    testable = [statement for statement in stated if set(statement.rows) <= set(results.rows)]
    verdicts = [
        replace(
            statement_verdict(statement, name, results, protocol, confidence),
            printed=claims.printed_differences(statement, name),
        )
        for statement in testable
        for name in (results.measured(statement.metrics) if own else statement.metrics)
    ]
    adjusted = holm([verdict.p for verdict in verdicts])
    verdicts = [replace(verdict, p_holm=p) for verdict, p in zip(verdicts, adjusted, strict=True)]
    left_out = tuple(statement for statement in stated if statement not in testable)
    return StatementFamily(results.profile, protocol, confidence, verdicts, left_out)


def statement_verdict(
    statement: Statement, name: str, results: Results, protocol: str = "clean", confidence: float = 0.95
) -> StatementVerdict:
    """Verdict on one statement and metric: its contrast(s), paired over the seeds that all its rows ran."""
    rows = [results.rows[row] for row in statement.rows]
    key, sign = f"{protocol}/{name}", metric(name).sign
    values = {row.id: row.values(key) for row in rows}
    if absent := [row for row in rows if not values[row.id]]:
        return StatementVerdict(statement, name, protocol, *_absent(absent))
    records = [record for row in rows for record in row.records.values()]
    try:
        check_same_data(records)
    except DifferentDataError as error:
        return StatementVerdict(statement, name, protocol, NO_VERDICT, str(error))
    differences = [
        contrast([(sign * weight, values[row]) for row, weight in weights.items()], confidence)
        for weights in statement.contrasts
    ]
    if any(difference is None for difference in differences):
        reason = "the rows have no seed in common: nothing can be paired"
        return StatementVerdict(statement, name, protocol, NO_VERDICT, reason)
    if statement.margin is not None:
        verdict, reason, p = decide_equivalence(differences[0], statement.margin, confidence)
        decisive = 0
    else:
        verdict, reason, p, decisive = decide(differences, confidence)
    rival = statement.better_than[decisive] if statement.better_than else None
    return StatementVerdict(
        statement, name, protocol, verdict, _joined(reason, _partial(rows)), differences[decisive], p=p,
        incomplete=_partial(rows),
        rival=rival, rival_name=next((f"{row.block}, {row.label}" for row in rows if row.id == rival), ""),
        differing=_differing_parameters(rows, statement.contrasts[decisive]),
    )  # fmt: skip


def _absent(rows: Sequence[RowResult]) -> tuple[str, str]:
    """(verdict, reason) for rows without a number."""
    problems = [problem for row in rows for problem in row.problems]
    if blocked := [problem for problem in problems if problem.status == "blocked"]:
        return BLOCKED, blocked[0].reason
    names = ", ".join(row.id for row in rows)
    if problems:
        return NOT_RUN, f"{names}: {problems[0].status} ({problems[0].reason})"
    if any(row.records for row in rows):
        return NO_VERDICT, f"{names}: the metric does not exist in the records"
    return NOT_RUN, f"no finished cell of {names}"


def _partial(rows: Sequence[RowResult]) -> str:
    """A remark where some of the seeds asked for gave no number."""
    short = [f"{row.id}: {len(row.records)} of {len(row.seeds)}" for row in rows if len(row.records) < len(row.seeds)]
    return f"not all seeds finished ({', '.join(short)})" if short else ""


def _joined(*parts: str) -> str:
    return "; ".join(part for part in parts if part)


def _differing_parameters(rows: Sequence[RowResult], weights: Mapping[str, float]) -> tuple[str, ...]:
    """The parameters in which two compared rows differ, as "zeta: half → learned"; empty for longer contrasts."""
    if len(weights) != 2:
        return ()
    before, after = sorted(weights, key=lambda row: weights[row])
    found = {row.id: next(iter(row.records.values())).parameters for row in rows if row.id in weights}
    names = sorted((set(found[before]) | set(found[after])) - _RUNTIME)
    pairs = [(name, found[before].get(name), found[after].get(name)) for name in names]
    return tuple(f"{name}: {_plain(one)} → {_plain(other)}" for name, one, other in pairs if one != other)


def _plain(value: object) -> str:
    return (
        {True: "on", False: "off", None: "none"}.get(value, str(value))
        if isinstance(value, bool | None)
        else str(value)
    )
