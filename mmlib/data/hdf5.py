"""HDF5 files written so that what goes wrong is an `OSError` that names the file, as of any other file."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import h5py

_ERRNO = re.compile(r"errno = (\d+)")


@contextlib.contextmanager
def new_hdf5(path: Path) -> Iterator[h5py.File]:
    """A new HDF5 file to write to.

    The library raises `RuntimeError` where a full disk keeps it from closing the file, and `OSError` without a number
    elsewhere; the number stands in the text. Raises `OSError` with number and file.
    """
    import h5py

    try:
        with h5py.File(path, "w") as file:
            yield file
    except (OSError, RuntimeError) as error:
        if not (found := _ERRNO.search(str(error))):
            raise
        number = int(found[1])
        raise OSError(number, os.strerror(number), str(path)) from error
