"""One run at a time on one outputs folder: an operating system lock, which vanishes with the process that held it."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from mmlib.errors import OutputsError, OutputsInUseError, UsageError
from mmlib.files import read_json, write_json
from mmlib.record import now
from mmlib.workbook.state import process_lives

LOCK = ".lock"
OWNER = ".lock-owner.json"


@contextlib.contextmanager
def outputs_lock(outputs: Path) -> Iterator[None]:
    """Hold `outputs` for this process.

    Raises `OutputsInUseError` naming the other process, `OutputsError` when the folder cannot be written.
    """
    from filelock import FileLock, Timeout

    try:
        outputs.mkdir(parents=True, exist_ok=True)
        lock = FileLock(outputs / LOCK)
        lock.acquire(timeout=0)
    except Timeout:
        owner = lock_owner(outputs) or {}
        who = f"process {owner.get('pid', 'unknown')} on {owner.get('host', 'an unknown machine')}"
        raise OutputsInUseError(
            f"{outputs} is in use by another run ({who}). Wait for it, stop it, or choose another folder: --outputs."
        ) from None
    except (OSError, NotImplementedError) as error:
        raise OutputsError(
            f"cannot write {outputs}: {getattr(error, 'strerror', None) or error}. Fix its permissions or choose "
            "another folder with --outputs."
        ) from error
    try:
        write_json(outputs / OWNER, {"pid": os.getpid(), "host": socket.gethostname(), "started": now()})
        yield
    finally:
        with contextlib.suppress(OSError):
            (outputs / OWNER).unlink(missing_ok=True)
        lock.release()


def lock_owner(outputs: Path) -> dict | None:
    """Who says it holds `outputs`, if that process may still live; the lock itself is not touched."""
    try:
        owner = read_json(outputs / OWNER)
        return owner if process_lives(int(owner["pid"]), str(owner["host"])) else None
    except (OSError, UsageError, KeyError, TypeError, ValueError):
        return None
