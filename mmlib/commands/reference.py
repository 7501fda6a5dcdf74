"""`mmlib reference`: keep finished records as the committed reference result, or hold today's runs against it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmlib.analysis.kept import gather
from mmlib.errors import UsageError
from mmlib.figures.analyses import ANALYSES
from mmlib.figures.curves import MOST, default_quantities, histories_of
from mmlib.metrics.family import metric
from mmlib.parameters.base import project_root
from mmlib.record import Record
from mmlib.report.assemble import claims_of
from mmlib.report.tables import metrics_of
from mmlib.workbook.plan import Plan, find_plan
from mmlib.workbook.reference import load_reference, write_reference
from mmlib.workbook.results import Results, collect

LARGEST = 390_000
"""Bytes of a file that the repository takes."""


def keep(plan: str, profile: str, outputs: Path, made: str) -> None:
    """Write `outputs/reference/<plan>-<profile>.json` of the project from the finished records; `made` says how.

    Raises `UsageError` for unknown names and where nothing has finished, `OutputsError`.
    """
    found = find_plan(plan)
    folder = project_root() / "outputs" / "reference"
    results = collect(found, profile, outputs)
    arrays = kept_of(found, results)
    path = write_reference(folder, results, made, arrays)
    beside = f" and {path.with_suffix('.npz').name}" if arrays else ""
    print(f"kept {path}{beside}: commit what was written, and say in the commit what changed")
    print(f"its figures again, from what is kept alone: mmlib figures {plan} --profile {profile}")


def kept_of(plan: Plan, results: Results) -> dict[str, Any]:
    """{"<cell>/<name>": array} of what the plan's figures need beyond records: its analysis' arrays, and histories.

    Histories of all rows where they are small enough for the repository, else of the rows whose curves are drawn.
    """
    headline = metrics_of(plan, claims_of(plan, project_root()))[0]
    drawn = histories_of(results)
    quantities = [*default_quantities(drawn, headline), "k_fusion", "test/top1", "samples_per_s"]
    keep = ANALYSES[plan.figure].keep if plan.figure else None
    folders = {record.cell_id: results.folders.get(record.cell_id) for record in results.records}
    rows = results.curves or list(drawn)[:MOST]
    shown = {record.cell_id for row in rows if row in results.rows for record in results.rows[row].records.values()}
    for cells in (folders, shown, ()):
        arrays = gather(folders, keep, dict.fromkeys(cells, quantities))
        if size_of(arrays) <= LARGEST:
            return arrays
    raise UsageError(
        f"the arrays of {plan.name} / {results.profile} take {size_of(arrays) >> 10} KiB, more than a file of the "
        f"repository may ({LARGEST >> 10}): run it with fewer seeds, or keep less in its analysis."
    )


def size_of(arrays: dict[str, Any]) -> int:
    """Bytes of the file that would hold them."""
    import numpy

    stream = io.BytesIO()
    numpy.savez_compressed(stream, **arrays)
    return stream.tell()


def check(plan: str, profile: str, outputs: Path) -> int:
    """Print which finished runs give the reference's metrics bit for bit, and how far the others are; 1 if any differs.

    Bits agree on one type of machine and one number of threads; elsewhere a difference says little by itself.
    Raises `UsageError` for unknown names, and where there is no reference or no run.
    """
    found = find_plan(plan)
    reference = load_reference(project_root() / "outputs" / "reference", found.name, found.profile(profile) and profile)
    if reference is None:
        raise UsageError(f"there is no reference result of {plan} / {profile}; keep one with --made 'how it was made'.")
    pairs = list(paired(found, profile, outputs, reference.records))
    if not pairs:
        raise UsageError(f"no finished run of {plan} / {profile} under {outputs / 'runs'}; run the plan first.")
    different = 0
    for old, new in pairs:
        names = [name for name, value in old.metrics.items() if new.metrics.get(name) != value]
        if names:
            different += 1
            changed = max(names, key=lambda name: distance(old, new, name))
            values = f"{changed} {old.metrics[changed]} -> {new.metrics.get(changed)}"
            print(f"differs   {new.cell_id}: {len(names)} of {len(old.metrics)} metrics, most {values}")
    equal = f"{len(pairs) - different} of {len(pairs)} runs give the reference's metrics bit for bit"
    print(f"{equal}; {len(reference.records) - len(pairs)} of its {len(reference.records)} records were not run here")
    if different:
        print(how_far(f"clean/{metrics_of(found, claims_of(found, project_root()))[0]}", pairs))
    return 1 if different else 0


def how_far(key: str, pairs: list[tuple[Record, Record]]) -> str:
    """Mean and mean size of the runs' differences in one metric, in its unit."""
    shown = metric(key)
    both = [(old.metrics.get(key), new.metrics.get(key)) for old, new in pairs]
    found = [shown.sign * shown.scale * (new - old) for old, new in both if None not in (old, new)]
    if not found:
        return f"{key}: no run has it"
    mean, size, largest = (sum(found) / len(found), sum(map(abs, found)) / len(found), max(map(abs, found)))
    return (
        f"{key}: {shown.difference(mean, 1)} on average; one run differs by {shown.amount(size, 1)} on average, "
        f"{shown.amount(largest, 1)} at most"
    )


def paired(plan: Plan, profile: str, outputs: Path, old: list[Record]) -> Iterator[tuple[Record, Record]]:
    """The reference's record and the finished run of the same row and seed."""
    rows = collect(plan, profile, outputs).rows
    for record in old:
        row = rows.get(record.row or "")
        if row is not None and record.seed in row.records:
            yield record, row.records[record.seed]


def distance(old: Record, new: Record, name: str) -> float:
    one, two = old.metrics[name], new.metrics.get(name)
    return float("inf") if one is None or two is None else abs(one - two)
