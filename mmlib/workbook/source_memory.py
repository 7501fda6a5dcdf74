"""What was read of sources, kept from one command to the next: parsing five hundred files was half of `mmlib status`.

A file beside the results. What it says of a source is believed while the source's content is the one it was read from;
it is left aside as a whole when another reader wrote it, when it is damaged, and where it cannot be read or written,
which costs time and nothing else. A package's `__init__` is parsed every time: its statements are needed.
"""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Any

from mmlib.errors import OutputsError, UsageError
from mmlib.files import content_hash, dump_json, read_json, sha256_bytes, sha256_file, write_text
from mmlib.seal import DIGEST, is_broken, sealed
from mmlib.workbook import source
from mmlib.workbook.source import Facts, Source

NAME = ".sources.json"
"""In the outputs folder."""


class SourceMemory:
    """Facts by module. `path` None remembers nothing; a folder that does not exist is not made."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._kept: dict[str, Any] | None = None
        self._news = False

    def read(self, module: str, path: Path) -> Source:
        """The source of a module, parsed only where it is not known. Raises `UsageError` for what is no Python."""
        content = path.read_bytes()
        if self.path is None or path.name == "__init__.py":
            return Source(module, path, content)
        kept, digest = self._entries(), sha256_bytes(content)
        entry = kept.get(module)
        if isinstance(entry, dict) and entry.get("sha256") == digest:
            with contextlib.suppress(KeyError, TypeError, ValueError):
                return Source(module, path, content, Facts.from_json(entry["facts"]))
        found = Source(module, path, content)
        kept[module] = {"sha256": digest, "facts": found.facts.as_json()}
        self._news = True
        return found

    def save(self) -> None:
        """Write what is new, if anything."""
        if not self._news or self.path is None or not self.path.parent.is_dir():
            return
        self._news = False
        content = sealed({"reader": _reader(), "modules": self._kept})
        with contextlib.suppress(OutputsError):
            write_text(self.path, dump_json(content, indent=None), durable=False)

    def _entries(self) -> dict[str, Any]:
        if self._kept is None:
            self._kept = {}
            with contextlib.suppress(OSError, UsageError):
                stored = read_json(self.path)
                if isinstance(stored, dict) and stored.get("reader") == _reader() and _is_whole(stored):
                    modules = stored.get("modules")
                    self._kept = modules if isinstance(modules, dict) else {}
        return self._kept


def _is_whole(stored: dict[str, Any]) -> bool:
    return DIGEST in stored and not is_broken(stored)


def _reader() -> str:
    """Changes where the same file might be read otherwise."""
    return content_hash([list(sys.version_info[:2]), sha256_file(source.__file__)])
