"""What MIM's gates keep: the numbers behind the figure of the plan `mim`."""

from __future__ import annotations

from typing import Any

from mmlib.analysis.intervals import interval_text
from mmlib.analysis.mim import GAP, KEEP, PROTOCOLS, RATE, MimFindings
from mmlib.metrics.family import metric
from mmlib.report.render import Column, Table


def mim_table(found: MimFindings, name: str) -> Table:
    """Per row and modality: share of gates open, and where noise steps are known the gaps at the chosen and at the last
    epoch and that of the probabilities.
    """
    columns = [Column("Row"), Column("Modality"), Column("gates open (%)", "number")]
    if found.noisy:
        columns += [Column(f"gate gap, {words} (points)", "number") for words in PROTOCOLS.values()]
        columns.append(Column(f"{metric(KEEP + found.noisy[0]).title.partition(',')[0]} (points)", "number"))
    rows, data = [], []
    for one in found.rows:
        for modality in found.modalities:
            known = {"rate": one.summary(RATE + modality)}
            if found.noisy:
                known |= {f"gap_{protocol}": one.summary(GAP + modality, protocol) for protocol in PROTOCOLS}
                known["keep_gap"] = one.summary(KEEP + modality)
            texts = [
                "–" if s is None else interval_text(s, 1, "" if part == "rate" else "+") for part, s in known.items()
            ]
            rows.append([one.name, modality, *texts])
            facts: dict[str, Any] = {"row": one.row, "modality": modality}
            for part, summary in known.items():
                facts |= {f"{part}_{end}": getattr(summary, end) if summary else None
                          for end in ("mean", "low", "high", "n")}  # fmt: skip
            data.append(facts)
    notes = [
        "Mean and 95 % interval over seeds (Student), test samples. Epochs as chosen on validation where none is named."
    ]
    if found.noisy:
        notes.append(
            "Gate gap: share of signal steps kept minus that of noise steps; above 0, gates do what they are for. "
            "P(open): the same of the probability of an open gate over its noise."
        )
    return Table(f"{name}-analysis", f"What gates keep – {found.caption}", columns, rows, notes, data)
