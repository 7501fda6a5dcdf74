"""`mmlib figures`: every figure of every plan again, from records alone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from mmlib.commands.workbook import all_plans
from mmlib.errors import UsageError
from mmlib.parameters.base import project_root
from mmlib.report.assemble import assemble, write_figures
from mmlib.workbook.plan import Plan, find_plan


def figures(plan: str | None, profile: str | None, outputs: Path, protocol: str = "clean") -> None:
    """Redraw what has records, and say which files were written.

    Raises `UsageError` for an unknown plan or profile, or where no record is found; `OutputsError`.
    """
    started, files, drawn = time.perf_counter(), 0, 0
    for each, name in chosen(plan, profile):
        began = time.perf_counter()
        assembly = assemble(each, name, outputs, project_root(), protocol=protocol)
        if not assembly.results.records:
            continue
        write_figures(assembly, outputs, protocol)
        drawn, files = drawn + len(assembly.figures), files + len(assembly.files)
        told = " (committed reference result)" if assembly.results.source == "reference" else ""
        print(f"{each.name} / {name}: {', '.join(assembly.figures)} in {time.perf_counter() - began:.1f} s{told}")
    if not drawn:
        asked = f" of {' / '.join(filter(None, (plan, profile)))}" if plan or profile else ""
        raise UsageError(
            f"there is nothing to draw: {outputs / 'runs'} has no finished cell{asked}. Run a plan first "
            f"(mmlib run {plan or 'table1'} --profile {profile or 'embedded'}), or name its folder with --outputs."
        )
    seconds = time.perf_counter() - started
    print(f"{drawn} figures, {files} files (PNG, PDF, SVG) in {seconds:.1f} s: {outputs / 'figures'}")


def chosen(plan: str | None, profile: str | None) -> Iterator[tuple[Plan, str]]:
    """The plans and profiles asked for. Raises `UsageError` for a name that does not exist."""
    for each in [find_plan(plan)] if plan else all_plans(profile):
        if plan and profile:
            each.profile(profile)
        for name in each.profiles:
            if profile in (None, name):
                yield each, name
