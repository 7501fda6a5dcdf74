"""What the records say of each method that a claims file names, plan by plan and data set by data set.

A method's statements compare rows with it to rows without it. Their contrasts are averaged seed by seed, so that one
paired difference says by how much the method helps. It is asked of it whether it is zero (Student), and whether it is
smaller than the method's margin (two one-sided tests).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mmlib.metrics.family import metric
from mmlib.statistics import PairedDifference, contrast, equivalence_p
from mmlib.workbook.claims import Claims
from mmlib.workbook.results import Results
from mmlib.workbook.statement import Method, Statement
from mmlib.workbook.verdicts import DifferentDataError, check_same_data


@dataclass(frozen=True)
class Source:
    """A record that a conclusion rests on, and the weight of its metric in the difference."""

    cell: str
    row: str
    seed: int
    weight: float


@dataclass(frozen=True)
class Conclusion:
    """One method on one profile of a plan: the mean of its comparisons. `difference` is in the metric's unit, above 0
    where the method is better; None where no comparison can be made, and `reason` says why.

    `statements` are those averaged, `missing` those whose rows did not run. `weights` are the rows' in the difference.
    """

    method: Method
    plan: str
    profile: str
    metric: str
    protocol: str
    statements: tuple[str, ...]
    missing: tuple[str, ...] = ()
    weights: Mapping[str, float] = field(default_factory=dict)
    difference: PairedDifference | None = None
    p_equal: float | None = None
    reason: str = ""
    sources: tuple[Source, ...] = ()


def conclude(claims: Claims, results: Results, protocol: str = "clean", confidence: float = 0.95) -> list[Conclusion]:
    """One conclusion per method that the plan of `results` has statements of, and per metric that these name first."""
    here = {statement.id: statement for statement in claims.statements_of(results.plan)}
    found = []
    for method in claims.methods:
        mine = [here[name] for name in method.statements if name in here]
        for name in dict.fromkeys(statement.metrics[0] for statement in mine):
            those = [statement for statement in mine if statement.metrics[0] == name]
            found.append(_conclusion(method, name, those, results, protocol, confidence))
    return found


def _conclusion(
    method: Method, name: str, statements: list[Statement], results: Results, protocol: str, confidence: float
) -> Conclusion:
    key, sign = f"{protocol}/{name}", metric(name).sign
    values = {row.id: row.values(key) for row in results.rows.values()}
    ran = [one for one in statements if all(values.get(row) for row in one.rows)]
    rest = tuple(one.id for one in statements if one not in ran)
    names = tuple(one.id for one in ran)
    if not ran:
        return Conclusion(method, results.plan, results.profile, name, protocol, names, rest, reason="not run")
    weights = averaged(ran)
    try:
        for one in ran:  # each by itself: of two methods one may keep exemplars, which are a split of their own
            check_same_data(record for row in one.rows for record in results.rows[row].records.values())
    except DifferentDataError as error:
        return Conclusion(
            method, results.plan, results.profile, name, protocol, names, rest, weights, reason=str(error)
        )
    difference = contrast([(sign * weight, values[row]) for row, weight in weights.items()], confidence)
    if difference is None:
        reason = "the rows have no seed in common: nothing can be paired"
    elif difference.n < 2:
        reason = "one common seed: a difference has no interval"
    else:
        reason = "" if difference.p is not None else "no spread between seeds, so an interval has no meaning"
    sources = tuple(
        Source(results.rows[row].records[seed].cell_id, row, seed, sign * weight)
        for row, weight in weights.items()
        for seed in (difference.seeds if difference else ())
    )
    equal = equivalence_p(difference, method.margin) if difference and difference.n > 1 else None
    return Conclusion(
        method, results.plan, results.profile, name, protocol, names, rest, weights, difference, equal, reason, sources
    )


def averaged(statements: list[Statement]) -> dict[str, float]:
    """The rows' weights in the mean of the statements' contrasts; rows that cancel are left out."""
    total: dict[str, float] = {}
    for statement in statements:
        for row, weight in (statement.contrast or {}).items():
            total[row] = total.get(row, 0.0) + weight / len(statements)
    return {row: weight for row, weight in total.items() if abs(weight) > 1e-12}
