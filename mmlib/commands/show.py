"""`mmlib show`: a plan's grid and its results as a table, or everything a cell's record says."""

from __future__ import annotations

from pathlib import Path

from mmlib.commands import screen
from mmlib.commands.plan_results import say_results
from mmlib.errors import UsageError
from mmlib.files import dump_json
from mmlib.machine import computes_bf16
from mmlib.parameters.messages import closest
from mmlib.record import RECORD_FILE, Record, read_record
from mmlib.seal import altered
from mmlib.workbook.plan import Plan, find_plan, plan_paths


def show(what: str, outputs: Path, profile: str | None = None) -> None:
    """Print a plan (by name or path) or a cell (by id, or an unambiguous beginning of it). Raises `UsageError`.

    `profile`: only the results of this one of the plan's profiles.
    """
    if what in plan_paths() or what.endswith((".yaml", ".yml")):
        plan = find_plan(what)
        if profile is None:
            show_plan(plan)
        say_results(plan, profile, outputs)
        return
    if profile is not None:
        raise UsageError(f"--profile belongs to a plan, and {what!r} is none of {', '.join(plan_paths())}.")
    folders = sorted(path.parent for path in outputs.glob(f"*/[!.]*/{RECORD_FILE}"))
    found = [folder for folder in folders if folder.name == what] or [
        folder for folder in folders if folder.name.startswith(what)
    ]
    if len(found) > 1:
        raise UsageError(f"{what!r} fits several cells: {', '.join(folder.name for folder in found[:6])}.")
    if not found:
        near = closest(what, [*plan_paths(), *(folder.name for folder in folders)])
        raise UsageError(f"there is no plan and no cell with a record called {what!r}{near}. See `mmlib status`.")
    record, problem = read_record(found[0])
    if record is None:
        raise UsageError(f"{problem or f'{found[0]} has no record.'} Run its plan again to replace it.")
    show_record(record, found[0])


def show_plan(plan: Plan) -> None:
    columns = screen.width()

    def say(text: str, indent: str = "  ") -> None:
        print(*screen.paragraph(text, columns, indent), sep="\n")

    say(f"{plan.name}: {plan.title}", "")
    say(f"notebook {plan.notebook}, claims {plan.claims}, plan {plan.path}", "")
    for name, profile in plan.profiles.items():
        seeds = ", ".join(map(str, profile.seeds))
        say(f"profile {name} ({profile.kind}): {profile.title}; seeds {seeds}; {compact(profile.parameters)}")
    for row in plan.rows:
        say(f"row {row.id}: {row.block} / {row.label}; {compact(row.parameters)}")
    if computes_bf16():
        say("this CPU computes in bfloat16: --set precision=bf16 is faster; its cost is in docs/performance.md", "")


def show_record(record: Record, folder: Path) -> None:
    print(
        f"{record.cell_id}: {record.status}, run {record.run_id} on {record.host}, {record.started} to {record.ended}"
    )
    if record.error:
        print(f"error: {record.error.kind}: {record.error.message} (see {folder / 'log.txt'})")
    for name, value in sorted(record.metrics.items()):
        print(f"  {name:<24} {'not available' if value is None else f'{value:.4f}'}")
    hidden = {"metrics", "hashes", "error", "files"}
    print(dump_json(record.model_dump(mode="json", exclude=hidden)))
    hashes = record.hashes.model_dump(exclude={"library_files"})
    print("hashes: " + ", ".join(f"{name} {(value or 'none')[:12]}" for name, value in hashes.items()))
    print(f"files: {beside(record, folder)}")
    print(f"folder: {folder}")


def beside(record: Record, folder: Path) -> str:
    """Whether the files beside a record are those of its run; each is read."""
    if not record.files:
        return "not verified, the record says nothing of them"
    changed = [problem for name in record.files if (problem := altered(folder, record.files, [name], read=True))]
    return "; ".join(changed) or f"{', '.join(record.files)}, as the run left them"


def compact(parameters: dict) -> str:
    return ", ".join(f"{name}={value}" for name, value in parameters.items()) or "no parameters of its own"
