"""The command line. Each command is a few lines over `mmlib.workbook`; what is slow to import waits inside them."""

from __future__ import annotations

import errno
import os
import shlex
import signal
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from mmlib.commands.settings import finite_seconds, typed_path
from mmlib.errors import MMLibError, OutputsError
from mmlib.files import write_problem
from mmlib.processes import PLAIN_DRAWING

app = typer.Typer(
    name="mmlib",
    help="Reproduce the tables of audio-visual learning papers, one notebook run per cell.",
    epilog="Start with `mmlib reproduce` (everything, on generated data) and `mmlib status`.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Outputs = Annotated[
    Path | None,
    typer.Option(parser=typed_path, metavar="PATH", help="Where everything produced goes.  [default: outputs/]"),
]
Profile = Annotated[str, typer.Option(help="Setting to run in; a plan lists its own.")]
Rows = Annotated[str | None, typer.Option(help="Only these rows, by id: a,b,c.")]
Seeds = Annotated[str | None, typer.Option(help="Only these seeds: 0,1.")]
Set = Annotated[list[str] | None, typer.Option("--set", help="Change a parameter of all cells: name=value; repeat.")]
DataRoot = Annotated[Path | None, typer.Option(parser=typed_path, metavar="PATH", help="Folder with the data sets.")]
Scheduler = Annotated[str | None, typer.Option(help="A running Dask scheduler: tcp://host:8786.")]
Workers = Annotated[int | None, typer.Option(min=1, help="Cells at once.  [default: one per GPU, else per core]")]
PerGPU = Annotated[int, typer.Option(min=1, help="Cells at once on each GPU.")]
Timeout = Annotated[
    float | None, typer.Option(min=0.1, callback=finite_seconds, help="Stop a cell after this many seconds.")
]
Cold = Annotated[bool, typer.Option("--cold-kernels", help="Start every kernel as a new Python (slower).")]
Force = Annotated[bool, typer.Option("--force", help="Run finished cells again too.")]
NoVerify = Annotated[
    bool, typer.Option("--no-verify", help="Do not compare prepared data with their digests; records say so.")
]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="By cell, with every reason.")]


@app.command(
    epilog="Example: mmlib run table1 --profile embedded --rows baseline-sum --seeds 0,1 --set epochs=5"
    "  |  Stop with Ctrl-C; the same command resumes."
)
def run(
    plan: Annotated[str, typer.Argument(help="A plan in notebooks/plans/, or a path ending in .yaml.")],
    profile: Profile = "embedded",
    rows: Rows = None,
    seeds: Seeds = None,
    settings: Set = None,
    data_root: DataRoot = None,
    outputs: Outputs = None,
    workers: Workers = None,
    workers_per_gpu: PerGPU = 1,
    scheduler: Scheduler = None,
    timeout: Timeout = None,
    force: Force = False,
    cold_kernels: Cold = False,
    no_verify: NoVerify = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would run, why, and how long it takes; run nothing.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="With --dry-run: by cell.")] = False,
) -> None:
    """Run the cells of a plan that are not done, then the plan's summaries.

    A log says the time left with every cell, from the first one on where records of earlier runs (or the committed
    reference result, made on another machine) say how long such cells take.
    """
    from mmlib.commands import workbook as commands
    from mmlib.commands.settings import split_names, split_numbers

    where = set_outputs(outputs)
    request = commands.Request(plan, profile, split_names(rows), split_numbers(seeds), settings or [], data_root)
    if dry_run:
        from mmlib.commands.status import show_pending

        raise typer.Exit(show_pending(request, where, force, workers, verbose))
    from mmlib.workbook.running.runner import RunOptions

    options = RunOptions(where, workers, workers_per_gpu, scheduler, timeout, force, cold_kernels, verify=not no_verify)
    raise typer.Exit(commands.run(request, options))


