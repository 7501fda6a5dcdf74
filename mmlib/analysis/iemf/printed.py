"""The paper's own numbers by data set and row, as the figures lay them over ours."""

from __future__ import annotations

from collections.abc import Mapping

from mmlib.workbook.claims import Claims

SWEEP_DATA = "Kinetics-Sounds"
"""The one data set for which the paper shows ψ and the unimodal losses alone."""

Printed = dict[str, dict[str, float]]
"""{data set: {row: Top-1 in percent}}"""


def printed_numbers(claims: Claims | None, plan: str) -> Printed:
    """Every number that the paper prints for the rows of a plan."""
    found: Printed = {}
    for claim in claims.claims(plan) if claims else []:
        if claim.column.metric == "top1":
            found.setdefault(claim.column.dataset, {})[claim.row.id] = claim.value
    return found


def own_data(claims: Claims | None, plan: str, profile: str) -> str | None:
    """The paper's data set that a profile is about; None where it is about another."""
    names = {claim.column.dataset for claim in (claims.claims(plan, profile) if claims else [])}
    return next(iter(names), None)


def gains(values: Mapping[str, float], suffix: str, methods: Mapping[str, str]) -> dict[str, float]:
    """{method: points that the row `<method><suffix>` gains over `<method>`}, of those that have both."""
    return {
        method: values[f"{method}{suffix}"] - values[method]
        for method in methods
        if method in values and f"{method}{suffix}" in values
    }
