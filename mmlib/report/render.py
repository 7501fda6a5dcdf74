"""One table, four languages: CSV (raw numbers), Markdown, LaTeX (plain `tabular`, no package needed), HTML.

A `Table` is text ready to be read; its `data` holds the same facts as numbers, which is what the CSV carries.
"""

from __future__ import annotations

import csv
import html
import io
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from mmlib.files import write_text


@dataclass(frozen=True)
class Column:
    """A heading and how its entries are set: `verdict` entries become coloured labels in HTML."""

    title: str
    kind: Literal["text", "number", "verdict"] = "text"


@dataclass
class Table:
    """Columns, rows of text (one text per column), notes below. The first column groups: repeats are left blank."""

    name: str
    caption: str
    columns: list[Column]
    rows: list[list[str]]
    notes: list[str] = field(default_factory=list)
    data: list[dict[str, Any]] = field(default_factory=list)

    def frame(self) -> Any:
        """The table as shown, as a pandas DataFrame (for a notebook)."""
        import pandas

        return pandas.DataFrame(self.rows, columns=[column.title for column in self.columns])


def to_csv(table: Table) -> str:
    """The table's numbers, one line per row; no units in the fields, lists separated by spaces."""
    rows = table.data or [dict(zip((column.title for column in table.columns), row, strict=True)) for row in table.rows]
    names = list(dict.fromkeys(name for row in rows for name in row))
    stream = io.StringIO()
    writer = csv.DictWriter(stream, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _plain(value) for name, value in row.items()} for row in rows)
    return stream.getvalue()


def to_markdown(table: Table) -> str:
    """A pipe table with its caption in bold and its notes as a list."""
    rule = ["---:" if column.kind == "number" else ":---" for column in table.columns]
    lines = [[_markdown(column.title) for column in table.columns], rule]
    lines += [[_markdown(text) for text in row] for row in _ungrouped(table)]
    body = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    notes = "".join(f"\n- {note}" for note in table.notes)
    return f"**{table.caption}**\n\n{body}\n" + (f"{notes}\n" if notes else "")


def to_latex(table: Table) -> str:
    """A `table` environment that compiles without packages (UTF-8 is escaped to plain commands)."""
    align = "".join("r" if column.kind == "number" else "l" for column in table.columns)
    lines = [" & ".join(latex(column.title) for column in table.columns) + r" \\", r"\hline"]
    previous = None
    for row, shown in zip(table.rows, _ungrouped(table), strict=True):
        if previous not in (None, row[0]):
            lines.append(r"\hline")
        previous = row[0]
        lines.append(" & ".join(latex(text) for text in shown) + r" \\")
    notes = "".join(f"\n\\par {latex(note)}" for note in table.notes)
    body = "\n".join(lines)
    return (
        "\\begin{table}\n\\centering\\footnotesize\n"
        f"\\caption{{{latex(table.caption)}}}\n\\label{{tab:{table.name}}}\n"
        f"\\begin{{tabular}}{{{align}}}\n\\hline\n{body}\n\\hline\n\\end{{tabular}}{notes}\n\\end{{table}}\n"
    )


def to_html(table: Table) -> str:
    """A `<figure>` with the table; groups span their rows, verdicts carry a class of their own."""
    head = "".join(head_html(column.title, column.kind) for column in table.columns)
    body, start = [], 0
    while start < len(table.rows):
        group = table.rows[start][0]
        end = start
        while end < len(table.rows) and table.rows[end][0] == group:
            end += 1
        for index in range(start, end):
            first = f'<th scope="rowgroup" rowspan="{end - start}">{html.escape(group)}</th>' if index == start else ""
            cells = "".join(map(_html_cell, table.columns[1:], table.rows[index][1:]))
            body.append(f"<tr{' class=first' if index == start else ''}>{first}{cells}</tr>")
        start = end
    notes = "".join(f"<li>{html.escape(note)}</li>" for note in table.notes)
    return (
        f'<figure class="table cards" id="{html.escape(table.name)}">'
        f'<figcaption>{html.escape(table.caption)}</figcaption>'
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>\n'
        + "\n".join(body) + "\n</tbody></table></div>"
        + (f'<ul class="notes">{notes}</ul>' if notes else "") + "</figure>"
    )  # fmt: skip


def save_table(table: Table, folder: str | Path) -> list[Path]:
    """Write `<name>.csv`, `.md` and `.tex` into `folder`, each atomically; returns the paths."""
    written = []
    for suffix, text in ((".csv", to_csv(table)), (".md", to_markdown(table)), (".tex", to_latex(table))):
        written.append(Path(folder) / f"{table.name}{suffix}")
        write_text(written[-1], text)
    return written


_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": "$<$", ">": "$>$", "²": "$^2$", "ζ": r"$\zeta$",
    "ρ": r"$\rho$", "α": r"$\alpha$", "λ": r"$\lambda$", "±": r"$\pm$", "−": "$-$", "–": "--", "—": "---",
    "½": r"$\frac{1}{2}$", "×": r"$\times$", "→": r"$\rightarrow$", "≤": r"$\le$", "≥": r"$\ge$", "“": "``", "”": "''",
    "’": "'", "…": r"\dots{}", "†": r"\dag{}", "·": r"$\cdot$", "°": r"$^\circ$", "\u202f": r"\,", "\xa0": "~",
}  # fmt: skip


def latex(text: str) -> str:
    """Escape text for LaTeX; a character without a known command outside ASCII stays (UTF-8 is LaTeX's default)."""
    return "".join(_LATEX.get(character, character) for character in text)


def slug(text: str) -> str:
    """A CSS class out of a verdict: "one seed: undecided" -> "one-seed-undecided"."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def head_html(title: str, kind: str = "text") -> str:
    """A column's head."""
    return f'<th scope="col" class="{kind}">{html.escape(title)}</th>'


def cell_html(title: str, shown: str, kind: str) -> str:
    """A cell of text that is HTML already; it carries its column's title, which a small screen shows beside it."""
    empty = " absent" if shown in ("", "–") else ""
    return f'<td class="{kind}{empty}" data-label="{html.escape(title)}">{shown}</td>'


def _html_cell(column: Column, text: str) -> str:
    if column.kind == "verdict" and text and text != "–":
        shown = f'<span class="verdict {slug(text)}">{html.escape(text)}</span>'
    else:
        shown = html.escape(text)
    wide = " wide" if column.kind == "text" and len(text) > 40 else ""
    words = " words" if column.kind == "number" and len(text) > 14 else ""  # may take two lines
    return cell_html(column.title, shown, f"{column.kind}{wide}{words}")


def _markdown(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _ungrouped(table: Table) -> list[list[str]]:
    """Rows with the first column blank where it repeats the row above."""
    rows, previous = [], None
    for row in table.rows:
        rows.append(["" if row[0] == previous else row[0], *row[1:]])
        previous = row[0]
    return rows


def _plain(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | tuple):
        return " ".join(map(str, value))
    return str(value)
