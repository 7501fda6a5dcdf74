"""Small file habits shared by everything that reads and writes: atomic, strict, hashed, and inside its folder."""

from __future__ import annotations

import contextlib
import errno
import functools
import hashlib
import json
import os
import re
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmlib.errors import OutputsError, UsageError


@contextlib.contextmanager
def atomic_path(target: str | Path, durable: bool = True) -> Iterator[Path]:
    """Yield a temporary path beside `target`; on success it replaces `target`, on failure it is removed.

    A reader sees the old file or the new one, never a part; after a power cut, too, if `durable`. What is only of use
    until its process ends need not wait for the disk. Raises `OutputsError` when the folder cannot be
    written or the disk is full.
    """
    target = Path(target)
    temporary = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent)
        os.close(handle)
        temporary = Path(name)
        os.chmod(temporary, 0o666 & ~umask())
        yield temporary
        if durable:
            with open(temporary, "rb+") as stream:
                os.fsync(stream.fileno())
        os.replace(temporary, target)
    except OSError as error:
        raise OutputsError(
            f"cannot write {target}: {write_problem(error, target)}. Free space, fix its permissions, or choose "
            "another folder with --outputs; what was written before is kept."
        ) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


TEMPORARY = re.compile(r"\..+\.[a-z0-9_]{8}\.tmp")
"""The names of `atomic_path`'s temporary files."""
ABANDONED = 3600.0
"""Seconds after which a temporary file is nobody's any more: writing one takes far less."""


def remove_abandoned(folder: str | Path) -> None:
    """Remove, here and in the folders below, what processes that were killed while they wrote left (`atomic_path`)."""
    now = time.time()
    for place, _, names in os.walk(folder):
        for name in filter(TEMPORARY.fullmatch, names):
            with contextlib.suppress(OSError):  # gone meanwhile, or not ours to remove
                if now - os.lstat(os.path.join(place, name)).st_mtime > ABANDONED:
                    os.unlink(os.path.join(place, name))


FULL = (errno.ENOSPC, errno.EDQUOT)
"""What the system answers where a disk, or a user's share of it, is full."""


def write_problem(error: OSError, place: str | Path) -> str:
    """Why nothing could be written at `place`, in words; of a full disk also which one it is and its room."""
    if error.errno not in FULL:
        return error.strerror or str(error)
    text = error.strerror or os.strerror(error.errno)
    disk = Path(os.path.abspath(place))
    with contextlib.suppress(OSError):
        while not disk.exists():
            disk = disk.parent
        while not os.path.ismount(disk) and disk != disk.parent:
            disk = disk.parent
        found = os.statvfs(disk)
        left, size = (blocks * found.f_frsize / 1e6 for blocks in (found.f_bavail, found.f_blocks))
        files = " and no room for another file" if found.f_files and not found.f_favail else ""
        return f"{text} (the disk mounted at {disk} has {left:,.1f} of {size:,.1f} MB left{files})"
    return text


@functools.cache  # asking for it changes it for a moment, in all threads
def umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_text(target: str | Path, text: str, durable: bool = True) -> None:
    """Write `text` (UTF-8) atomically."""
    with atomic_path(target, durable) as path:
        path.write_text(text, encoding="utf-8")


def dump_json(value: Any, indent: int | None = 2) -> str:
    """Strict JSON: keys sorted, no NaN or infinity (they are not JSON and break other readers)."""
    return json.dumps(value, indent=indent, sort_keys=True, allow_nan=False, ensure_ascii=False)


def write_json(target: str | Path, value: Any, durable: bool = True) -> None:
    """Write `value` as strict JSON, atomically."""
    write_text(target, dump_json(value) + "\n", durable)


def parse_json(text: str) -> Any:
    """Strict JSON as plain values. Raises `ValueError`, also for what is nested too deep or a number too long."""
    try:
        return json.loads(text, parse_constant=_no_number)
    except RecursionError:
        raise ValueError("nested too deep") from None


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no JSON")


def read_json(path: str | Path) -> Any:
    """Read a JSON file; a damaged one is a `UsageError` that names the file and the line."""
    path = Path(path)
    text = ""
    try:
        text = path.read_text(encoding="utf-8")
        return parse_json(text)
    except ValueError as error:  # of JSON, of UTF-8, of a number with too many digits
        if text.startswith(LFS_POINTER):
            raise UsageError(f"{path} {LFS_ADVICE}") from error
        raise UsageError(f"{path} is not valid JSON ({error}). Delete it and run again.") from error


LFS_POINTER = "version https://git-lfs.github.com/spec/"
"""How a file begins that Git LFS has put in the place of the real one."""
LFS_ADVICE = "is a Git LFS pointer, not the file itself: run `git lfs pull` in its repository."


def is_lfs_pointer(path: str | Path) -> bool:
    """Whether a file is what Git LFS leaves until the real one is fetched; False where it cannot be read."""
    try:
        with open(path, "rb") as stream:
            return stream.read(len(LFS_POINTER)) == LFS_POINTER.encode()
    except OSError:
        return False


LONGEST_NAME = 200
"""Bytes of a name: a file system takes 255, and suffixes are added."""


def name_problem(name: object) -> str:
    """Why `name` cannot name a file or folder of ours; empty where it can."""
    if not isinstance(name, str) or not name:
        return "it is empty" if name == "" else "it is no text"
    if "/" in name or "\\" in name or name.startswith("."):
        return "it must be one name, without / and \\, and must not begin with a dot"
    if not name.isprintable():
        return "it has characters that cannot be printed"
    if len(name.encode()) > LONGEST_NAME:
        return f"it is longer than {LONGEST_NAME} bytes"
    return ""


def safe_name(name: object, what: str) -> str:
    """`name` as it is, if it can become one part of a path and leads nowhere else; `what` names it in the message.

    Raises `UsageError`.
    """
    if problem := name_problem(name):
        raise UsageError(f"{what} {name!r:.80} cannot be a file's name: {problem}.")
    return str(name)


def inside(folder: Path, name: object, what: str) -> Path:
    """The path of `name`, which may have several parts, in `folder`. Raises `UsageError` where it leads out of it.

    Links that lie in the folder are followed later: who put them there meant them.
    """
    if not isinstance(name, str) or not name or "\0" in name:
        raise UsageError(f"{what} {name!r:.80} cannot be a file's name.")
    base = os.path.abspath(folder)
    place = os.path.normpath(os.path.join(base, name))
    if os.path.isabs(name) or not place.startswith(os.path.join(base, "")):
        raise UsageError(f"{what} {name!r:.80} lies outside of {folder}.")
    return Path(place)


def user_path(text: str, what: str) -> Path:
    """A path as a user typed it, absolute, with `~` as the home folder; nothing has to be there.

    Raises `UsageError` for an empty one, an unknown `~user`, one too long, or links that lead in a circle.
    """
    if not text or "\0" in text:
        raise UsageError(f"{what} is empty: name a folder, or leave it out.")
    try:
        path = Path(text).expanduser()
        with contextlib.suppress(FileNotFoundError, NotADirectoryError, PermissionError):
            os.stat(path)
        return path.resolve()
    except (RuntimeError, OSError) as error:  # no such user; a name too long, a circle of links
        why = getattr(error, "strerror", None) or str(error).rstrip(".")
        raise UsageError(f"{what} {text:.120} cannot be used: {why}. Name another path.") from None


def sha256_bytes(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: str | Path) -> str:
    """SHA-256 of a file's content, as hexadecimal."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def content_hash(value: Any) -> str:
    """SHA-256 of a JSON value, independent of key order."""
    return sha256_bytes(dump_json(value, indent=None).encode())
