"""`mmlib figures`: every figure of every plan again, from records alone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mmlib.commands.workbook import all_plans
from mmlib.errors import UsageError
from mmlib.parameters.base import project_root
from mmlib.pool import in_processes
from mmlib.report.assemble import assemble
from mmlib.report.drawing import write_figures
from mmlib.workbook.plan import Plan, find_plan


def figures(plan: str | None, profile: str | None, outputs: Path, protocol: str = "clean") -> None:
    """Redraw what has records, and say which files were written.

    Raises `UsageError` for an unknown plan or profile, or where no record is found; `OutputsError`.
    """
    started, files, drawn = time.perf_counter(), 0, 0
    tasks = [Task(each, name, outputs, protocol) for each, name in chosen(plan, profile)]
    for line, figures_drawn, files_written in filter(None, in_processes(draw, tasks)):
        drawn, files = drawn + figures_drawn, files + files_written
        print(line, flush=True)
    if not drawn:
        asked = f" of {' / '.join(filter(None, (plan, profile)))}" if plan or profile else ""
        raise UsageError(
            f"there is nothing to draw: {outputs / 'runs'} has no finished cell{asked}. Run a plan first "
            f"(mmlib run {plan or 'table1'} --profile {profile or 'embedded'}), or name its folder with --outputs."
        )
    seconds = time.perf_counter() - started
    print(f"{drawn} figures, {files} files (PNG, PDF, SVG) in {seconds:.1f} s: {outputs / 'figures'}")


@dataclass(frozen=True)
class Task:
    """The figures of one plan and profile."""

    plan: Plan
    profile: str
    outputs: Path
    protocol: str


def draw(task: Task) -> tuple[str, int, int] | None:
    """Draw them; returns a line about it and the numbers of figures and files. None where there is no record."""
    began = time.perf_counter()
    assembly = assemble(task.plan, task.profile, task.outputs, project_root(), protocol=task.protocol)
    if not assembly.results.records:
        return None
    write_figures(assembly, task.outputs, task.protocol)
    told = " (committed reference result)" if assembly.results.source == "reference" else ""
    seconds = time.perf_counter() - began
    line = f"{task.plan.name} / {task.profile}: {', '.join(assembly.figures)} in {seconds:.1f} s{told}"
    return line, len(assembly.figures), len(assembly.files)


def chosen(plan: str | None, profile: str | None) -> Iterator[tuple[Plan, str]]:
    """The plans and profiles asked for. Raises `UsageError` for a name that does not exist."""
    for each in [find_plan(plan)] if plan else all_plans(profile):
        if plan and profile:
            each.profile(profile)
        for name in each.profiles:
            if profile in (None, name):
                yield each, name
