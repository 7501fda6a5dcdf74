"""Close up the rows of skipped clips in place, so that a kill at any moment loses nothing and no second copy is needed.

Rows move towards the beginning in blocks. A block is first copied to a side file and announced in `closing.json`; then
it is written to its place. After a kill the announced block is written again from the side file: doing so twice changes
nothing. So at no time the only copy of a row is half overwritten.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

import numpy as np

from mmlib.data.media.journal import Rows, data_start, write_all
from mmlib.files import read_json, write_json

BLOCK = 64 << 20  # bytes moved at a time


def close_up(place: Path, folder: Path, rows: Rows, listed: int, kept: list[int]) -> None:
    """Keep rows `kept` (ascending) of `listed` in every array file of `folder`, and cut the files to that many.

    `place`: where `closing.json` and the side file live. Resumes where an earlier call was killed.
    """
    state_path = place / "closing.json"
    state = read_json(state_path) if state_path.exists() else {"done": {}}
    for name, (shape, dtype) in rows.shapes.items():
        path = folder / f"{name}.npy"
        width = int(np.prod(shape)) * np.dtype(dtype).itemsize
        if listed != len(kept) and state["done"].get(name, 0) < len(kept):
            _move(path, width, kept, name, state, state_path)
        _cut(path, (len(kept), *shape), np.dtype(dtype), width)


def _move(path: Path, width: int, kept: list[int], name: str, state: dict, state_path: Path) -> None:
    side = state_path.with_name("block.bin")
    start = data_start(path)
    done = state["done"].get(name, 0)
    with open(path, "rb+") as stream:
        while done < len(kept):
            if kept[done] == done:  # nothing was skipped before it
                done += 1
                continue
            count = max(1, min(BLOCK // width, len(kept) - done))
            announced = state.get("block")
            if announced != [name, done]:
                _copy_block(stream, side, start, width, kept[done : done + count])
                state |= {"block": [name, done]}
                write_json(state_path, state)
            write_all(stream.fileno(), np.frombuffer(side.read_bytes(), np.uint8), start + done * width)
            done += count
            state["done"][name] = done
            state.pop("block", None)
            write_json(state_path, state)
        stream.flush()
        os.fsync(stream.fileno())
    side.unlink(missing_ok=True)


def _copy_block(stream: BinaryIO, side: Path, start: int, width: int, numbers: list[int]) -> None:
    with open(side, "wb") as target:
        for number in numbers:
            stream.seek(start + number * width)
            target.write(stream.read(width))
        target.flush()
        os.fsync(target.fileno())


def _cut(path: Path, shape: tuple[int, ...], dtype: np.dtype, width: int) -> None:
    """Give the file its final number of rows: its end is cut off and its header written anew, of the same length."""
    start = data_start(path)
    header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    with open(path, "rb+") as stream:
        np.lib.format.write_array_header_1_0(stream, header)
        if stream.tell() != start:
            raise AssertionError(f"{path.name}: the header has another length")
        stream.truncate(start + shape[0] * width)
        stream.flush()
        os.fsync(stream.fileno())
