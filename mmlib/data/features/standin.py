"""Write a small generated set in exactly the files of a published one, so that its conversion is tried as well."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from mmlib.data.features.sources import HDF5
from mmlib.data.hdf5 import new_hdf5
from mmlib.errors import OutputsError, UsageError
from mmlib.files import write_problem


def write_array(path: Path, values: np.ndarray, key: str = "features", labels: np.ndarray | None = None) -> Path:
    """An array as `open_source` reads it, in the form of the path's ending: .h5, .npy, .npz or .csv.

    `key` names it in HDF5 and .npz; `labels` (rows,) go with .npz and .csv.
    """
    labelled = {} if labels is None else {"labels": labels}
    if path.suffix in HDF5:
        with new_hdf5(path) as file:
            file.create_dataset(key, data=values)
    elif path.suffix == ".npz":
        np.savez(path, **{key: values}, **labelled)
    elif path.suffix == ".npy":
        np.save(path, values)
    else:
        import pandas as pd

        frame = pd.DataFrame(values).assign(**labelled)
        frame.to_csv(path, header=False, index=False, float_format="%.9g")
    return path


@contextlib.contextmanager
def scratch_folder(beside: Path) -> Iterator[Path]:
    """A temporary folder beside a folder to be written; it is removed in the end, unless renamed."""
    scratch = Path(tempfile.mkdtemp(prefix=f".{beside.name}.", suffix=".tmp", dir=beside.parent))
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def write_new_folder(folder: str | Path, write: Callable[[Path], object]) -> Path:
    """A folder that `write` fills: it appears whole or not at all, and must not exist.

    Raises `UsageError` (it exists), `OutputsError`.
    """
    folder = Path(folder)
    if folder.exists():
        raise UsageError(f"{folder} already exists. Choose another folder, or remove that one first.")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with scratch_folder(folder) as scratch:
            write(scratch)
            os.chmod(scratch, 0o755)
            os.rename(scratch, folder)
    except OSError as error:
        raise OutputsError(f"cannot write {folder}: {write_problem(error, folder)}. Choose another folder.") from error
    return folder
