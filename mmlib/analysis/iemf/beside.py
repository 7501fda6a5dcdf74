"""What the figures of IEMF show that no run leaves by itself, read from where the figure's notebook put it.

A loss landscape takes a network's weights and data, human votes take a table of CREMA-D: both are computed once, by
`mmlib.experiments.figure.iemf`, and kept. Here they are read, so that a report needs neither torch nor data.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmlib.analysis.human_votes import Votes
from mmlib.errors import UsageError
from mmlib.files import read_json
from mmlib.workbook.results import Results

LANDSCAPES = {"none": "without IEMF", "none-iemf": "with IEMF"}
"""The two rows whose landscapes stand side by side."""
LANDSCAPE_FILE, VOTES_FILE = "landscape-*.npz", "iemf-human-votes.json"


@dataclass(frozen=True)
class Plane:
    """One landscape: `loss` (n, n) in nats at `places` (n,) along two directions, as it was kept.

    What `mmlib.analysis.landscape.Landscape` has, without loading torch.
    """

    label: str
    seed: int
    loss: np.ndarray
    places: np.ndarray
    samples: int
    norms: str

    @property
    def centre(self) -> float | None:
        """The loss at the trained weights; None where the grid leaves them out (an even n)."""
        middle = len(self.places) // 2
        return float(self.loss[middle, middle]) if len(self.places) % 2 else None


def landscape_seed(results: Results) -> int | None:
    """The first seed that both rows ran; None where there is none."""
    rows = [results.rows.get(row) for row in LANDSCAPES]
    if None in rows:
        return None
    return min(set.intersection(*(set(row.records) for row in rows)), default=None)


def landscape_folders(results: Results) -> dict[str, Path]:
    """{row: cell folder} of the two runs that are compared; empty where one is missing."""
    seed = landscape_seed(results)
    if seed is None:
        return {}
    folders = {row: results.folders.get(results.rows[row].records[seed].cell_id) for row in LANDSCAPES}
    return {row: folder for row, folder in folders.items() if folder} if all(folders.values()) else {}


def read_planes(results: Results) -> list[Plane]:
    """Both landscapes, on the same grid and number of samples; empty where they were not computed so."""
    folders = landscape_folders(results)
    planes = [_read_plane(LANDSCAPES[row], landscape_seed(results) or 0, folder) for row, folder in folders.items()]
    known = [plane for plane in planes if plane is not None]
    alike = {(plane.samples, plane.norms, plane.places.tobytes()) for plane in known}
    return known if len(known) == len(LANDSCAPES) and len(alike) == 1 else []


def _read_plane(label: str, seed: int, folder: Path) -> Plane | None:
    """The landscape computed last of those in a cell's folder."""
    for path in sorted(folder.glob(LANDSCAPE_FILE), key=lambda path: path.stat().st_mtime, reverse=True):
        try:
            with np.load(path, allow_pickle=False) as stored:
                return Plane(
                    label, seed, stored["loss"], stored["places"], int(stored["samples"]), str(stored["norms"])
                )
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            continue
    return None


def votes_path(outputs: Path) -> Path:
    """Where r and I of human votes are kept; they belong to no profile."""
    return outputs / "figures" / VOTES_FILE


def read_votes(outputs: Path) -> list[Votes]:
    """r and I over all clips and by emotion; empty where they were not computed."""
    try:
        return [Votes(**row) for row in read_json(votes_path(outputs))]
    except (OSError, UsageError, TypeError):
        return []


def beside_files(results: Results, outputs: Path) -> list[Path]:
    """The files that figures are drawn from beyond those that every run leaves."""
    landscapes = [
        path for folder in landscape_folders(results).values() for path in sorted(folder.glob(LANDSCAPE_FILE))
    ]
    return [*landscapes, votes_path(outputs)]
