"""What README.md and the pages of docs/ show to be typed: their fenced blocks, and what is said of each.

A comment in the line before a block says why it cannot be run as it stands:

    <!-- dry run: needs CREMA-D -->      every line is `mmlib run ...`, and is run with --dry-run
    <!-- checked: needs a network -->    every line is read by the command line's own parser, and goes no further
    <!-- not run: opens a browser -->    nothing is done
    <!-- command: test -->               README's two commands, see tests/test_readme.py

A block without one is run.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent.parent
KINDS = ("dry run", "checked", "not run", "command", "environment")
_BLOCK = re.compile(r"(?:^<!-- ([a-z ]+): ([^\n]+) -->\n)?^```(\w*)\n(.*?)^```$", re.M | re.S)


@dataclass(frozen=True)
class Block:
    """A fenced block: `kind` is one of `KINDS`, "run" without a comment; `reason` is what the comment says."""

    page: str
    language: str
    text: str
    kind: str
    reason: str

    @property
    def lines(self) -> list[str]:
        """The commands of a `bash` block; one that goes on after a backslash is one."""
        joined = self.text.replace("\\\n", " ")
        return [line for line in joined.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def page_paths() -> list[Path]:
    """README.md and docs/; CONTRIBUTING.md has a test of its own."""
    return [PROJECT / "README.md", *sorted((PROJECT / "docs").rglob("*.md"))]


def blocks(path: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    page = str(path.relative_to(PROJECT))
    found = _BLOCK.finditer(path.read_text(encoding="utf-8"))
    return [Block(page, language, text, kind or "run", reason or "") for kind, reason, language, text in
            (match.groups() for match in found)]  # fmt: skip


ALL = [block for path in page_paths() for block in blocks(path)]
