"""How long cells will take, judged by records, so that a plan's cost is known before it runs.

In this order: earlier runs of the cell's own row; where the committed reference result has the row, its time, scaled
by how much faster or slower other rows ran here than there; other rows of the same plan and profile, then rows of
other plans with the same notebook and profile; the reference as it is, of whatever machine made it. What trains is
scaled by the number of epochs, the rest (start, figures) is not.

A time is that of one cell while others ran beside it, as in the run it comes from.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from statistics import fmean, median
from typing import Any, Literal, NamedTuple

from mmlib.errors import UsageError
from mmlib.record import Record, read_record
from mmlib.workbook.cell import Cell
from mmlib.workbook.reference import load_reference
from mmlib.workbook.state import CellState

Basis = Literal["row", "other rows", "reference"]
BASES: dict[str, str] = {
    "row": "from earlier runs",
    "other rows": "from other rows",
    "reference": "from reference, another machine",
}

SHORTEST = 0.5
"""Seconds; a record's times are whole ones."""


@dataclass(frozen=True)
class Estimate:
    """Seconds of one cell, and what they rest on."""

    seconds: float
    basis: Basis


@dataclass
class Total:
    """What several cells take together, one after another; `unknown` of them have no estimate."""

    seconds: float = 0.0
    cells: int = 0
    unknown: int = 0
    bases: list[Basis] = field(default_factory=list)

    def add(self, estimate: Estimate | None) -> None:
        self.cells += 1
        if estimate is None:
            self.unknown += 1
            return
        self.seconds += estimate.seconds
        if estimate.basis not in self.bases:
            self.bases.append(estimate.basis)


class Took(NamedTuple):
    """Seconds of one run: what its training took, how many epochs were asked for, and all the rest."""

    training: float
    rest: float
    epochs: float | None

    def of(self, epochs: float | None) -> float:
        """The same with another number of epochs."""
        return self.rest + self.training * (epochs / self.epochs if epochs and self.epochs else 1.0)


def took(record: Record) -> Took | None:
    """What a finished run took; None for others, and where its record does not say."""
    if not record.done:
        return None
    training = record.wall_s or 0.0
    try:
        whole = (datetime.fromisoformat(record.ended) - datetime.fromisoformat(record.started)).total_seconds()
        whole = max(SHORTEST, whole)
    except (ValueError, TypeError):  # no times, or one with and one without a time zone
        if not training:
            return None
        whole = 0.0
    # A run that was resumed began before `started`: only its own clock counts all of it.
    return Took(training, max(0.0, whole - training), _epochs(record.parameters))


def _epochs(parameters: Mapping[str, Any]) -> float | None:
    epochs = parameters.get("epochs")
    return float(epochs) if isinstance(epochs, int | float) and epochs > 0 else None


class Times:
    """Estimates from the records it was shown. `reference`: the folder of committed reference results."""

    def __init__(self, reference: Path | None = None) -> None:
        self.reference = reference
        self._rows: dict[tuple[str, str], dict[str, list[Took]]] = {}
        self._notebooks: dict[tuple[str, str], set[tuple[str, str]]] = {}
        self._summaries: dict[str, Took] = {}
        self._references: dict[tuple[str, str], dict[str, Took]] = {}

    def learn(self, states: Iterable[CellState]) -> None:
        """Take the times of cells whose records were read."""
        for state in states:
            if state.record is not None:
                self._note(state.cell, state.record)

    def read(self, cells: Iterable[Cell]) -> None:
        """Read the records of further cells, which are only to say how long others take."""
        for cell in cells:
            record, _ = read_record(cell.folder)
            if record is not None:
                self._note(cell, record)

    def _note(self, cell: Cell, record: Record) -> None:
        known = took(record)
        if known is None:
            return
        if cell.kind == "summary":
            self._summaries[cell.id] = known
            return
        place = (cell.plan or "", cell.profile or "")
        self._rows.setdefault(place, {}).setdefault(cell.row or "", []).append(known)
        self._notebooks.setdefault((cell.notebook, place[1]), set()).add(place)

    def of(self, cell: Cell) -> Estimate | None:
        """What a whole run of a cell will take; None where no record says anything of it."""
        if cell.kind == "summary":
            known = self._summaries.get(cell.id)
            return Estimate(known.of(None), "row") if known else None
        epochs = _epochs({"epochs": getattr(cell.parameters, "epochs", None)})
        place, row = (cell.plan or "", cell.profile or ""), cell.row or ""
        here = self._rows.get(place, {})
        if row in here:
            return Estimate(_typical(here[row], epochs), "row")
        there = self._reference(*place)
        if row in there:
            common = here.keys() & there.keys()
            measured = sum(_typical(here[name], there[name].epochs) for name in common)
            pace = measured / sum(there[name].of(None) for name in common) if common else 1.0
            return Estimate(pace * there[row].of(epochs), "other rows" if common else "reference")
        alike = [place] if here else sorted(self._notebooks.get((cell.notebook, place[1]), ()))
        if others := [_typical(runs, epochs) for each in alike for runs in self._rows[each].values()]:
            return Estimate(fmean(others), "other rows")
        return Estimate(fmean(one.of(epochs) for one in there.values()), "reference") if there else None

    def left(self, state: CellState) -> Estimate | None:
        """What is still to do of a cell that is to run: all, or the epochs that an interrupted run had not done."""
        whole = self.of(state.cell)
        return whole and Estimate(whole.seconds * state.left, whole.basis)

    def total(self, states: Iterable[CellState]) -> Total:
        """What these cells take together. Summaries without an estimate take seconds, and are not counted."""
        found = Total()
        for state in states:
            estimate = self.left(state)
            if estimate is not None or state.cell.kind == "run":
                found.add(estimate)
        return found

    def _reference(self, plan: str, profile: str) -> dict[str, Took]:
        """Times of the committed reference result, by row; none where there is none to read."""
        if (plan, profile) not in self._references:
            self._references[plan, profile] = _reference_rows(self.reference, plan, profile)
        return self._references[plan, profile]


def _reference_rows(folder: Path | None, plan: str, profile: str) -> dict[str, Took]:
    try:
        reference = load_reference(folder, plan, profile) if folder is not None else None
    except (UsageError, OSError):
        return {}
    rows: dict[str, list[Took]] = {}
    for record in reference.records if reference else ():
        if known := took(record):
            rows.setdefault(record.row or "", []).append(known)
    return {row: sorted(runs, key=lambda run: run.of(None))[len(runs) // 2] for row, runs in rows.items()}


def _typical(runs: list[Took], epochs: float | None) -> float:
    """The median over runs: one that waited for a machine that slept says nothing."""
    return median(run.of(epochs) for run in runs)
