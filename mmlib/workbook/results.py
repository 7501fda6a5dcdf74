"""What there is for one plan and profile: its rows, and for each the records of the seeds that finished.

Everything downstream (verdicts, tables, figures, report) reads this and nothing else. Where no cell of a profile has
finished, the committed reference result (outputs/reference/<plan>-<profile>.json) stands in, and says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from mmlib.errors import UsageError
from mmlib.metrics.family import metric
from mmlib.record import RECORD_FILE, Record, read_record
from mmlib.seal import altered
from mmlib.workbook.cell import Cell, more_seeds
from mmlib.workbook.fingerprint import Fingerprints, why_stale
from mmlib.workbook.plan import Comparison, Plan
from mmlib.workbook.reference import arrays_path, arrays_problem, load_reference

Kind = Literal["embedded", "small", "paper"]


@dataclass(frozen=True)
class Problem:
    """A cell that gave no number, and why."""

    row: str
    seed: int | None
    status: str
    reason: str
    cell: str = ""


@dataclass
class RowResult:
    """One row of a plan: the finished records by seed."""

    id: str
    label: str
    block: str
    seeds: list[int] = field(default_factory=list)
    records: dict[int, Record] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def values(self, key: str) -> dict[int, float]:
        """{seed: value} of a metric such as "clean/top1", without seeds that have none; in the unit it is shown in."""
        scale = metric(key).scale
        found = {seed: record.metrics.get(key) for seed, record in sorted(self.records.items())}
        return {seed: scale * value for seed, value in found.items() if value is not None}

    def epochs(self, protocol: str) -> list[int]:
        """The epochs a protocol selected, by seed."""
        chosen = (record.selection.get(protocol) for _, record in sorted(self.records.items()))
        return [selection.epoch for selection in chosen if selection and selection.epoch is not None]

    def wall_seconds(self) -> float | None:
        """Mean wall time of a cell of this row."""
        times = [record.wall_s for record in self.records.values() if record.wall_s is not None]
        return sum(times) / len(times) if times else None


@dataclass
class Results:
    """The rows of one plan and profile, in the plan's order. `source` says where the records come from."""

    plan: str
    profile: str
    title: str
    profile_title: str
    kind: Kind
    rows: dict[str, RowResult]
    source: Literal["runs", "reference", "none"] = "none"
    notes: list[str] = field(default_factory=list)
    folders: dict[str, Path] = field(default_factory=dict)
    comparisons: list[Comparison] = field(default_factory=list)
    curves: list[str] = field(default_factory=list)
    """Rows whose training curves the plan wants drawn."""

    @property
    def records(self) -> list[Record]:
        return [record for row in self.rows.values() for _, record in sorted(row.records.items())]

    @property
    def problems(self) -> list[Problem]:
        return [problem for row in self.rows.values() for problem in row.problems]

    @property
    def seeds(self) -> list[int]:
        return sorted({seed for row in self.rows.values() for seed in row.records})

    @property
    def seeds_text(self) -> str:
        """ "3 seeds (0, 1, 2)", or "3 to 5 seeds a row (of 0, 1, 2, 3, 4)" where some rows were run with more."""
        seeds = self.seeds
        if not seeds:
            return "no seeds"
        listed = ", ".join(map(str, seeds))
        counts = sorted({len(row.records) for row in self.rows.values() if row.records})
        if counts != [len(seeds)]:
            number = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
            return f"{number} seed{'' if number == '1' else 's'} a row (of {listed})"
        return f"{len(seeds)} seed{'s' if len(seeds) > 1 else ''} ({listed})"

    def measured(self, metrics: Sequence[str]) -> list[str]:
        """Those of `metrics` that some record has; all where nothing ran, or nothing of them was measured.

        A plan names the metrics of all its profiles; the data of one may have no use for some (no score to regress).
        """
        values = [item for record in self.records for item in record.metrics.items()]
        known = {key.split("/")[-1] for key, value in values if value is not None}
        return [name for name in metrics if name in known] or list(metrics)

    @property
    def wanted(self) -> int:
        """How many cells the plan asks for."""
        return sum(len(row.seeds) for row in self.rows.values())

    @property
    def dataset(self) -> str:
        """The data set's name as the runs resolved it, or the profile's title where nothing ran."""
        names = sorted({str(record.parameters.get("dataset", "")) for record in self.records} - {""})
        return ", ".join(names) or self.profile


def collect(
    plan: Plan,
    profile: str,
    outputs: str | Path,
    *,
    cells: Iterable[Cell] | None = None,
    reference: Path | None = None,
    fingerprints: Fingerprints | None = None,
) -> Results:
    """Read the records of every cell of a plan's profile; nothing is computed or started.

    `cells` replaces the plan's own list (other seeds, a subset). `reference` is the folder of committed reference
    results, used only when not one cell has finished. With `fingerprints`, records made by other sources than the
    present ones are told in the notes.
    """
    settings = plan.profile(profile)
    if cells is None:
        cells = plan.cells(profile, outputs=Path(outputs))
        cells += more_seeds(cells)
    cells = list(cells)
    results = Results(plan.name, profile, plan.title, settings.title, settings.kind, _empty_rows(plan, cells))
    results.comparisons, results.curves = plan.comparisons, plan.curves
    added = _added_later(cells)
    blocked: dict[str, str | None] = {}
    for cell in cells:
        record, problem = _read_own(cell)
        _place(results.rows[cell.row], cell, record and _complete(record, added), problem, blocked)
        results.folders[cell.id] = Path(cell.folder)
    results.notes += _dropped(results)
    if results.records:
        results.source = "runs"
    elif reference is not None:
        _use_reference(results, reference, {(cell.row, cell.seed): cell.id for cell in cells}, added)
    if any(record.data_origin == "stand-in" for record in results.records):
        results.notes.append(
            "made on a generated stand-in that only has the shape of this data set: a rehearsal, not a result"
        )
    unverified = sum(record.data_verified is False for record in results.records)
    if unverified:
        results.notes.append(f"the data of {unverified} records were not compared with their digests (--no-verify)")
    libraries = {record.hashes.library for record in results.records}
    if len(libraries) > 1:
        results.notes.append(f"the records come from {len(libraries)} versions of the library; run again to renew them")
    if fingerprints is not None and results.source == "runs":
        named = {cell.id: cell.parameters.modules_by_name() for cell in cells}
        results.notes += _stale(results.records, fingerprints, named)
    return results