@app.command(epilog="Example: mmlib reproduce --workers 2   |   A second call finds nothing to do and says so.")
def reproduce(
    profile: Profile = "embedded",
    seeds: Seeds = None,
    data_root: DataRoot = None,
    outputs: Outputs = None,
    workers: Workers = None,
    workers_per_gpu: PerGPU = 1,
    scheduler: Scheduler = None,
    timeout: Timeout = None,
    force: Force = False,
    cold_kernels: Cold = False,
    no_verify: NoVerify = False,
) -> None:
    """Run every plan in one profile (generated data unless told otherwise), then build the report."""
    from mmlib.commands import workbook as commands
    from mmlib.commands.settings import split_numbers
    from mmlib.workbook.running.runner import RunOptions

    where = set_outputs(outputs)
    options = RunOptions(where, workers, workers_per_gpu, scheduler, timeout, force, cold_kernels, verify=not no_verify)
    raise typer.Exit(commands.reproduce(profile, data_root, options, split_numbers(seeds)))


@app.command(epilog="Examples: mmlib status   |   mmlib status table1   |   mmlib status table1 --profile embedded -v")
def status(
    plan: Annotated[str | None, typer.Argument(help="A plan; all plans without it.")] = None,
    profile: Annotated[str | None, typer.Option(help="Only this profile; all that were begun without it.")] = None,
    data_root: DataRoot = None,
    outputs: Outputs = None,
    verbose: Verbose = False,
) -> None:
    """What is done and what is not, each reason once with its rows, and the time of what is to run.

    The time is that of one cell after another. It comes from records: of earlier runs of the same row; else of other
    rows of the plan and profile; else of the committed reference result, which another machine made. Parameters change
    it by the number of epochs only.
    """
    from mmlib.commands import status as commands

    raise typer.Exit(commands.status(plan, profile, data_root, set_outputs(outputs), verbose))


@app.command(epilog="Example: mmlib report   |   Needs neither a GPU nor data: it reads records only.")
def report(outputs: Outputs = None) -> None:
    """Build the HTML report from the records there are."""
    from mmlib.commands import workbook as commands

    commands.report(set_outputs(outputs))


@app.command(epilog="Example: mmlib figures table1 --profile embedded   |   Seconds: nothing is trained.")
def figures(
    plan: Annotated[str | None, typer.Argument(help="A plan; all plans without it.")] = None,
    profile: Annotated[str | None, typer.Option(help="Only this profile; all that have records without it.")] = None,
    outputs: Outputs = None,
) -> None:
    """Redraw the figures from the records there are, as PNG, PDF and SVG."""
    from mmlib.commands.figures import figures as draw

    draw(plan, profile, set_outputs(outputs))


@app.command(
    epilog="Examples: mmlib show table1   |   mmlib show table1 --profile grid_words_audio   |   mmlib show"
    " synthetic-sum-s0"
)
def show(
    what: Annotated[str, typer.Argument(metavar="CELL|PLAN", help="A plan, or a cell's id or its beginning.")],
    profile: Annotated[
        str | None, typer.Option(help="Of a plan: the table of this profile alone, the reference's where nothing ran.")
    ] = None,
    outputs: Outputs = None,
) -> None:
    """Show a plan's rows and profiles with a table of results, or a cell's record: parameters, metrics, provenance.

    The table has a line per row: mean ± standard deviation of each metric over the seeds that finished, and n, their
    number.
    """
    from mmlib.commands import show as shows

    shows.show(what, set_outputs(outputs), profile)


@app.command("open", epilog="Example: mmlib open classification   |   Without a name: which notebooks there are.")
def open_(
    name: Annotated[str | None, typer.Argument(metavar="NOTEBOOK", help="Its name, without .ipynb.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Make a new copy; the one before is kept beside it.")] = False,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open a browser, or only serve.")] = True,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Port of JupyterLab.  [default: its own]")] = None,
    allow_root: Annotated[bool, typer.Option("--allow-root", help="As root, which Jupyter refuses otherwise.")] = False,
    outputs: Outputs = None,
) -> None:
    """Open a notebook in JupyterLab, as a copy in the outputs folder: the repository stays as it is."""
    from mmlib.commands import open as opens

    where = set_outputs(outputs)
    if name is None:
        print(opens.listing())
    else:
        opens.open_notebook(name, where, fresh, browser, port, allow_root)


