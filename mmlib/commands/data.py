"""`mmlib data ...`: thin commands over `mmlib.data.registry`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer

from mmlib.commands.public_data import get, prepare_grid
from mmlib.commands.settings import existing_root, finite_seconds, typed_path
from mmlib.errors import UsageError
from mmlib.parameters.arguments import parse_settings

data = typer.Typer(help="Data sets: what there is, what is missing, prepare and check.", no_args_is_help=True)

Root = Annotated[
    Path | None, typer.Option(parser=typed_path, metavar="PATH", help="Folder with the raw or prepared data sets.")
]
Store = Annotated[
    Path | None,
    typer.Option(parser=typed_path, metavar="PATH", help="Folder for prepared data.  [default: outputs/data]"),
]


def default_store(store: Path | None) -> Path:
    from mmlib.parameters.base import resolve_path

    return store or resolve_path("outputs/data")


@data.command("list", epilog="Example: mmlib data list")
def list_datasets() -> None:
    """The data sets, where they come from, and under which licence."""
    from mmlib.data.media.registered import media_options
    from mmlib.data.registry import DATASETS

    for info in DATASETS.values():
        print(f"{info.name}: {info.title}\n    from {info.origin}\n    licence {info.licence}")
        options = (info.raw or info.options) if info.media is None else media_options(info)
        for name, value in options.items():
            print(f"    --set {name}={value}")


data.command(epilog="Examples: mmlib data get av_digits --data-root DATA   |   mmlib data get vggsound")(get)


@data.command(
    epilog="Examples: mmlib data prepare cremad --source ~/CREMA-D --out ~/data --max-skipped 1%   (then: mmlib"
    " run table1 --profile cremad --data-root ~/data)   |   mmlib data prepare av_digits --source ~/sets --set"
    " split=speaker   |   mmlib data prepare arrays --source ~/my_arrays --out ~/data"
)
def prepare(
    name: Annotated[str, typer.Argument(help="A data set of `mmlib data list`, or grid.")],
    source: Annotated[
        Path | None,
        typer.Option(
            "--source",
            "--data-root",
            parser=typed_path,
            metavar="PATH",
            help="Folder with the raw (or prepared) data sets.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "--store",
            parser=typed_path,
            metavar="PATH",
            help="Folder for prepared data.  [default: outputs/data]",
        ),
    ] = None,
    settings: Annotated[list[str] | None, typer.Option("--set", help="A preparation option: name=value.")] = None,
    processes: Annotated[int | None, typer.Option(min=1, help="Decoder processes.  [default: one per core]")] = None,
    max_skipped: Annotated[
        str | None, typer.Option(metavar="SHARE|NUMBER", help="More skipped clips are an error (exit 3): 5% or 20.")
    ] = None,
    seconds_per_clip: Annotated[
        float, typer.Option(min=0.1, callback=finite_seconds, help="A clip that takes longer is skipped.")
    ] = 10.0,
    write_published: Annotated[
        Path | None,
        typer.Option(
            parser=typed_path,
            metavar="PATH",
            help="Also write the published layout there: 16 kHz wav and JPEG files.",
        ),
    ] = None,
) -> None:
    """Prepare a data set (or find it prepared) and print its folder.

    Sets made of videos are decoded from --source into OUT/NAME; Ctrl-C or a kill loses nothing, the same command
    resumes. What is skipped is listed with its reason in the folder's manifest.json. Runs prepare the small and the
    generated sets by themselves. `grid`: from GRID's published clips to OUT/grid_s1, which
    grid_words and others read.
    """
    from mmlib.data import registry

    root, store = existing_root(source), default_store(out)
    if name == "grid":
        if settings or max_skipped or write_published:
            raise UsageError("grid has no --set, --max-skipped, --write-published.")
        print(prepare_grid(root, store, processes))
        return
    info, options = registry.find_dataset(name), parse_settings(settings or [])
    if info.media is not None and root is not None and registry.missing(name, root) is not None:
        how = (processes, seconds_per_clip, max_skipped, write_published)
        print(prepare_raw(info, root, store, options, how))
        return
    if info.media is None and (processes, max_skipped, write_published) != (None, None, None):
        raise UsageError(f"{name} is not made of videos: --processes, --max-skipped, --write-published mean nothing.")
    if info.raw is not None and root is not None and registry.missing(name, root) is not None:
        folder = registry.prepare_raw(info, root, store, options)
        for line in what_it_holds(folder):
            print(f"{name}: {line}")
        print(folder)
        return
    print(registry.prepare(name, data_root=root, store=store, options=options))


def prepare_raw(info: Any, source: Path, out: Path, options: dict[str, Any], how: tuple) -> Path:
    """Prepare from raw media and print what became of the listed clips."""
    from mmlib.data.media.prepare import Options
    from mmlib.data.media.registered import parse_limit, prepare_registered, summary
    from mmlib.data.prepared_check import read_manifest

    processes, seconds, limit, published = how
    folder = prepare_registered(info, source, out, options, Options(processes, seconds, parse_limit(limit), published))
    for line in summary(read_manifest(folder)):
        print(f"{info.name}: {line}")
    return folder


@data.command(
    epilog="Examples: mmlib data check   |   mmlib data check ave --data-root ~/data   |   mmlib data check FOLDER"
)
def check(
    target: Annotated[str | None, typer.Argument(help="A data set, or a prepared folder. Default: all sets.")] = None,
    data_root: Root = None,
    store: Store = None,
) -> None:
    """What is missing, where it comes from, and which cells it blocks; or whether a prepared folder is sound."""
    from mmlib.data import registry

    if target is not None and target not in registry.DATASETS:
        raise typer.Exit(check_folder(typed_path(target), blocked_cells(None)))
    root = existing_root(data_root)
    blocked = blocked_cells(root)
    if target is not None:
        raise typer.Exit(check_dataset(target, root, default_store(store), blocked))
    for name in registry.DATASETS:
        print_missing(name, root, blocked)


@data.command(epilog="Example: mmlib data audit mm_debiased --data-root ~/data")
def audit(
    name: Annotated[str, typer.Argument(help="A data set whose list can be read alone, such as mm_debiased.")],
    data_root: Annotated[
        Path, typer.Option(parser=typed_path, metavar="PATH", help="Folder with the published lists.")
    ],
) -> None:
    """What a published list says of itself, with or without its media."""
    from mmlib.data import registry

    lines = registry.report(name, existing_root(data_root))
    if not lines:
        raise UsageError(f"{data_root} holds no list of {name} that can be read alone.")
    print("\n".join(lines))


@data.command(epilog="Example: mmlib data standin cremad /tmp/standins   then: --data-root /tmp/standins")
def standin(
    name: Annotated[str, typer.Argument(help="cremad, vggsound, ave, voxceleb1, av_cil_ave, ...")],
    folder: Annotated[
        Path,
        typer.Argument(
            parser=typed_path, metavar="FOLDER", help="A data root; the stand-in becomes its subfolder of that name."
        ),
    ],
    samples: Annotated[int, typer.Option(min=8, help="How many samples.")] = 48,
) -> None:
    """Write a small generated stand-in in a licensed data set's format, to try its cells without the data."""
    from mmlib.data.standins import write_standin

    print(write_standin(name, folder / name, samples=samples))


