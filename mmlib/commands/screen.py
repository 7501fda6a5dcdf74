"""Text for a terminal: paragraphs that keep to its width, tables that are cut between columns where it is narrow."""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Collection, Sequence

NARROWEST = 40


def width() -> int | None:
    """Columns of the terminal, or what $COLUMNS says; None where output goes to a file or a pipe: nothing is wrapped.

    A line of a log can be searched only while it is one line.
    """
    told = os.environ.get("COLUMNS", "")
    if told.isdecimal() and int(told) > 0:
        return max(NARROWEST, int(told))
    try:
        return max(NARROWEST, os.get_terminal_size(sys.stdout.fileno()).columns)
    except (OSError, ValueError, AttributeError):  # no terminal; closed; replaced by something without a descriptor
        return None


def paragraph(text: str, columns: int | None, indent: str = "", hang: str = "    ") -> list[str]:
    """`text` as lines of at most `columns` characters, the first after `indent`, the others `hang` further in."""
    if columns is None:
        return [indent + text]
    return textwrap.wrap(
        text, columns, initial_indent=indent, subsequent_indent=indent + hang, break_on_hyphens=False
    ) or [indent]


def listing(items: Sequence[str], columns: int | None, indent: str = "", lines: int = 2, what: str = "") -> list[str]:
    """`a, b, c` in at most `lines` lines; where that is too little, as many as fit "and 12 more rows" (`what`)."""
    whole = paragraph(", ".join(items), columns, indent)
    count = len(items)
    while len(whole) > lines and count > 1:
        count -= 1
        rest = f" and {len(items) - count} more{f' {what}' if what else ''}"
        whole = paragraph(", ".join(items[:count]) + rest, columns, indent)
    return whole


def table(
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    columns: int | None,
    indent: str = "  ",
    words: Collection[int] = (),
) -> list[str]:
    """Rows of text under heads (of one or several lines), the first column and those in `words` to the left, the others
    to the right.

    Where the terminal is too narrow, the other columns follow in further tables, each beginning with the first one.
    """
    tops = [head.split("\n") for head in heads]
    height = max(map(len, tops))
    above = [[top[line - height + len(top)] if line >= height - len(top) else "" for top in tops]
             for line in range(height)]  # fmt: skip
    widths = [max(map(len, texts)) for texts in zip(*above, *rows, strict=True)]
    room = None if columns is None else columns - len(indent) - widths[0]
    parts: list[list[int]] = [[]]
    used = 0
    for number in range(1, len(heads)):
        used += widths[number] + 2
        if room is not None and used > room and parts[-1]:
            parts.append([])
            used = widths[number] + 2
        parts[-1].append(number)
    lines: list[str] = []
    for part in parts:
        lines += [""] if lines else []
        for texts in (*above, *rows):
            shown = "".join(f"  {texts[number]:{'<' if number in words else '>'}{widths[number]}}" for number in part)
            lines.append(f"{indent}{texts[0]:<{widths[0]}}{shown}".rstrip())
    return lines
