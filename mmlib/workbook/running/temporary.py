"""Temporary folders of ours: each says whose it is, so that only what a dead process of ours left is removed.

A folder `mmlib-<process>-...` is ours if its marker names this user, this machine and a process; it is left over when
that process is gone: another one may have its number by now, so its start time is compared, and the boot's identity,
after which numbers begin anew. Whatever has no such marker belongs to somebody else and stays.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mmlib.errors import OutputsError, UsageError
from mmlib.files import read_json, write_json, write_problem

PREFIX = "mmlib-"
MARKER = ".mmlib-owner.json"
LARGEST_MARKER = 4096  # bytes
LONGEST_BASE, SHORT_BASE = 50, "/tmp"  # a Unix socket's path may have 107 characters


def own_folder(kind: str = "", base: str | Path | None = None) -> Path:
    """A new private folder of this process in `base` (the system's place for temporary files), with its marker.

    Raises `OutputsError` where it cannot be made, with its place.
    """
    folder = None
    try:
        folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-{kind}", dir=base))
        write_json(folder / MARKER, identity_of(os.getpid()), durable=False)
    except (OSError, OutputsError) as error:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
        place = folder.parent if folder else base or os.environ.get("TMPDIR") or SHORT_BASE
        cause = error if isinstance(error, OSError) else error.__cause__
        raise OutputsError(
            f"cannot make a temporary folder in {place}: {write_problem(cause, place)}. Free space there, or name "
            "another folder in the variable TMPDIR; what was written before is kept."
        ) from error
    return folder


def socket_folder(kind: str = "") -> Path:
    """A new private folder with a short name, for sockets. Raises `OutputsError`."""
    try:
        base = tempfile.gettempdir()
    except OSError:  # none of the usual places can be written
        base = SHORT_BASE
    return own_folder(kind, base if len(base) < LONGEST_BASE else SHORT_BASE)


def remove_leftovers(bases: Iterable[str | Path] = ()) -> None:
    """Delete our folders whose process is gone, in `bases` and the system's place for temporary files."""
    for base in dict.fromkeys(map(str, (*bases, tempfile.gettempdir()))):
        with contextlib.suppress(OSError):
            for folder in sorted(Path(base).glob(f"{PREFIX}*-*")):
                if is_left_over(folder):
                    shutil.rmtree(folder, ignore_errors=True)


def is_left_over(folder: Path) -> bool:
    """Whether a folder is one of ours whose process has ended. In doubt it is not."""
    owner = _owner(folder)
    if owner is None:
        return False
    here = identity_of(os.getpid())
    if any(owner.get(name) != here[name] for name in ("uid", "host")):
        return False
    if owner.get("boot") != here["boot"]:
        return True
    if owner.get("namespace") != here["namespace"]:  # a container's processes have numbers of their own
        return False
    pid = owner.get("pid")
    return type(pid) is int and identity_of(pid)["started"] != owner.get("started")


def _owner(folder: Path) -> dict[str, Any] | None:
    """What the marker says; None where there is none of this user's."""
    try:
        marker = folder / MARKER
        ours = os.getuid()
        stats = (os.lstat(folder), os.lstat(marker))
        if folder.is_symlink() or marker.is_symlink() or any(one.st_uid != ours for one in stats):
            return None
        if stats[1].st_size > LARGEST_MARKER:
            return None
        owner = read_json(marker)
    except (OSError, UsageError):
        return None
    return owner if isinstance(owner, dict) else None


def identity_of(pid: int) -> dict[str, Any]:
    """What tells a process from every other one; `started` is None where there is no such process."""
    return {
        "uid": os.getuid(),
        "host": socket.gethostname(),
        "boot": _text("/proc/sys/kernel/random/boot_id"),
        "namespace": _link("/proc/self/ns/pid"),
        "pid": pid,
        "started": _started(pid),
    }


def _started(pid: int) -> str | None:
    """When a process began, in a form that is only compared."""
    if os.path.isdir("/proc/self"):
        # Field 22 of the line; the second, the program's name in brackets, may hold spaces and brackets itself.
        fields = _text(f"/proc/{pid}/stat").rpartition(")")[2].split()
        return fields[19] if len(fields) > 19 else None
    import psutil  # comes with Dask

    try:
        return repr(psutil.Process(pid).create_time())
    except (psutil.Error, OverflowError, ValueError):
        return None


def _text(path: str) -> str:
    try:
        return Path(path).read_text(errors="replace").strip()
    except OSError:
        return ""


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""
