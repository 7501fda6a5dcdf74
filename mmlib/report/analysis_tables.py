"""What an analysis found, as a table: the numbers behind its figures, one line per row of the plan."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from mmlib.analysis.correlation import LEVELS, CorrelationResult
from mmlib.analysis.intervals import interval_text
from mmlib.analysis.zeta import MISSED, SERIES_NAMES, ZetaResult
from mmlib.metrics.family import metric
from mmlib.report.avqa_table import avqa_table
from mmlib.report.continual_table import continual_table
from mmlib.report.iemf_table import iemf_table
from mmlib.report.mim_table import mim_table
from mmlib.report.render import Column, Table
from mmlib.report.valuation_table import valuation_table
from mmlib.statistics import Summary


def correlation_table(found: CorrelationResult, name: str) -> Table:
    """Per row: Pearson's r at every level and Spearman's over every step, with intervals over seeds."""
    columns = [
        Column("Row"),
        *(Column(f"r, {title}", "number") for title in LEVELS.values()),
        Column("Spearman, every step", "number"),
        Column("sd ratio", "number"),
    ]
    rows, data = [], []
    for row in found.rows:
        known = {f"pearson_{level}": row.summary(level) for level in LEVELS}
        known["spearman_step"] = row.summary("step", "spearman")
        width = "–" if row.spread is None else f"{row.spread:.2f}"
        rows.append([row.label, *(interval_text(summary) for summary in known.values()), width])
        data.append({"row": row.id, **_numbers(known), "sd_ratio": row.spread, "seeds": len(row.runs)})
    notes = [
        "Mean and 95 % interval over seeds (Fisher's z). sd ratio: spread of ln ρ from ζ over that of ln ρ decoupled."
    ]
    return Table(
        f"{name}-analysis", f"ln ρ from ζ against ln ρ decoupled – {found.caption}", columns, rows, notes, data
    )


def zeta_table(found: ZetaResult, name: str) -> Table:
    """Per target (or true correlation): achieved, held out, scatter of ζ, r and accuracy, with intervals over seeds."""
    top1 = metric("top1")
    quantities = {"achieved": 3, "held_out": 3, "variance": 4, "r": 3, "top1": top1.unit.digits}
    titles = ("achieved", "held out", "var(ζ)", "r (Eq. 6)", f"{top1.title} ({top1.unit.symbol})")
    columns = [Column("Series"), Column("value", "number"), *(Column(title, "number") for title in titles)]
    columns.append(Column("target"))
    rows, data = [], []
    for series in found.names:
        for point in found.series(series):
            known = {quantity: point.summary(quantity) for quantity in quantities}
            known["top1"] = scaled(known["top1"], top1.scale)
            texts = [
                "–" if known[quantity] is None else interval_text(known[quantity], digits)
                for quantity, digits in quantities.items()
            ]
            reached = "" if series == "data" else "missed" if point.missed else "reached"
            rows.append([SERIES_NAMES[series], f"{point.value:g}", *texts, reached])
            data.append({"series": series, "value": point.value, **_numbers(known), "missed": point.missed})
    notes = [
        f"Mean and 95 % interval over seeds, last epoch. A target counts as missed beyond {MISSED:g}. achieved: what "
        "the loss acts on, over the last epoch's steps; held out: maximal correlation found by fresh critics on test."
    ]
    return Table(f"{name}-analysis", f"ζ by correlation – {found.caption}", columns, rows, notes, data)


ANALYSIS_TABLES: dict[str, Callable[[Any, str], Table]] = {
    "correlation": correlation_table,
    "zeta": zeta_table,
    "iemf": iemf_table,
    "continual": continual_table,
    "valuation": valuation_table,
    "mim": mim_table,
    "avqa": avqa_table,
}


def scaled(found: Summary | None, scale: float) -> Summary | None:
    """A summary in another unit."""
    if found is None:
        return None
    parts = {name: getattr(found, name) for name in ("mean", "sd", "low", "high")}
    return replace(found, **{name: None if value is None else scale * value for name, value in parts.items()})


def _numbers(known: dict[str, Summary | None]) -> dict[str, float | None]:
    """Mean and bounds of each, by name."""
    return {
        f"{name}{suffix}": None if summary is None else getattr(summary, part)
        for name, summary in known.items()
        for suffix, part in (("", "mean"), ("_low", "low"), ("_high", "high"))
    }
