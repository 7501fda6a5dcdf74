"""`mmlib data get`, and `mmlib data prepare grid`: from published files to a data root."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mmlib.commands.settings import typed_path
from mmlib.errors import UsageError


def get(
    name: Annotated[str, typer.Argument(help="A data set, or fsdd, mnist, grid.")],
    data_root: Annotated[
        Path | None,
        typer.Option(
            parser=typed_path, metavar="PATH", help="Folder for published files, made if need be.  [default: data]"
        ),
    ] = None,
    mirror: Annotated[str, typer.Option(help="A server with copies as URL/HOST/PATH: it is asked first.")] = "",
    everything: Annotated[bool, typer.Option("--all", help="The optional files too.")] = False,
) -> None:
    """Fetch a set that is free to fetch: licence first, checksums verified, resumed where it broke off.

    For the others it prints the page and the steps, and exits with 3.
    """
    from mmlib.data.public.get import get as fetch_set

    if not fetch_set(name, data_root or typed_path("data"), mirror=mirror, everything=everything):
        raise typer.Exit(3)


def prepare_grid(source: Path | None, out: Path, threads: int | None) -> Path:
    """Make mouth frames, sound and word timing from GRID's published files and print what to do with them."""
    from mmlib.data.grid_corpus.build import build

    if source is None:
        raise UsageError("grid is made from published files: --source FOLDER, the one of `mmlib data get grid`.")
    root = build(source, out, threads=threads)
    print(f"then: mmlib run table1 --profile grid_words_video --data-root {root}")
    return root