@app.command(epilog="Example: mmlib reference table1 --profile embedded   |   mmlib reference table1 --made '2 cores'")
def reference(
    plan: Annotated[str, typer.Argument(help="A plan.")],
    profile: Profile = "embedded",
    made: Annotated[str, typer.Option(help="Keep the runs as the reference result; how they were made.")] = "",
    outputs: Outputs = None,
) -> None:
    """Compare the finished runs with the committed reference result, metric by metric; with --made, replace it."""
    from mmlib.commands import reference as references

    where = set_outputs(outputs)
    if made:
        references.keep(plan, profile, where, made)
    else:
        raise typer.Exit(references.check(plan, profile, where))


def add_data_commands() -> None:
    """`mmlib data ...` belongs to the data package; it is torch-free, like everything here."""
    from mmlib.commands.data import data

    app.add_typer(data, name="data")


def set_outputs(outputs: Path | None) -> Path:
    """Resolve `--outputs` and tell this process, its workers and kernels. Raises `OutputsError` for a file."""
    from mmlib.parameters.base import outputs_root

    if outputs is not None:
        os.environ["MMLIB_OUTPUTS"] = str(outputs.resolve())
    folder = outputs_root()
    if folder.exists() and not folder.is_dir():
        raise OutputsError(f"cannot write {folder}: it is a file, no folder. Choose another folder with --outputs.")
    return folder


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def main(arguments: list[str] | None = None) -> None:
    """Run a command; a user's mistake is one message on stderr, exit codes are those of `mmlib.errors`."""
    signal.signal(signal.SIGTERM, _interrupt)  # a batch system's polite end is treated as Ctrl-C
    print_anything()
    os.environ |= PLAIN_DRAWING
    try:
        add_data_commands()
        code = app(args=arguments, standalone_mode=False)
        if code == 130:  # Typer caught the KeyboardInterrupt itself (older versions raise Abort instead, see below)
            code = interrupted(arguments)
        if sys.stdout is not None:  # closed by whoever started us
            sys.stdout.flush()
    except MMLibError as error:
        print(f"mmlib: {error}", file=sys.stderr)
        code = error.exit_code
    except KeyboardInterrupt:
        code = interrupted(arguments)
    except BrokenPipeError:  # the reader (head, less) has gone; nothing more can be said
        forget_stdout()
        code = 0
    except OSError as error:
        code = system_exit(error)
    except Exception as error:
        code = interrupted(arguments) if type(error).__name__ == "Abort" else usage_exit(error)
        if code is None:
            raise
    sys.exit(code or 0)


def print_anything() -> None:
    """Let a terminal that cannot show a character, such as ², show ? for it."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and getattr(stream, "errors", "") == "strict":
            stream.reconfigure(errors="replace")


def forget_stdout() -> None:
    """Let what is still to be printed go nowhere, also when Python ends."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def system_exit(error: OSError) -> int:
    """Say what the operating system refused, to which file, and return the exit code."""
    if error.filename is None and error.errno == errno.ENOSPC:
        forget_stdout()
    place = f"{error.filename}" if error.filename is not None else "the output"
    problem = write_problem(error, error.filename) if error.filename is not None else error.strerror or error
    print(
        f"mmlib: cannot use {place}: {problem}. Free space, fix its permissions or name another place; "
        "what was written before is kept.",
        file=sys.stderr,
    )
    return OutputsError.exit_code


def interrupted(arguments: list[str] | None) -> int:
    """Say how to resume."""
    again = shlex.join(["mmlib", *(sys.argv[1:] if arguments is None else arguments)])
    print(f"\nmmlib: interrupted. What is finished is kept; to resume: {again}", file=sys.stderr)
    return 130


def usage_exit(error: Exception) -> int | None:
    """Show typer's own complaints (unknown option, wrong type) and return their exit code; None for other errors."""
    if hasattr(error, "show") and hasattr(error, "exit_code"):
        error.show()
        return int(error.exit_code)
    return None


if __name__ == "__main__":
    main()
