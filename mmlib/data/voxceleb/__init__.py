"""VoxCeleb1 features of faces and voices, as FOP reads them: who speaks, and whose face is it.

Source: identity split and pair lists of Nagrani et al. 2018 (Learnable PINs); feature files as FOP (Saeed et al. 2022)
reads them. `lists` and `tables` read the published files, `conversion` writes the prepared format, `generator` and
`synthetic` make a small set in the same files, `load_face_voice` gives training batches and lists of pairs.

Kept as published: order and pairing of the training rows. Not kept: labels from the parity of a row.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmlib.data.voxceleb.files import IDENTITIES, find_file, find_folder, inputs, missing

__all__ = ["LAYOUT", "inputs", "load_face_voice", "missing", "notes", "prepare_folder", "report"]

LAYOUT = 1  # raise when the same options would write other content


def prepare_folder(folder: Path, root: Path, options: dict[str, Any], inputs_hash: str) -> Path:
    """Convert the published files under a data root; minutes, and 18 kB for every row of 4096 + 512 features.

    A folder of generated files is marked as a stand-in.
    """
    from mmlib.data.voxceleb import lists
    from mmlib.data.voxceleb.conversion import convert
    from mmlib.data.voxceleb.identities import is_generated

    names, _ = lists.read_identities(find_file(find_folder(root), IDENTITIES))
    truth = {"standin": True} if is_generated(names) else {}
    source = {"layout": LAYOUT, "inputs_sha256": inputs_hash, **options}
    widths = {"face": options["face_features"], "voice": options["voice_features"]}
    return convert(folder, find_folder(root), "voxceleb1", widths, source, truth)


def report(root: Path) -> list[str]:
    """What the published lists under a data root hold, one sentence each. Raises `DataError` (malformed)."""
    from mmlib.data.voxceleb import check

    return check.report(root)


def notes(prepared: Any) -> list[str]:
    """Counts of a prepared folder beside the published ones, one sentence each."""
    from mmlib.data.voxceleb import check

    return check.notes(prepared)


def load_face_voice(parameters: Any) -> Any:
    """See `mmlib.data.voxceleb.pairs.load_face_voice` (imported here on use: it loads torch)."""
    from mmlib.data.voxceleb.pairs import load_face_voice as load

    return load(parameters)
