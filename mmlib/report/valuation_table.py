"""What re-sampling by contributions does: the numbers behind the figures of the plan `valuation`."""

from __future__ import annotations

from typing import Any

from mmlib.analysis.intervals import interval_text
from mmlib.analysis.valuation import ALONE, BASE, ValuationFindings
from mmlib.analysis.words import difference_text
from mmlib.metrics.family import metric
from mmlib.report.render import Column, Table
from mmlib.statistics import PairedDifference, Summary


def valuation_table(found: ValuationFindings, name: str) -> Table:
    """Per method: accuracy, of all modalities and of each with the others at zero, against joint training; the AUC of
    the last epoch; the largest list of an epoch.
    """
    quantities = ["top1", *(ALONE + modality for modality in found.alone)]
    columns = [Column("Method")]
    for quantity in quantities:
        known = metric(quantity)
        columns += [Column(f"{known.title} (%)", "number"), Column("against joint (points)", "number")]
    columns += [Column("AUC, last epoch (%)", "number"), Column("longest list / samples", "number")]
    rows, data = [], []
    for one in found.methods:
        texts: list[str] = [one.name]
        facts: dict[str, Any] = {"method": one.method}
        for quantity in quantities:
            digits = metric(quantity).unit.digits
            known = one.summary(quantity)
            gain = found.gain(one, quantity) if one.method != BASE else None
            texts += ["–" if known is None else interval_text(known, digits)]
            texts += ["–" if gain is None else difference_text(gain, quantity, unit=False)]
            facts |= _facts(quantity, known) | _facts(f"{quantity}_gain", gain)
        texts.append("–" if one.auc is None else interval_text(one.auc, 1))
        longest = max((float((sizes / sizes[0]).max()) for _, _, sizes in one.means.values()), default=None)
        texts.append("–" if longest is None else f"{longest:.2f}")
        rows.append(texts)
        data.append({**facts, **_facts("last_auc", one.auc), "longest_list": longest})
    notes = [
        "Mean and 95 % interval over seeds (Student); differences are paired over seeds. Epochs as chosen on "
        "validation, the AUC of the last one. “only m”: accuracy with all features but m’s at zero.",
        "AUC: chance that a modality that says nothing has the lower contribution, where the data know which it is.",
    ]
    return Table(f"{name}-analysis", f"Re-sampling by contributions – {found.caption}", columns, rows, notes, data)


def _facts(name: str, found: Summary | PairedDifference | None) -> dict[str, float | None]:
    return {f"{name}_{part}": getattr(found, part) if found else None for part in ("mean", "low", "high", "n")}