def _stale(records: list[Record], fingerprints: Fingerprints, named: Mapping[str, tuple[str, ...]]) -> list[str]:
    """One note where records describe other sources than the present ones (data are not looked at)."""
    reasons = []
    for record in records:
        current = fingerprints.hashes(record.notebook, named=named[record.cell_id])
        reason = why_stale(record.hashes, current, record.notebook)
        reasons += [reason] if reason else []
    if not reasons:
        return []
    return [f"{len(reasons)} of {len(records)} records are stale ({reasons[0]}): running again renews them"]


def _empty_rows(plan: Plan, cells: list[Cell]) -> dict[str, RowResult]:
    wanted = {cell.row for cell in cells}
    return {row.id: RowResult(row.id, row.label, row.block) for row in plan.rows if row.id in wanted}


def _read_own(cell: Cell) -> tuple[Record | None, str | None]:
    """A cell's record, or why what lies there is not used: damaged, changed since, or of another cell."""
    record, problem = read_record(cell.folder)
    if record is None:
        return None, problem
    if record.cell_id != cell.id:
        return None, f"{cell.folder / RECORD_FILE} belongs to {record.cell_id}; treated as absent."
    problem = altered(cell.folder, record.files) if record.done else None
    return (None, f"{cell.folder / problem}; run it again.") if problem else (record, None)


def _dropped(results: Results) -> list[str]:
    """A note of what is not used; and as a problem, each seed without a record in a row that has others."""
    for row in results.rows.values():
        known = {*row.records, *(problem.seed for problem in row.problems)}
        lost = [seed for seed in row.seeds if seed not in known] if row.records else []
        row.problems += [Problem(row.id, seed, "missing", "no record, while other seeds have one") for seed in lost]
    count = sum(problem.status == "altered" for problem in results.problems)
    return [f"{count} of the runs were changed or damaged afterwards, and are not used"] if count else []


def _place(
    row: RowResult, cell: Cell, record: Record | None, problem: str | None, blocked: dict[str, str | None]
) -> None:
    """Put a cell's record, or the reason there is none, into its row."""
    row.seeds.append(cell.seed)
    if problem is not None:
        row.problems.append(Problem(row.id, cell.seed, "altered", problem, cell.id))
    elif record is not None and record.done and (reason := _impossible(record)):
        row.problems.append(Problem(row.id, cell.seed, "refused", reason, cell.id))
    elif record is not None and record.done:
        row.records[cell.seed] = record
    elif record is not None:
        reason = f"{record.error.kind}: {record.error.message}" if record.error else "no reason recorded"
        row.problems.append(Problem(row.id, cell.seed, record.status, reason, cell.id))
    elif reason := _missing_data(cell, blocked):
        row.problems.append(Problem(row.id, cell.seed, "blocked", reason, cell.id))


def _impossible(record: Record) -> str:
    """Why a record cannot be believed: the first number that its metric cannot be; empty where all can."""
    for key, value in record.metrics.items():
        try:
            metric(key).check(value, key)
        except UsageError as error:
            return f"{error} Find out what went wrong, then run this cell again with --force."
    return ""


def _missing_data(cell: Cell, known: dict[str, str | None]) -> str | None:
    """What a cell's data lack, asked once per data set (a look at the disk each)."""
    parameters = cell.parameters
    key = parameters.data_key()
    if key not in known:
        known[key] = parameters.missing_data()
    return known[key]


def _added_later(cells: list[Cell]) -> dict[str, Any]:
    """The neutral values of the parameters that were added since there are records; all cells are of one notebook."""
    return type(cells[0].parameters).neutral_values() if cells else {}


def _complete(record: Record, added: Mapping[str, Any]) -> Record:
    """A record with every parameter: one made before some were added has their neutral values."""
    return record.model_copy(update={"parameters": {**added, **record.parameters}})


def _use_reference(
    results: Results, folder: Path, cells: Mapping[tuple[str, int], str], added: Mapping[str, Any]
) -> None:
    """Fill the rows from the reference, matched by row and seed; say so, and say where parameters changed since."""
    try:
        reference = load_reference(folder, results.plan, results.profile)
    except UsageError as error:
        results.notes.append(f"the committed reference result cannot be used: {error}")
        return
    if reference is None:
        return
    changed = 0
    for record in reference.records:
        row = results.rows.get(record.row or "")
        if row is not None and record.done and record.seed in row.seeds and not _impossible(record):
            row.records[record.seed] = _complete(record, added)
            changed += cells.get((row.id, record.seed)) != record.cell_id
    if problem := arrays_problem(folder, reference):
        results.notes.append(problem)
    elif reference.arrays:
        kept = arrays_path(folder, results.plan, results.profile)
        results.folders |= {record.cell_id: kept / record.cell_id for record in results.records}
    if results.records:
        results.source = "reference"
        results.notes.append(f"not run here: these are the committed reference results ({reference.made})")
    if changed:
        results.notes.append(f"{changed} of the reference cells were made with other parameters than the plan has now")
