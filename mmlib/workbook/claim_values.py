"""Numbers of a paper from a CSV file beside its claims: row,column,value, values as printed.

A table of the claims file names it as its `values_file`. It need not exist: it is how numbers that nobody has published
yet can be given later.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmlib.errors import UsageError
from mmlib.files import inside
from mmlib.parameters.messages import closest
from mmlib.workbook.yaml_file import read_yaml

HEADER = ["row", "column", "value"]


def add_values(claims: dict[str, Any], path: Path) -> None:
    """Put the numbers that lie beside a claims file at `path` into what was read of it. Raises `UsageError`."""
    for table, file in _named(claims, path):
        if file.is_file():
            _fill(table, file)


def values_files(path: str | Path) -> list[Path]:
    """The CSV files that exist beside a claims file and give its tables numbers."""
    path = Path(path)
    claims = read_yaml(path, "claims file")
    named = [file for _, file in _named(claims, path)] if isinstance(claims, dict) else []
    return [file for file in dict.fromkeys(named) if file.is_file()]


def _named(claims: dict[str, Any], path: Path) -> Iterator[tuple[dict[str, Any], Path]]:
    """Each table that names a file, and that file's path; what is malformed is left to the check of the claims."""
    tables = claims.get("tables")
    for table in tables if isinstance(tables, list) else ():
        if isinstance(table, dict) and isinstance(name := table.get("values_file"), str) and name:
            yield table, inside(path.parent, name, f"{path.name}: the values_file")


def _fill(table: dict[str, Any], path: Path) -> None:
    rows = {row["id"]: row for row in table.get("rows") or () if isinstance(row, dict) and "id" in row}
    columns = [column.get("id") for column in table.get("columns") or () if isinstance(column, dict)]
    for line, entry in _lines(path):
        where = f"{path}, line {line}"
        row, column = entry["row"], entry["column"]
        for kind, name, known in (("row", row, rows), ("column", column, columns)):
            if name not in known:
                raise UsageError(f"{where}: the table has no {kind} '{name}'{closest(name, known)}")
        values = rows[row].setdefault("values", {})
        if column in values:
            raise UsageError(f"{where}: {row}, {column} has a value already")
        try:
            values[column] = float(entry["value"])
        except ValueError:
            raise UsageError(f"{where}: value '{entry['value']}' is not a number") from None
        if not math.isfinite(values[column]):
            raise UsageError(f"{where}: value '{entry['value']}' is not a finite number")


def _lines(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """(line number, {row, column, value}) of a CSV file with that header. Raises `UsageError`."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error
    reader = csv.DictReader(io.StringIO(text), skipinitialspace=True)
    if reader.fieldnames != HEADER:
        raise UsageError(f"{path} must begin with the line '{','.join(HEADER)}'")
    for entry in reader:
        if None in entry or None in entry.values():
            raise UsageError(f"{path}, line {reader.line_num}: give a row, a column and a value")
        yield reader.line_num, {name: value.strip() for name, value in entry.items()}
