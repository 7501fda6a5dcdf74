"""Whether what a run left is still what it wrote: a digest in each JSON file, and stamps of the files beside it.

A file without a digest was made before there were any: it is taken as it is. The digest is of the content as stored, so
that fields added later change nothing. It shows what happened by accident or by hand; nobody who means to deceive is
kept from computing it again.

A stamped file is read again only where its size or time of change differ, so that `mmlib status` stays quick; whoever
uses the file for a result reads it in any case.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from mmlib.files import content_hash, sha256_file

DIGEST = "digest"
HISTORY, ARRAYS, WEIGHTS, NOTEBOOK = "history.jsonl", "arrays.npz", "model.safetensors", "notebook.ipynb"
BESIDE = (HISTORY, ARRAYS, WEIGHTS, NOTEBOOK)
NUMBERS = (HISTORY, ARRAYS)
"""What figures and analyses read; a changed notebook or other weights do not change a table."""
LARGE = 16 << 20
"""Bytes from which weights that were copied are believed until they are loaded."""


class FileStamp(BaseModel):
    """A file as it was written: size, SHA-256, and when it was changed (nanoseconds, as the file system keeps it)."""

    model_config = ConfigDict(extra="forbid", strict=True)

    bytes: int
    modified: int
    sha256: str


def sealed(content: Mapping[str, Any]) -> dict[str, Any]:
    """`content`, plain JSON values, with its digest."""
    return {**content, DIGEST: digest_of(content)}


def digest_of(content: Mapping[str, Any]) -> str:
    return content_hash({name: value for name, value in content.items() if name != DIGEST})


def is_broken(content: Any) -> bool:
    """Whether stored content has a digest that is not its own."""
    if not isinstance(content, dict) or content.get(DIGEST) is None:
        return False
    try:
        return content[DIGEST] != digest_of(content)
    except (ValueError, RecursionError):  # what we would not have written: infinite numbers, half characters
        return True


def stamp(path: Path, sha256: str | None = None) -> FileStamp:
    """The stamp of a file, whose SHA-256 may be known already. Raises `OSError`."""
    found = path.stat()
    return FileStamp(bytes=found.st_size, modified=found.st_mtime_ns, sha256=sha256 or sha256_file(path))


def stamps(folder: Path, names: Iterable[str] = BESIDE) -> dict[str, FileStamp]:
    """The stamps of those files that are there."""
    return {name: stamp(folder / name) for name in names if (folder / name).is_file()}


def altered(
    folder: Path, files: Mapping[str, FileStamp], names: Iterable[str] = NUMBERS, read: bool = False
) -> str | None:
    """The first of `names` that is no longer as stamped, in words; None where all are, and for those without a stamp.

    With `read` each is read; otherwise only where its size is as it was and its time of change is not.
    """
    for name in names:
        known, path = files.get(name), folder / name
        if known is None:
            continue
        try:
            found = path.stat()
            if found.st_size != known.bytes:
                return f"{name} was changed after the run: {found.st_size} bytes, not {known.bytes}"
            suspect = found.st_mtime_ns != known.modified and (name in NUMBERS or known.bytes <= LARGE)
            if (read or suspect) and sha256_file(path) != known.sha256:
                return f"{name} was changed after the run (another SHA-256)"
        except FileNotFoundError:
            return f"{name} is gone"
        except OSError as error:
            return f"{name} cannot be read ({error.strerror or error})"
    return None
