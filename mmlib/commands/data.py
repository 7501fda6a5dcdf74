"""`mmlib data ...`: thin commands over `mmlib.data.registry`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from mmlib.commands.settings import existing_root, parse_settings
from mmlib.errors import UsageError

data = typer.Typer(help="Data sets: what there is, what is missing, prepare and check.", no_args_is_help=True)

Root = Annotated[Path | None, typer.Option(help="Folder with the raw or prepared data sets.")]
Store = Annotated[Path | None, typer.Option(help="Folder for prepared data.  [default: outputs/data]")]


def default_store(store: Path | None) -> Path:
    from mmlib.experiments.base import resolve_path

    return resolve_path(str(store)) if store else resolve_path("outputs/data")


@data.command("list", epilog="Example: mmlib data list")
def list_datasets() -> None:
    """The data sets, where they come from, and under which licence."""
    from mmlib.data.registry import DATASETS

    for info in DATASETS.values():
        print(f"{info.name}: {info.title}\n    from {info.origin}\n    licence {info.licence}")
        for name, value in info.options.items():
            print(f"    --set {name}={value}")


@data.command(epilog="Example: mmlib data prepare av_digits --data-root ~/data --set split=speaker")
def prepare(
    name: Annotated[str, typer.Argument(help="A data set of `mmlib data list`.")],
    data_root: Root = None,
    store: Store = None,
    settings: Annotated[list[str] | None, typer.Option("--set", help="A preparation option: name=value.")] = None,
) -> None:
    """Prepare a data set (or find it prepared) and print its folder. Runs do this by themselves."""
    from mmlib.data import registry

    options = parse_settings(settings or [])
    print(registry.prepare(name, data_root=existing_root(data_root), store=default_store(store), options=options))


@data.command(epilog="Examples: mmlib data check   |   mmlib data check outputs/data/synthetic-1a2b3c4d")
def check(
    folder: Annotated[Path | None, typer.Argument(help="A prepared folder: compare every file with its hash.")] = None,
    data_root: Root = None,
) -> None:
    """What is missing, where it comes from, and which cells it blocks; or whether a prepared folder is sound."""
    if folder is not None:
        raise typer.Exit(check_folder(folder))
    from mmlib.data import registry

    root = existing_root(data_root)
    blocked = blocked_cells(root)
    for name in registry.DATASETS:
        reason = registry.missing(name, root)
        print(f"{name}: {reason or 'nothing is missing'}")
        for place, number in blocked.get(name, Counter()).items():
            print(f"    blocks {number} cells of {place}" if reason else f"    serves {number} cells of {place}")


@data.command(epilog="Example: mmlib data standin cremad /tmp/standins   then: --data-root /tmp/standins")
def standin(
    name: Annotated[str, typer.Argument(help="cremad or vggsound.")],
    folder: Annotated[Path, typer.Argument(help="A data root; the stand-in becomes its subfolder of that name.")],
    samples: Annotated[int, typer.Option(min=8, help="How many samples.")] = 48,
) -> None:
    """Write a small generated stand-in in a licensed data set's format, to try its cells without the data."""
    from mmlib.data.standins import write_standin

    print(write_standin(name, folder.expanduser().resolve() / name, samples=samples))


def check_folder(folder: Path) -> int:
    """Print every problem of a prepared folder, or how it differs from published counts; 0 when it is sound, else 3."""
    from mmlib.data.prepared import check_prepared, open_prepared
    from mmlib.data.registry import notes

    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder. Give a prepared folder (one with manifest.json).")
    problems = check_prepared(folder)
    for problem in problems:
        print(problem)
    if not problems:
        print(f"{folder}: sound; manifest {open_prepared(folder).manifest_hash}")
        for note in notes(folder):
            print(f"    {note}")
    return 3 if problems else 0


def blocked_cells(root: Path | None) -> dict[str, Counter]:
    """By data set, how many cells of each plan and profile use it."""
    from mmlib.commands.workbook import runtime_settings
    from mmlib.workbook.plan import load_plan, plan_paths

    uses: dict[str, Counter] = {}
    for path in plan_paths().values():
        plan = load_plan(path)
        for profile in plan.profiles:
            for cell in plan.cells(profile, overrides=runtime_settings(plan, root)):
                name = getattr(cell.parameters, "dataset", None)
                if name:
                    uses.setdefault(name, Counter())[f"{plan.name} / {profile}"] += 1
    return uses
