"""What the commands of the command line do: plans into cells, cells into runs, states and reports into words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmlib.commands.settings import existing_root
from mmlib.errors import UsageError
from mmlib.parameters.arguments import parse_settings
from mmlib.parameters.base import project_root
from mmlib.parameters.messages import closest
from mmlib.workbook.cell import Cell, more_seeds, parameters_class
from mmlib.workbook.fingerprint import Fingerprints
from mmlib.workbook.plan import Plan, find_plan, load_plan, plan_paths
from mmlib.workbook.running.lock import lock_owner
from mmlib.workbook.state import Survey

if TYPE_CHECKING:
    from mmlib.workbook.running.runner import Report, RunOptions


@dataclass(frozen=True)
class Request:
    """Which cells a user asks for; `settings` are the texts of --set."""

    plan: str
    profile: str
    rows: list[str] | None = None
    seeds: list[int] | None = None
    settings: tuple[str, ...] | list[str] = ()
    data_root: Path | None = None


def runtime_settings(plan: Plan, data_root: Path | None) -> dict[str, Any]:
    """`--data-root` as a parameter, where the plan's experiment has one. Raises `DataError` if there is no folder."""
    if data_root is None:
        return {}
    root = existing_root(data_root)
    schema = parameters_class(Fingerprints(project_root()).notebook(plan.notebook).experiment)
    return {"data_root": str(root)} if "data_root" in schema.model_fields else {}


def requested(request: Request, outputs: Path) -> tuple[list[Cell], list[Cell]]:
    """The cells and summaries of a request; a summary shows the plan's own parameters, so changed ones have none."""
    plan = find_plan(request.plan)
    changes = parse_settings(request.settings)
    overrides = changes | runtime_settings(plan, request.data_root)
    cells = plan.cells(request.profile, request.seeds, overrides, request.rows, outputs)
    schema = type(cells[0].parameters)
    if any(name not in schema.runtime_fields for name in changes):
        return cells, []
    return cells, plan.summary_cells(request.profile, outputs)


def earlier_cells(request: Request, outputs: Path, cells: list[Cell]) -> Iterator[Cell]:
    """Other cells of the request's plan and profile; those that have run say how long `cells` will take."""
    asked = {cell.id for cell in cells}
    own = find_plan(request.plan).cells(request.profile, outputs=outputs)
    yield from (cell for cell in (*own, *more_seeds(own)) if cell.id not in asked)


def run(request: Request, options: RunOptions) -> int:
    """Run a request; returns the exit code."""
    from mmlib.workbook.running.runner import run_cells

    cells, summaries = requested(request, options.outputs)
    if request.settings and not summaries and find_plan(request.plan).summaries:
        print("parameters differ from the plan's: its summaries are not made")
    report = run_cells(cells, summaries, options, earlier_cells(request, options.outputs, cells))
    say_end(report, options.outputs)
    return report.exit_code


def say_end(report: Report, outputs: Path) -> None:
    """The last lines of a run: counts, what went wrong and where to look."""
    if not report.ran and set(report.counts()) <= {"done"}:
        print(f"nothing to do: all {len(report.outcomes)} cells are done and up to date")
        return
    for name, outcome in report.outcomes.items():
        if outcome.status in ("failed", "killed", "timeout"):
            print(f"{outcome.status} {name}: {outcome.kind}: {outcome.message}")
    counts = ", ".join(f"{number} {status}" for status, number in sorted(report.counts().items()))
    print(f"{len(report.outcomes)} cells: {counts}. Ran {report.ran}. Results and logs: {outputs / 'runs'}")


def reproduce(profile: str, data_root: Path | None, options: RunOptions, seeds: list[int] | None = None) -> int:
    """All plans in one profile, then the report; returns the exit code. Each plan has its own seeds without `seeds`."""
    from mmlib.workbook.running.runner import run_cells

    cells: list[Cell] = []
    summaries: list[Cell] = []
    plans = all_plans(profile)
    for plan in plans:
        if profile not in plan.profiles:
            print(f"plan {plan.name} has no profile {profile}; left out")
            continue
        cells += plan.cells(profile, seeds, runtime_settings(plan, data_root), outputs=options.outputs)
        summaries += plan.summary_cells(profile, options.outputs)
    done = run_cells(cells, summaries, options)
    say_end(done, options.outputs)
    if done.ran or not report_path(options.outputs).exists():
        report(options.outputs)
    else:
        print(f"report: {report_path(options.outputs)} (up to date)")
    return done.exit_code


def all_plans(profile: str | None = None) -> list[Plan]:
    """Every plan of the project. Raises `UsageError` when there is none, or none has the profile."""
    plans = [load_plan(path) for path in plan_paths().values()]
    if not plans:
        raise UsageError(
            f"there is no plan in {project_root() / 'notebooks' / 'plans'}. Set MMLIB_PROJECT to the folder that holds "
            "notebooks/, such as a clone of the repository."
        )
    known = sorted({name for plan in plans for name in plan.profiles})
    if profile is not None and profile not in known:
        raise UsageError(
            f"no plan in {project_root() / 'notebooks' / 'plans'} has a profile {profile!r}"
            f"{closest(profile, known)}; there are {', '.join(known)}."
        )
    return plans


def report_path(outputs: Path) -> Path:
    return outputs / "report" / "index.html"


def report(outputs: Path) -> None:
    """Build the report from the records and say where it is."""
    from mmlib.report.build import build_report

    before = changed(report_path(outputs))
    index = build_report(outputs)
    print(f"report: {index}{' (up to date)' if before is not None and changed(index) == before else ''}")


def changed(path: Path) -> int | None:
    """When a file was last changed, in nanoseconds; None where there is none."""
    return path.stat().st_mtime_ns if path.is_file() else None


def survey(outputs: Path) -> Survey:
    owner = lock_owner(outputs)
    return Survey(Fingerprints(project_root(), outputs), running_since=owner.get("started", "") if owner else None)
