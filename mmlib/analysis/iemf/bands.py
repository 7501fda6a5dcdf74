"""Curves over epochs, mean and range over seeds: IEMF's coefficient and the accuracy, and one modality alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mmlib.analysis.histories import Entry, curve, read_entries
from mmlib.analysis.iemf.rows import BRANCHES, METHODS, SPIKING
from mmlib.metrics.family import metric
from mmlib.workbook.results import Results

ACCURACY = "test/top1"
"""Curves are compared epoch by epoch and none is chosen, so that looking at test selects nothing."""


@dataclass(frozen=True)
class Band:
    """Mean, lowest and highest over `seeds` runs at every epoch that all of them reached; epochs count from 1."""

    label: str
    epochs: list[int]
    mean: list[float]
    low: list[float]
    high: list[float]
    seeds: int


@dataclass(frozen=True)
class CoefficientCurves:
    """One method: I of each epoch, and accuracy with IEMF and without, in percent."""

    method: str
    name: str
    coefficient: Band
    accuracy: Band
    without: Band | None


@dataclass(frozen=True)
class BranchCurves:
    """One modality trained alone: {how it begins: {seed: accuracy at each epoch, a fraction}}."""

    modality: str
    curves: dict[str, dict[int, list[float | None]]]

    @property
    def sentence(self) -> str:
        """The accuracy of the last epoch, by beginning."""
        known, told = metric("top1"), []
        for label, seeds in self.curves.items():
            ends = [curve[-1] for curve in seeds.values() if curve[-1] is not None]
            mean = known.number(known.scale * sum(ends) / len(ends)) if ends else "not known"
            told.append(f"{label} {mean} ({len(ends)} seed{'' if len(ends) == 1 else 's'})")
        return f"{self.modality} alone, mean Top-1 on test after the last epoch, percent: {', '.join(told)}."


def band(label: str, seeds: Sequence[Sequence[float | None]], scale: float = 1.0) -> Band | None:
    """Over the seeds whose curve has any value; epochs at which one of them has none are left out. None without any."""
    known = [values for values in seeds if any(value is not None for value in values)]
    columns = list(zip(*known, strict=False))  # as far as the shortest
    there = [epoch for epoch, column in enumerate(columns) if None not in column]
    if not there:
        return None
    values = [[scale * value for value in columns[epoch]] for epoch in there]
    means = [sum(column) / len(column) for column in values]
    epochs = [epoch + 1 for epoch in there]
    return Band(label, epochs, means, [min(v) for v in values], [max(v) for v in values], len(known))


def histories(results: Results, row: str) -> dict[int, list[Entry]]:
    """{seed: epochs} of a row's finished runs, without those that left no history."""
    found = results.rows.get(row)
    records = found.records if found else {}
    entries = {
        seed: read_entries(folder)
        for seed, record in sorted(records.items())
        if (folder := results.folders.get(record.cell_id))
    }
    return {seed: epochs for seed, epochs in entries.items() if epochs}


def coefficient_curves(results: Results) -> list[CoefficientCurves]:
    """Every method that ran with IEMF."""
    found, scale = [], metric("top1").scale
    for method, name in (METHODS | SPIKING).items():
        iemf, vanilla = (list(histories(results, f"{method}{suffix}").values()) for suffix in ("-iemf", ""))
        coefficient = band("I", [curve(entries, "k_fusion") for entries in iemf])
        accuracy = band("with IEMF", [curve(entries, ACCURACY) for entries in iemf], scale)
        without = band("without", [curve(entries, ACCURACY) for entries in vanilla], scale)
        if coefficient is not None and accuracy is not None:
            found.append(CoefficientCurves(method, name, coefficient, accuracy, without))
    return found


def branch_curves(results: Results) -> list[BranchCurves]:
    """Audio and visual, as far as they ran: the only stage of a run from scratch, the last of one that goes on."""
    found = []
    for modality in ("audio", "visual"):
        ways = {}
        for key, label in BRANCHES.items():
            runs = histories(results, f"branch-{modality}-{key}")
            seeds = {seed: curve(entries, ACCURACY, entries[-1].get("stage")) for seed, entries in runs.items()}
            ways |= {label: seeds} if seeds else {}
        found += [BranchCurves(modality, ways)] if ways else []
    return found


def coefficient_sentence(curves: Sequence[CoefficientCurves]) -> str:
    """I in the first and in the last epoch, by method."""
    if not curves:
        return "No run with IEMF left its coefficient."
    told = "; ".join(f"{one.name} {one.coefficient.mean[0]:.2f} to {one.coefficient.mean[-1]:.2f}" for one in curves)
    return f"Mean coefficient I on the fusion layer, first to last epoch: {told}."
