"""Find the lists and the media of a published data set in the folder somebody keeps them in."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from mmlib.data.media.pictures import IMAGES
from mmlib.errors import DataError

VIDEOS = (".mp4", ".avi", ".flv", ".mkv", ".webm", ".mov", ".mpg", ".mpeg", ".m4v", ".wmv", ".3gp")


def find_list(name: str, source: Path, lists: str, advice: str, below: Sequence[str] = ()) -> Path:
    """The list file `name`: in the folder `lists` where given, else in `source` or its subfolders `below`.

    Raises `DataError` saying where it was looked for, and `advice`.
    """
    places = [Path(lists).expanduser()] if lists else [source, *(source / folder for folder in below)]
    for place in places:
        if (place / name).is_file():
            return place / name
    where = " or ".join(str(place) for place in places)
    raise DataError(f"the list {name} is not in {where}. {advice} Name its folder with --set lists=FOLDER.")


def read_rows(path: Path, columns: int, expected: str) -> list[tuple[int, list[str]]]:
    """Line numbers and fields (stripped) of a comma-separated list without header; empty lines are passed over.

    Byte order marks and CRLF line ends are read away. Raises `DataError` with the line for another number of fields.
    """
    try:
        with open(path, newline="", encoding="utf-8-sig") as stream:
            rows = [(number, [field.strip() for field in row]) for number, row in enumerate(csv.reader(stream), 1)]
    except OSError as error:
        raise DataError(
            f"{path} cannot be read ({error.strerror}). Name its folder with --set lists=FOLDER."
        ) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} is no text list ({error}). Expected lines {expected}.") from error
    rows = [(number, row) for number, row in rows if any(row)]
    wrong = next(((number, row) for number, row in rows if len(row) != columns), None)
    if wrong:
        raise DataError(
            f"{path} line {wrong[0]}: expected {expected}, found {','.join(wrong[1])!r}. Get the list again."
        )
    if not rows:
        raise DataError(f"{path} is empty. Expected lines {expected}.")
    return rows


def first_folder(source: Path, names: Iterable[str]) -> Path | None:
    """The first of the subfolders that is there."""
    return next((source / name for name in names if (source / name).is_dir()), None)


def paired(pictures: Path, sounds: Path) -> list[tuple[str, Path | None, Path | None]]:
    """Name, image and wav of everything in two folders, paired by name and sorted by it; None for the one not there.

    An image of a name that was there (with another suffix) comes again, with the same wav.
    """
    images = sorted(path for path in pictures.glob("*") if path.suffix.lower() in IMAGES)
    heard = {path.stem: path for path in sorted(sounds.glob("*")) if path.suffix.lower() == ".wav"}
    alone = sorted(set(heard) - {path.stem for path in images})
    files = sorted([*((path.stem, path) for path in images), *((stem, None) for stem in alone)], key=lambda f: f[0])
    return [(stem, image, heard.get(stem)) for stem, image in files]


class Found:
    """Files below a folder by stem, folders that hold images by name; several of one name in order of their paths."""

    def __init__(self, folder: Path, suffixes: Sequence[str], image_folders: bool = False) -> None:
        self.files: dict[str, list[Path]] = {}
        self.folders: dict[str, list[Path]] = {}
        for place, below, names in os.walk(folder):
            below.sort()
            images = False
            for name in sorted(names):
                stem, suffix = os.path.splitext(name)
                if suffix.lower() in suffixes:
                    self.files.setdefault(stem, []).append(Path(place, name))
                images = images or suffix.lower() in IMAGES
            if image_folders and (images or not (names or below)):  # an empty folder is one without frames
                path = Path(place)
                self.folders.setdefault(path.name, []).append(path)
