"""Reading `arrays.npz` that a run left beside its record. Torch is not loaded."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from mmlib.analysis.kept import HISTORY, is_kept, kept_arrays
from mmlib.seal import ARRAYS

DAMAGE = (OSError, ValueError, KeyError, EOFError, MemoryError, SyntaxError, zipfile.BadZipFile, zlib.error)
"""What NumPy and zipfile raise for a file that is cut short or changed."""


def read_arrays(folder: str | Path | None, wanted: Callable[[str], bool]) -> dict[str, np.ndarray]:
    """The arrays whose names are `wanted`, by name; of a run, or of a reference result's kept ones.

    Empty where there is no folder, the run left none, or the file is damaged, which is printed.
    """
    if folder is not None and is_kept(folder):
        kept = kept_arrays(folder).items()
        return {name: values for name, values in kept if wanted(name) and not name.startswith(HISTORY)}
    path = Path(folder) / ARRAYS if folder is not None else None
    if path is None or not path.is_file():
        return {}
    try:
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored if wanted(name)}
    except DAMAGE as error:
        print(f"{path} is damaged ({str(error)[:80] or type(error).__name__}); left out.")
        return {}
