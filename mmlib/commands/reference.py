"""`mmlib reference`: keep finished records as the committed reference result, or hold today's runs against it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mmlib.errors import UsageError
from mmlib.metrics.family import metric
from mmlib.parameters.base import project_root
from mmlib.record import Record
from mmlib.report.assemble import claims_of
from mmlib.report.tables import metrics_of
from mmlib.workbook.plan import Plan, find_plan
from mmlib.workbook.reference import load_reference, write_reference
from mmlib.workbook.results import collect


def keep(plan: str, profile: str, outputs: Path, made: str) -> None:
    """Write `outputs/reference/<plan>-<profile>.json` of the project from the finished records; `made` says how.

    Raises `UsageError` for unknown names and where nothing has finished, `OutputsError`.
    """
    found = find_plan(plan)
    folder = project_root() / "outputs" / "reference"
    path = write_reference(folder, collect(found, profile, outputs), made)
    print(f"kept {path}: commit it, and say in the commit what changed")


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
