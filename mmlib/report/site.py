"""The report's folder: pages and pictures written atomically, and what an earlier report left and nothing needs now.

A list in the folder says which files are the report's own and what was in them. Only such a file is ever removed, and
only while it is as it was written: what a user put there, or changed, stays.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmlib.errors import UsageError
from mmlib.files import (
    atomic_path,
    name_problem,
    read_json,
    safe_name,
    sha256_bytes,
    sha256_file,
    write_json,
    write_text,
)

MANIFEST = ".mmlib-report.json"
FORMAT = "mmlib-report"
PICTURES = "figures"
GENERATOR = '<meta name="generator" content="mmlib report">'


class Site:
    """One report being written. Pages lie in `folder`, pictures in `folder/figures`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._before = _read_manifest(folder / MANIFEST)
        self._now: dict[str, dict[str, Any]] = {}

    def page(self, name: str, text: str) -> Path:
        """Write a page (or another text) unless it is there as it is. Raises `OutputsError`, `UsageError`."""
        name = safe_name(name, "the page")
        path, content = self.folder / name, text.encode()
        if not (path.is_file() and path.read_bytes() == content):
            write_text(path, text)
        self._now[name] = {"sha256": sha256_bytes(content)}
        return path

    def keep(self, name: str, state: str | None) -> str:
        """The link of a picture that is there and was made from this state; empty where it is not."""
        link = picture_link(name)
        known = self._before.get(link, {})
        path = self.folder / link
        if state is None or known.get("made_from") != state or not path.is_file():
            return ""
        if sha256_file(path) != known.get("sha256"):
            return ""
        self._now[link] = known
        return link

    def put(self, name: str, state: str | None, content: bytes) -> str:
        """Write a picture, and remember from what state of its source it was made; returns its link."""
        link = picture_link(name)
        with atomic_path(self.folder / link) as path:
            path.write_bytes(content)
        self._now[link] = {"sha256": sha256_bytes(content), "made_from": state}
        return link

    def finish(self) -> None:
        """Remove the report's own files that this report did not write, and remember those that it did."""
        for name, known in self._before.items():
            path = self.folder / name
            if name not in self._now and path.is_file() and sha256_file(path) == known.get("sha256"):
                path.unlink()
        if self._now != self._before:
            write_json(self.folder / MANIFEST, {"format": FORMAT, "version": 1, "files": self._now})


def state_of(source: Path) -> str:
    """The state of a file, by which a copy of it is known to be of now."""
    stat = source.stat()
    return f"{stat.st_size} {stat.st_mtime_ns}"


def picture_link(name: str) -> str:
    """Where a picture lies in the report's folder."""
    return f"{PICTURES}/{safe_name(name, 'the figure')}"


def _read_manifest(path: Path) -> dict[str, dict[str, Any]]:
    """{file: what is known of it}; a damaged list is as good as none, and names that lead elsewhere are not ours."""
    try:
        content = read_json(path)
    except (OSError, UsageError):
        return {}
    files = content.get("files") if isinstance(content, dict) and content.get("format") == FORMAT else None
    files = files if isinstance(files, dict) else {}
    return {name: known for name, known in files.items() if _is_own(name) and isinstance(known, dict)}


def _is_own(name: str) -> bool:
    return not name_problem(name.removeprefix(f"{PICTURES}/"))
