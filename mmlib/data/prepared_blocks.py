"""Whether the arrays of a prepared folder are still what was written: SHA-256 of each file and of every block of it.

Nothing less than reading all of a file shows one turned bit, so nothing is sampled. Blocks say where the damage is, and
let a reader stop at once. Folders prepared before there were blocks have the file's own SHA-256 alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mmlib.data.prepared_check import BLOCKS, damaged, open_array, read_manifest
from mmlib.data.prepared_index import read_index
from mmlib.errors import DataError
from mmlib.seal import DIGEST

BLOCK = 16 << 20  # bytes of a block: a digest of 64 characters for each in the manifest
PIECE = 1 << 20  # bytes read at once


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a prepared folder: the file, and the message a user reads."""

    where: Path
    message: str

    def __str__(self) -> str:
        return self.message


class Stopped(Exception):
    """Raised where comparing a file was given up."""


def no_stop() -> bool:
    return False


def file_digests(path: Path, block: int) -> tuple[str, list[str]]:
    """SHA-256 of a file and of every `block` bytes of it, in one reading. Raises `OSError`."""
    whole = hashlib.sha256()
    with open(path, "rb", buffering=0) as stream:
        found = list(_blocks(stream, block, no_stop, whole))
    return whole.hexdigest(), found


def _blocks(stream: Any, size: int, stopped: Callable[[], bool], whole: Any = None) -> Iterator[str]:
    """SHA-256 of every `size` bytes of a stream; `whole` is fed with all of them."""
    buffer = memoryview(bytearray(min(PIECE, size)))
    ended = False
    while not ended:
        digest, left = hashlib.sha256(), size
        while left and not ended:
            if stopped():
                raise Stopped
            read = stream.readinto(buffer[: min(left, len(buffer))])
            ended = not read
            digest.update(buffer[:read])
            if whole is not None:
                whole.update(buffer[:read])
            left -= read
        if left < size:
            yield digest.hexdigest()


def expected(manifest: dict[str, Any], name: str) -> tuple[int, list[str]]:
    """How long the blocks of an array's file are, and their digests; one for the whole file where there are none."""
    if BLOCKS not in manifest:
        return 1 << 62, [manifest["arrays"][name]["sha256"]]
    return manifest[BLOCKS]["bytes"], manifest[BLOCKS]["sha256"][name]


def first_damage(
    folder: Path, manifest: dict[str, Any], name: str, stopped: Callable[[], bool] = no_stop
) -> str | None:
    """What of an array's file is not as it was written, in words: the first block and its rows. None where all is.

    Raises `Stopped` soon after `stopped()` is true.
    """
    entry = manifest["arrays"][name]
    size, known = expected(manifest, name)
    path, read = folder / entry["file"], 0
    try:
        with open(path, "rb", buffering=0) as stream:
            for digest in _blocks(stream, size, stopped):
                if read >= len(known) or digest != known[read]:
                    return f"{_where(path, entry, size, read, len(known))} of array {name!r} is not as it was written"
                read += 1
    except OSError as error:
        return f"array {name!r} cannot be read after {read} of {len(known)} blocks ({error.strerror or error})"
    return None if read == len(known) else f"array {name!r} has {read} blocks, {len(known)} were written"


def _where(path: Path, entry: dict[str, Any], size: int, place: int, blocks: int) -> str:
    """A block in words, with the rows of the array that begin or end in it."""
    if blocks == 1:
        return "the content"
    row = int(np.prod(entry["shape"][1:])) * np.dtype(entry["dtype"]).itemsize
    start = place * size - (path.stat().st_size - row * entry["shape"][0])
    first, last = max(start, 0) // max(row, 1), max(start + size - 1, 0) // max(row, 1)
    return f"block {place + 1} of {blocks} (rows {first:,} to {min(last, entry['shape'][0] - 1):,})"


def check_prepared(folder: str | Path) -> list[Problem]:
    """Everything wrong with a prepared folder (contents included), one `Problem` per file; empty when sound."""
    folder = Path(folder)
    problems: list[Problem] = []
    try:
        manifest = read_manifest(folder)
    except DataError as error:
        return [Problem(folder / "manifest.json", str(error))]
    try:
        read_index(folder, manifest)
    except DataError as error:
        problems.append(Problem(folder / manifest["index"]["file"], str(error)))
    for name, entry in manifest["arrays"].items():
        try:
            open_array(folder, name, entry, manifest["index"]["rows"])
            check_content(folder, manifest, name)
        except DataError as error:
            problems.append(Problem(folder / entry["file"], str(error)))
    return problems


def check_content(folder: Path, manifest: dict[str, Any], name: str) -> None:
    """Read an array's file and compare it with its digests. Raises `DataError` naming the block."""
    problem = first_damage(folder, manifest, name)
    if problem is not None:
        raise damaged(folder / manifest["arrays"][name]["file"], problem)


def unsealed(manifest: dict[str, Any]) -> str:
    """A sentence for a folder whose manifest has no digest of its own; empty for others."""
    if manifest.get(DIGEST) is not None:
        return ""
    return (
        "its manifest has no digest, so that a change of it is not seen: it was prepared by an earlier mmlib, which "
        "also placed late sound by counting. Prepare the data again to have both"
    )
