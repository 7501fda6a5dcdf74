"""Checkpoints: everything a killed run needs to go on as if nothing had happened, once per epoch.

They hold tensors and plain numbers only, so they load with `weights_only=True`, and they are replaced atomically. A
checkpoint belongs to its fingerprint (parameters, library, data); another fingerprint's is ignored, and that is said.

The file is a ZIP archive in which torch stores a CRC-32 of each tensor. torch itself does not compare them: a flipped
bit would be trained on. They are compared here, once, when a run is resumed; writing costs nothing more.

Training waits for a copy of its state in memory, not for the disk (`CheckpointWriter`): a checkpoint is several times
the weights. One that is being written when the process is killed leaves the one before it. What stays the same from
epoch to epoch is `packed` once: torch asks about every number and every name of what it stores, one by one, which cost
runs of many short epochs some percent of their time.
"""

from __future__ import annotations

import io
import pickle
import zipfile
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mmlib.errors import UsageError
from mmlib.files import atomic_path
from mmlib.record import CHECKPOINT_FILE

FORMAT = 3
FILE = CHECKPOINT_FILE


def save_checkpoint(folder: Path, fingerprint: str, state: dict[str, Any]) -> None:
    """Replace the folder's checkpoint. Raises `OutputsError`."""
    # Not durable: what a power cut damages is noticed when it is read, and training starts anew.
    with atomic_path(folder / FILE, durable=False) as path:
        try:
            torch.save({"format": FORMAT, "fingerprint": fingerprint, **state}, path)
        except RuntimeError:  # torch's writer keeps to itself what the system said; to a full disk it says it again
            with open(path, "ab") as stream:
                stream.write(bytes(1 << 20))
            raise


class CheckpointWriter:
    """Replaces a folder's checkpoint while training goes on, one at a time and in order.

    `close` waits for the last one. Both calls raise `OutputsError` for the one before, which could not be written.
    """

    def __init__(self, folder: Path, fingerprint: str) -> None:
        self.folder, self.fingerprint = folder, fingerprint
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        self._writing: Future | None = None

    def save(self, state: dict[str, Any]) -> None:
        """Take the state as it is now; what happens to its tensors, dicts and lists later does not matter."""
        self.wait()
        copied = host_copy(state)
        self._writing = self._thread.submit(save_checkpoint, self.folder, self.fingerprint, copied)

    def wait(self) -> None:
        """Until nothing is being written."""
        writing, self._writing = self._writing, None
        if writing is not None:
            writing.result()

    def close(self) -> None:
        try:
            self.wait()
        finally:
            self._thread.shutdown()


def host_copy(value: Any, known: dict[int, Tensor] | None = None) -> Any:
    """Nested dicts, lists and tuples with a copy of every tensor on the CPU; what is one tensor stays one."""
    known = {} if known is None else known
    if isinstance(value, dict):
        return {name: host_copy(inside, known) for name, inside in value.items()}
    if isinstance(value, list | tuple):
        return type(value)([host_copy(inside, known) for inside in value])
    if not isinstance(value, Tensor):
        return value
    if id(value) not in known:
        known[id(value)] = value.detach().to("cpu", copy=True)
    return known[id(value)]


def packed(value: Any) -> Tensor:
    """Nested dicts, lists, tensors and plain numbers as one tensor of bytes, uint8 (n,), on the CPU."""
    stream = io.BytesIO()
    torch.save(host_copy(value), stream)
    return torch.frombuffer(stream.getbuffer(), dtype=torch.uint8)


def unpacked(content: Tensor) -> Any:
    """What was packed, with tensors on the CPU; trusted as little as the file around it.

    Raises `UsageError` for content that is not what was stored, and whatever torch does for other content.
    """
    stream = io.BytesIO(content.numpy().tobytes())
    if problem := content_problem(stream):
        raise UsageError(problem)
    stream.seek(0)
    return torch.load(stream, map_location="cpu", weights_only=True)


def check_plain(value: Any, where: str) -> None:
    """Raise `UsageError` for what a checkpoint could hold, but not give back: it loads nothing that may run code."""
    if isinstance(value, dict):
        for name, inside in value.items():
            check_plain(inside, f"{where}, {name}")
    elif isinstance(value, list | tuple):
        for inside in value:
            check_plain(inside, where)
    elif not isinstance(value, str | int | float | bool | Tensor | None) or isinstance(value, np.generic):
        raise UsageError(
            f"{where}: a {type(value).__name__} cannot be read back from a checkpoint. Make it a tensor, a text or a "
            "plain number."
        )


def content_problem(file: Path | io.BytesIO) -> str | None:
    """The first part of a stored archive whose content is not what was stored, in words; None where all are.

    Raises whatever `zipfile` does for a file that is no archive.
    """
    with zipfile.ZipFile(file) as archive:
        if any(part.compress_type != zipfile.ZIP_STORED for part in archive.infolist()):
            return "torch compresses nothing"
        wrong = archive.testzip()
    return None if wrong is None else f"the content of {wrong} is not what was stored"


def load_checkpoint(folder: Path, fingerprint: str) -> tuple[dict[str, Any] | None, str | None]:
    """`(state, None)`; `(None, None)` when there is none; `(None, reason)` when there is one that cannot be used."""
    path = folder / FILE
    if not path.exists():
        return None, None
    try:
        problem = content_problem(path)
        state = None if problem else torch.load(path, map_location="cpu", weights_only=True)
        if isinstance(state, dict) and "before" in state:
            state["before"] = unpacked(state["before"])
    except pickle.UnpicklingError:  # torch's text advises to load it unsafely, which is never done here
        problem = "not tensors and plain numbers only"
    except Exception as error:  # a damaged file makes readers fail in any way: KeyError, struct.error, MemoryError
        problem = str(error).strip().partition("\n")[0][:80] or type(error).__name__
    if problem:
        return None, f"checkpoint {path} is damaged ({problem}); training starts anew"
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        return None, f"checkpoint {path} has another format; training starts anew"
    if state.get("fingerprint") != fingerprint:
        return None, f"checkpoint {path} was made with other parameters, code or data; training starts anew"
    return state, None
