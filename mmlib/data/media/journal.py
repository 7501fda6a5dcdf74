"""What a preparation keeps on disk while it runs, so that a kill costs nothing that was finished.

`journal.jsonl` has one line per clip that was decoded or skipped; the rows of the arrays lie beside it, written in
place by several processes at once. A line is one `write` to the end of the file: lines of different processes do not
mix, and a line cut short by a kill is ignored.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mmlib.data.allocation import allocated
from mmlib.data.media.decode import Decoded, array_shapes
from mmlib.data.media.source import ClipRequest
from mmlib.files import dump_json


@dataclass(frozen=True)
class Row:
    """One finished clip: its row among all listed, the `key` of the files it was made from, and what came of it."""

    row: int
    key: str
    columns: dict[str, int | float] = field(default_factory=dict)
    sha256: str = ""
    reason: str = ""
    detail: str = ""


def append(path: Path, row: Row) -> None:
    """Note a finished clip."""
    line = dump_json({name: value for name, value in vars(row).items() if value not in ("", {})}, indent=None)
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        content = f"\n{line}".encode()  # the line break comes first: it ends a line that was cut short
        if os.write(descriptor, content) < len(content):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
    finally:
        os.close(descriptor)


def read(path: Path) -> Iterator[Row]:
    """The finished clips of a journal; none where there is no journal."""
    if not path.exists():
        return
    with open(path, encoding="utf-8", errors="replace") as stream:
        for line in stream:
            try:
                yield Row(**json.loads(line))
            except (ValueError, TypeError, RecursionError):
                continue  # cut short by a kill


class Rows:
    """The arrays under construction: row i of every file is listed clip i. Written with `pwrite`, never mapped."""

    def __init__(self, folder: Path, request: ClipRequest) -> None:
        self.shapes = array_shapes(request)
        self._paths = {name: folder / f"{name}.npy" for name in self.shapes}
        self._files: dict[str, int] = {}
        self._starts: dict[str, int] = {}

    def create(self, rows: int) -> None:
        """Make the files for so many rows, with their place on the disk; those that are there stay as they are."""
        for name, (shape, dtype) in self.shapes.items():
            if not self._paths[name].exists():
                temporary = self._paths[name].with_suffix(".new")
                allocated(temporary, dtype, (rows, *shape))
                os.replace(temporary, self._paths[name])

    def __enter__(self) -> Rows:
        for name, path in self._paths.items():
            self._starts[name] = data_start(path)
            self._files[name] = os.open(path, os.O_WRONLY)
        return self

    def __exit__(self, *_: object) -> None:
        for descriptor in self._files.values():
            os.close(descriptor)

    def write(self, row: int, decoded: Decoded) -> None:
        """Put a decoded clip into its row."""
        for name, values in (("waveform", decoded.sound), ("frames", decoded.frames)):
            if values is not None:
                write_all(self._files[name], np.ascontiguousarray(values), self._starts[name] + row * values.nbytes)


def write_all(descriptor: int, values: np.ndarray, place: int) -> None:
    """All bytes of `values` at `place`, however many calls that takes."""
    view = memoryview(values).cast("B")
    while len(view):
        written = os.pwrite(descriptor, view, place)
        view, place = view[written:], place + written


def data_start(path: Path) -> int:
    """Where the values of a `.npy` file begin."""
    with open(path, "rb") as stream:
        np.lib.format.read_magic(stream)
        np.lib.format.read_array_header_1_0(stream)
        return stream.tell()
