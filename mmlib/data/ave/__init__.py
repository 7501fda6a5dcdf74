"""AVE, audio-visual event localisation: ten one-second segments per clip, 28 events and background.

Source: Tian et al. 2018; features, annotations and order files as the authors publish them. `files` reads them,
`conversion` writes the prepared format, `generator` and `synthetic` make a small set in the same format, and
`load_segments` gives the batches, also those of `mmlib.data.grid_digits`, which has the same shape.

Kept as published: the split, although 8 test and 10 validation clips share their video with a train clip (column
`leaky`: report accuracy with and without them), and the one clip without an event.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmlib.data.ave.files import ANNOTATIONS, find_folder, inputs, missing

__all__ = ["LAYOUT", "inputs", "load_segments", "missing", "notes", "prepare_folder", "report"]

LAYOUT = 1  # raise when the same options would write other content


def prepare_folder(folder: Path, root: Path, options: dict[str, Any], inputs_hash: str) -> Path:
    """Convert the published files under a data root; minutes and 2.1 GB for the whole set as float16.

    A folder of generated files is marked as a stand-in.
    """
    from mmlib.data.ave.annotations import read_annotations
    from mmlib.data.ave.conversion import convert, is_generated
    from mmlib.data.features.checks import check_storage

    check_storage("ave", options["storage"])
    source_folder = find_folder(root)
    truth = {"standin": True} if is_generated(read_annotations(source_folder / ANNOTATIONS)) else {}
    source = {"layout": LAYOUT, "inputs_sha256": inputs_hash, **options}
    return convert(folder, source_folder, "ave", options["storage"], source, truth)


def report(root: Path) -> list[str]:
    """What the published files under a data root hold, one sentence each. Raises `DataError` (malformed)."""
    from mmlib.data.ave import check

    return check.report(root)


def notes(prepared: Any) -> list[str]:
    """Counts of a prepared folder beside the published ones, one sentence each. Raises `DataError`."""
    from mmlib.data.ave import check

    return check.notes(prepared)


def load_segments(parameters: Any) -> dict[str, Any]:
    """See `mmlib.data.ave.segments.load_segments` (imported here on use: it loads torch)."""
    from mmlib.data.ave.segments import load_segments as load

    return load(parameters)
