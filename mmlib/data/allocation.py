"""New array files whose place on the disk is reserved before they are written.

A memory map of a sparse file takes blocks only when a page is written: on a full disk that is a bus error, which ends
the process without a word. Reserved first, a full disk is an ordinary error of the call that makes the file.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmlib.files import write_problem

UNKNOWN = (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS)
"""What file systems and libraries answer that cannot reserve."""
CHUNK = 1 << 20


def allocated(path: Path, dtype: Any, shape: Sequence[int]) -> np.memmap:
    """A new `.npy` file of zeros, mapped for writing.

    Raises `OSError` where the disk has no room, with its name and room in the text; then no file is left.
    """
    try:
        array = np.lib.format.open_memmap(path, mode="w+", dtype=np.dtype(dtype), shape=tuple(shape))
        with open(path, "rb+") as stream:
            reserve(stream.fileno(), array.offset, array.nbytes)
    except OSError as error:
        text = write_problem(error, path)
        path.unlink(missing_ok=True)
        raise OSError(error.errno, text, str(path)) from error
    return array


def reserve(descriptor: int, start: int, size: int) -> None:
    """Give the bytes from `start` on, which are zero, their place on the disk. Raises `OSError`."""
    if not size:
        return
    if hasattr(os, "posix_fallocate"):  # macOS has none
        try:
            return os.posix_fallocate(descriptor, start, size)
        except OSError as error:
            if error.errno not in UNKNOWN:
                raise
    zeros = memoryview(bytes(CHUNK))
    end = start + size
    while start < end:
        start += os.pwrite(descriptor, zeros[: end - start], start)
