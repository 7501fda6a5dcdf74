"""What IEMF does to each method of continual learning: the numbers behind the figures."""

from __future__ import annotations

from typing import Any

from mmlib.analysis.continual import ACCURACY, FORGETTING, VARIANTS, ContinualFindings
from mmlib.analysis.intervals import interval_text
from mmlib.analysis.words import difference_text
from mmlib.metrics.family import metric
from mmlib.report.render import Column, Table

SHOWN = {ACCURACY: True, FORGETTING: True, "last_class_acc": False}
"""Quantity -> whether its difference to the method without is shown; every difference is in the CSV."""


def continual_table(found: ContinualFindings, name: str) -> Table:
    """Per method and variant: accuracies and forgetting, and the difference to the same method without IEMF."""
    columns = [Column("Method"), Column("IEMF")]
    for quantity, compared in SHOWN.items():
        known = metric(quantity)
        columns += [Column(f"{known.title} ({known.unit.symbol or known.unit.name})", "number")]
        columns += [Column("against without (points)", "number")] if compared else []
    rows, data = [], []
    for one in found.methods:
        for suffix, label in VARIANTS.items():
            if suffix not in one.values:
                continue
            texts, facts = [one.name, label], {"method": one.method, "variant": label}
            for quantity, compared in SHOWN.items():
                known, gain = one.summary(suffix, quantity), one.gain(suffix, quantity) if suffix else None
                digits = metric(quantity).unit.digits
                texts += ["–" if known is None else interval_text(known, digits)]
                texts += ["–" if gain is None else difference_text(gain, quantity, unit=False)] if compared else []
                facts |= _facts(quantity, known) | _facts(f"{quantity}_gain", gain)
            rows.append(texts)
            data.append(facts)
    notes = [
        "Mean and 95 % interval over seeds (Student); differences are paired over seeds. Networks as chosen on "
        "validation in each step, as published. Forgetting: lower is better.",
        "unimodal losses: the losses of the modalities' heads that come with IEMF, without its coefficient and noise.",
    ]
    return Table(f"{name}-analysis", f"Continual learning without and with IEMF – {found.caption}", columns, rows,
                 notes, data)  # fmt: skip


def _facts(name: str, found: Any) -> dict[str, float | None]:
    return {f"{name}_{part}": getattr(found, part) if found else None for part in ("mean", "low", "high", "n")}
