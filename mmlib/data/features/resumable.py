"""A large array file written piece by piece, so that an interrupted conversion goes on where it stopped.

The file has its final form (`.npy`) from the start; beside it a note says how many rows are safely on disk. Plain
writes, no memory map: what is written does not count as memory of this process.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmlib.data.allocation import allocated
from mmlib.errors import UsageError
from mmlib.files import read_json, write_json


class ResumableArray:
    """Rows of `folder/<name>.npy`, an array of `shape` and `dtype`, appended in order; `done` rows are safe.

    `folder` must belong to one content only: whatever lies there of the same shape and type is taken to be its start.
    """

    def __init__(self, folder: Path, name: str, shape: Sequence[int], dtype: Any) -> None:
        self.path, self._note = folder / f"{name}.npy", folder / f"{name}.json"
        self.shape, self.dtype = tuple(shape), np.dtype(dtype)
        folder.mkdir(parents=True, exist_ok=True)
        self.done = self._finished()
        if not self.done:
            allocated(self.path, self.dtype, self.shape)

    def append(self, rows: np.ndarray) -> None:
        """Write the next rows and make them safe."""
        row = int(np.prod(self.shape[1:])) * self.dtype.itemsize
        with open(self.path, "r+b") as stream:
            stream.seek(self.path.stat().st_size - (self.shape[0] - self.done) * row)
            stream.write(np.ascontiguousarray(rows, self.dtype))
            stream.flush()
            os.fsync(stream.fileno())
        self.done += len(rows)
        write_json(self._note, self._state() | {"done": self.done})

    def _state(self) -> dict[str, Any]:
        return {"shape": list(self.shape), "dtype": self.dtype.str}

    def _finished(self) -> int:
        """Rows that an earlier run left, 0 where there is nothing of use."""
        try:
            note = read_json(self._note)
            array = np.load(self.path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError, UsageError):
            return 0
        same = isinstance(note, dict) and {**note, "done": 0} == {**self._state(), "done": 0}
        return int(note["done"]) if same and array.shape == self.shape and array.dtype == self.dtype else 0
