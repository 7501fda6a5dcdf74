"""Whether a report still is of what lies in the outputs and in the project, told without making it again.

By size and time of change of every file that a report is made from or consists of, by the code that makes it and the
code that says which records are stale, and by which data are at hand. Somebody who changes a file and keeps both its
size and its time deceives this, as `mmlib status`; delete the report's folder to have it made in any case.
"""

from __future__ import annotations

import importlib.metadata
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import mmlib
from mmlib.errors import MMLibError, UsageError
from mmlib.files import content_hash, read_json, write_json
from mmlib.workbook.fingerprint import LOCK_FILE, Fingerprints
from mmlib.workbook.plan import Plan

STAMP = ".mmlib-unchanged.json"
"""In the report's folder."""
SOURCES = ("runs", "summaries")
MADE = ("report", "figures", "tables")
LIBRARIES = ("matplotlib", "numpy", "scipy", "pandas", "pillow", "nbconvert", "nbformat", "jinja2", "markdown-it-py")


class Unchanged:
    """The state of what a report of these plans, with these options, is made from."""

    def __init__(
        self,
        outputs: Path,
        project: Path,
        plans: Iterable[Plan],
        options: Mapping[str, Any],
        fingerprints: Fingerprints,
    ) -> None:
        self.outputs = outputs
        plans = list(plans)
        library = Path(mmlib.__file__).resolve().parent
        places = [project / "notebooks", project / "outputs" / "reference", project / LOCK_FILE, library]
        self.state = content_hash(
            [
                dict(options),
                [repr(plan) for plan in plans],
                sys.version,
                {name: _version(name) for name in LIBRARIES},
                [_stats(place) for place in (*places, *(outputs / name for name in SOURCES))],
                _experiments(plans, fingerprints),
                _missing(plans, outputs),
            ]
        )

    def holds(self) -> bool:
        """Whether the report was made from this state, and its files are those that were written."""
        try:
            stamp = read_json(self._stamp)
            return stamp["state"] == self.state and stamp["made"] == self._made()
        except (OSError, UsageError, KeyError, TypeError):
            return False

    def keep(self) -> None:
        """Remember that the report as it lies there is of this state. Raises `OutputsError`."""
        write_json(self._stamp, {"state": self.state, "made": self._made()}, durable=False)

    @property
    def _stamp(self) -> Path:
        return self.outputs / "report" / STAMP

    def _made(self) -> str:
        return content_hash([_stats(self.outputs / name) for name in MADE])


def _stats(place: Path) -> dict[str, list[int]]:
    """Size and time of change of every file in a folder, by its path in it; of a file itself by no name."""
    return {path: [stat.st_size, stat.st_mtime_ns] for path, stat in _files(str(place), "", set())}


def _files(place: str, within: str, above: set[str]) -> Iterator[tuple[str, os.stat_result]]:
    """Links are followed, but for one that leads to a folder it lies in (`above`)."""
    real = os.path.realpath(place)
    try:
        entries = sorted(os.scandir(place), key=lambda entry: entry.name) if real not in above else []
    except NotADirectoryError:
        yield within, os.stat(place)
        return
    except OSError:  # not there
        return
    for entry in entries:
        if entry.is_dir():
            if entry.name != "__pycache__":
                yield from _files(entry.path, f"{within}{entry.name}/", above | {real})
        elif entry.name != STAMP:
            try:
                yield within + entry.name, entry.stat()
            except OSError:  # a link to nothing, or gone meanwhile
                continue


def _experiments(plans: Iterable[Plan], fingerprints: Fingerprints) -> list[Any]:
    """What the experiments of the plans are made of, wherever their code lies."""
    notebooks = dict.fromkeys(name for plan in plans for name in (plan.notebook, *plan.summaries))
    found = []
    for name in notebooks:
        try:
            found.append([name, fingerprints.whole(fingerprints.notebook(name).experiment)])
        except MMLibError as error:
            found.append([name, str(error)])
    return found


def _missing(plans: Iterable[Plan], outputs: Path) -> dict[str, str | None]:
    """Which data are not at hand: the report says so of what did not run."""
    found: dict[str, str | None] = {}
    for plan in plans:
        for profile in plan.profiles:
            for cell in plan.cells(profile, outputs=outputs):
                if (key := cell.parameters.data_key()) not in found:
                    try:
                        found[key] = cell.parameters.missing_data()
                    except MMLibError as error:
                        found[key] = str(error)
    return found


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