@data.command(
    epilog="Example: mmlib data corpus cremad /tmp/raw   then: mmlib data prepare cremad --source /tmp/raw --out /tmp/p"
)
def corpus(
    name: Annotated[str, typer.Argument(help="cremad, vggsound, kinetics_sounds, urbansound8k_av, folder, ...")],
    folder: Annotated[
        Path,
        typer.Argument(parser=typed_path, metavar="FOLDER", help="A new folder for the media files and lists."),
    ],
    clips: Annotated[int, typer.Option(min=4, help="Sound clips of each of three classes.")] = 8,
    faults: Annotated[bool, typer.Option(help="Plant a fault of every kind the layout can have.")] = True,
    seed: Annotated[int, typer.Option(min=0, help="Other clips of the same kind.")] = 0,
) -> None:
    """Write a tiny corpus of real encoded files in a published layout, and say which faults were planted in it.

    `mmlib data prepare` must skip each of them for the reason said here, and nothing else.
    """
    from mmlib.data.corpora import write_corpus

    place = folder
    for planted in write_corpus(name, place, clips=clips, faults=faults, seed=seed):
        print(f"{planted.id}: {planted.what} ({planted.reason or 'must be kept'})")
    print(f"{place}: {3 * clips} sound clips, {'faults noted in planted.json' if faults else 'no faults'}")


def what_it_holds(folder: Path) -> list[str]:
    """What `mmlib data check` says of a sound folder, in lines."""
    from mmlib.data.folder_report import report_lines
    from mmlib.data.prepared import open_prepared
    from mmlib.data.registry import notes

    return [*report_lines(open_prepared(folder)), *notes(folder)]


def print_missing(name: str, root: Path | None, blocked: dict[str, Counter]) -> bool:
    """Print what a data set lacks, and the cells that need it; True when nothing is missing."""
    from mmlib.data import registry
    from mmlib.data.public.get import offer

    reason = registry.missing(name, root)
    print(f"{name}: {reason or 'nothing is missing'}")
    if reason and offer(name):
        print(f"    fetch it: {offer(name)}")
    for place, number in blocked.get(name, Counter()).items():
        print(f"    blocks {number} cells of {place}" if reason else f"    serves {number} cells of {place}")
    return reason is None


def check_dataset(name: str, root: Path | None, store: Path, blocked: dict[str, Counter]) -> int:
    """Print what a data set lacks, what its files hold, and whether its prepared folders are sound; 0 or 3."""
    from mmlib.data import registry
    from mmlib.data.published import published_folder

    complete = print_missing(name, root, blocked)
    for line in registry.report(name, root):
        print(f"    {line}")
    folders = registry.prepared_folders(name, store)
    if complete and root is not None and registry.find_dataset(name).published:
        folders.append(published_folder(name, root))
    codes = [check_folder(folder) for folder in folders]
    return 0 if complete and not any(codes) else 3


def check_folder(folder: Path, uses: dict[str, Counter] | None = None) -> int:
    """Print every problem of a prepared folder, or what it holds beside published counts; 0 when it is sound, else 3.

    `uses`: the cells of the plans by data set; those that this folder unblocks are named.
    """
    from mmlib.data.folder_report import count_problems
    from mmlib.data.prepared import check_prepared, open_prepared
    from mmlib.data.registry import DATASETS

    if not folder.is_dir():
        raise UsageError(
            f"{folder} is neither a folder nor a data set. Give a prepared folder (one with manifest.json), or one of: "
            f"{', '.join(DATASETS)}."
        )
    problems = [str(problem) for problem in check_prepared(folder)]
    prepared = None if problems else open_prepared(folder)
    if prepared is not None:
        problems = [f"{folder / 'manifest.json'}: {problem}" for problem in count_problems(prepared.manifest)]
    for problem in problems:
        print(problem)
    if prepared is not None and not problems:
        print(f"{folder}: sound; manifest {prepared.manifest_hash}")
        for line in what_it_holds(folder):
            print(f"    {line}")
        for place, number in (uses or {}).get(prepared.dataset, Counter()).items():
            print(f"    serves {number} cells of {place} with --data-root {folder}")
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
