"""Where the published files of a feature set lie under a data root."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from mmlib.data.features.sources import ENDINGS, PICKLES
from mmlib.errors import DataError


def find_folder(root: Path, name: str) -> Path:
    """The folder of a set's files under a data root: its subfolder `name`, or the root itself."""
    return root / name if (root / name).is_dir() else root


def find_file(folder: Path, name: str, below: Sequence[str] = ()) -> Path | None:
    """The file `name` in a folder or in one of its subfolders `below`; None where it is in none."""
    return next((path for path in (folder / name, *(folder / b / name for b in below)) if path.is_file()), None)


def first_missing(folder: Path, needed: Mapping[str, str]) -> str | None:
    """The first file that is not there, what it is (`needed`, by name), and how many others lack; None: all there."""
    absent = [name for name in needed if not (folder / name).is_file()]
    if not absent:
        return None
    others = f" ({len(absent) - 1} more: {', '.join(absent[1:])})" if absent[1:] else ""
    return f"{folder / absent[0]} is missing: {needed[absent[0]]}{others}."


def find_features(folder: Path, stem: str, below: Sequence[str] = ()) -> Path | None:
    """A feature file by its name without ending, in a subfolder or the folder itself. Raises `DataError` (pickle)."""
    places = [*(folder / name for name in below), folder]
    named = (place / f"{stem}{e}" for endings in (ENDINGS, PICKLES) for place in places for e in endings)
    path = next((path for path in named if path.is_file()), None)
    if path is not None and path.suffix in PICKLES:
        raise DataError(
            f"{path} is a pickle, which can run code when it is opened, so it is not. Export the features as "
            f"{stem}.csv (no header, label last) or {stem}.npz (arrays 'features' and 'labels')."
        )
    return path
