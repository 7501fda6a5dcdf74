"""Small file habits shared by everything that writes: atomic, strict, hashed."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
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
        os.chmod(temporary, 0o666 & ~_umask())
        yield temporary
        if durable:
            with open(temporary, "rb+") as stream:
                os.fsync(stream.fileno())
        os.replace(temporary, target)
    except OSError as error:
        raise OutputsError(
            f"cannot write {target}: {error.strerror or error}. Free space, fix its permissions, or choose another "
            "folder with --outputs; what was written before is kept."
        ) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _umask() -> int:
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


def read_json(path: str | Path) -> Any:
    """Read a JSON file; a damaged one is a `UsageError` that names the file and the line."""
    path = Path(path)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not valid JSON ({error}). Delete it and run again.") from error


def sha256_bytes(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: str | Path) -> str:
    """SHA-256 of a file's content, as hexadecimal."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def content_hash(value: Any) -> str:
    """SHA-256 of a JSON value, independent of key order."""
    return sha256_bytes(dump_json(value, indent=None).encode())
