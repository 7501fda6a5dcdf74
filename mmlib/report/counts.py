"""How many cells there are and how they ended: the one count of the report, whichever page says it.

A cell is one run, known by its id. Plans share some: together they count once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mmlib.workbook.results import Results

NOT_BEGUN = "missing"


@dataclass(frozen=True)
class CellCount:
    """`wanted` = `finished` + `failed` + `blocked` + `not_run`. `reference`: records shown instead of runs."""

    wanted: int
    finished: int
    failed: int
    blocked: int
    reference: int

    @property
    def not_run(self) -> int:
        return self.wanted - self.finished - self.failed - self.blocked

    @property
    def text(self) -> str:
        """ "42 of 48 cells finished here, 3 failed; 25 reference records shown"."""
        told = f"{self.finished} of {self.wanted} cells finished here"
        told += "".join(
            f", {number} {name}" for number, name in ((self.failed, "failed"), (self.blocked, "blocked")) if number
        )
        return told + (f"; {self.reference} committed reference records shown" if self.reference else "")


def count(results: Iterable[Results]) -> CellCount:
    """The cells of some plans and profiles, each once."""
    states: dict[str, str] = {}
    reference: set[str] = set()
    for each in results:
        for cell in each.folders:
            states.setdefault(cell, NOT_BEGUN)
        for problem in each.problems:
            if problem.cell and problem.status != NOT_BEGUN:
                states[problem.cell] = "blocked" if problem.status == "blocked" else "failed"
        for record in each.records:
            if each.source == "runs":
                states[record.cell_id] = "finished"
            else:
                reference.add(record.cell_id)
    ended = list(states.values())
    return CellCount(len(ended), ended.count("finished"), ended.count("failed"), ended.count("blocked"), len(reference))
