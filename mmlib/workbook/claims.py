"""What a paper prints, as data: its numbers with their provenance, and its sentences as comparisons between rows.

A claims file (notebooks/claims/<paper>.yaml) holds tables whose columns carry what their numbers share (data set,
metric, split, selection rule, the profile that answers them, tolerance) and whose rows carry the printed values.
`load_claims` turns every value into one `Claim`, named <table>/<column>/<row>. It is strict: an unknown field, a wrong
type, a value without its column, a name used twice is a `UsageError` that says the file and the entry.

A table whose numbers nobody has published yet names a `values_file` (`mmlib.workbook.claim_values`).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator

from mmlib.errors import UsageError
from mmlib.metrics.family import UNITS, metric
from mmlib.parameters.messages import closest
from mmlib.workbook.claim_values import add_values
from mmlib.workbook.statement import Entry, Method, Statement
from mmlib.workbook.yaml_file import read_yaml


class Paper(Entry):
    """The paper the claims come from."""

    id: str
    title: str
    authors: str
    code: str = ""


class Tolerance(Entry):
    """When a number counts as reproduced: in the unit its metric is shown in, and multiples of the sd over our seeds
    (ddof 1)."""

    rounding: float = Field(ge=0)
    reproduced_sd: float = Field(ge=0)
    noise_sd: float = Field(ge=0)
    cap: float = Field(ge=0)
    reason: str = Field(min_length=1)


class Selection(Entry):
    """How the printed number was chosen among epochs: as stated, or else as the published code does."""

    stated: bool
    rule: str
    protocol: Literal["paper", "clean", "last"]


class Column(Entry):
    """What the numbers of one column share.

    The metric is one of `mmlib.metrics.family`, which knows its unit and which direction is an improvement; `unit` (and
    `better`, where given) repeat that for who reads the file, and must agree. `samples` is the size of the split where
    it is known: a printed accuracy is then a whole count of it (`mmlib.workbook.whole_counts`).
    """

    id: str
    label: str
    profile: str
    dataset: str
    metric: str
    unit: str
    better: Literal["higher", "lower"] | None = None
    split: str
    selection: Selection
    tolerance: Tolerance
    classes: int | None = Field(default=None, gt=1)
    samples: int | None = Field(default=None, gt=0)
    note: str = ""

    @model_validator(mode="after")
    def _agrees_with_its_metric(self) -> Column:
        known = metric(self.metric)
        if not known.known:
            raise ValueError(f"unknown metric '{self.metric}'; enter it in mmlib/metrics/family.py first")
        if self.unit not in UNITS:
            raise ValueError(f"unknown unit '{self.unit}'{closest(self.unit, UNITS)}; there are {', '.join(UNITS)}")
        if self.unit != known.unit.name:
            raise ValueError(f"unit '{self.unit}' for {self.metric}, which is given in {known.unit.name}")
        if self.better not in (None, known.better):
            word = f"of which {known.better} is better" if known.better else "of which no direction is better"
            raise ValueError(f"better '{self.better}' for {self.metric}, {word}: correct it or leave it out")
        return self


class PrintedRow(Entry):
    """One printed row; `values` maps a column to the value as printed (in the column's unit)."""

    id: str
    block: str
    label: str
    values: dict[str, float] = {}
    footnotes: list[str] = []
    bold: list[str] = []


class ClaimTable(Entry):
    """One table of the paper, and the plan that answers it; a plan may answer several.

    `never_judged` says why its numbers are shown beside ours without a verdict. With a `values_file`, rows may lack
    values.
    """

    id: str
    number: int
    title: str
    section: str
    plan: str
    setting: str = ""
    never_judged: str = ""
    values_file: str = ""
    columns: list[Column]
    footnotes: dict[str, str] = {}
    rows: list[PrintedRow]

    @model_validator(mode="after")
    def _is_complete(self) -> ClaimTable:
        columns = [column.id for column in self.columns]
        _unique("column", columns)
        _unique("row", [row.id for row in self.rows])
        for row in self.rows:
            wrong = sorted(set(row.values) - set(columns) if self.values_file else set(row.values) ^ set(columns))
            if wrong:
                raise ValueError(f"row '{row.id}' must give one value for each of {columns}; look at {wrong}")
            for name, known in (("bold", columns), ("footnotes", list(self.footnotes))):
                if unknown := sorted(set(getattr(row, name)) - set(known)):
                    raise ValueError(f"row '{row.id}' names unknown {name} {unknown}; there are {known}")
            for column in self.columns:
                known, value = metric(column.metric), row.values.get(column.id)
                if value is not None and not known.in_range(value / known.scale):
                    raise ValueError(f"row '{row.id}': {known.title} cannot be {value:g} ({column.id}, {column.unit})")
        return self

    def column(self, column_id: str) -> Column:
        return next(column for column in self.columns if column.id == column_id)


@dataclass(frozen=True)
class Claim:
    """One printed number with all that is known of it. `value` as printed, in the column's unit."""

    id: str
    table: ClaimTable
    column: Column
    row: PrintedRow

    @property
    def value(self) -> float:
        return self.row.values[self.column.id]

    @property
    def bold(self) -> bool:
        return self.column.id in self.row.bold

    @property
    def footnotes(self) -> list[str]:
        return [self.table.footnotes[name] for name in self.row.footnotes]

    @property
    def cells(self) -> dict[str, str]:
        """Which cells of the workbook answer it."""
        return {"plan": self.table.plan, "profile": self.column.profile, "row": self.row.id}


class Claims(Entry):
    """One claims file, checked."""

    format: Literal["mmlib-claims"]
    version: Literal[1]
    paper: Paper
    tables: list[ClaimTable]
    statements: list[Statement] = []
    methods: list[Method] = []
    caveats: list[str] = []
    # Anchors that the tables refer to; kept here so that the file can name them once.
    tolerance: Tolerance | None = None
    selections: dict[str, Selection] = {}

    @model_validator(mode="after")
    def _fits_together(self) -> Claims:
        _unique("table", [table.id for table in self.tables])
        _unique("statement", [statement.id for statement in self.statements])
        tables = {table.id: table for table in self.tables}
        for statement in self.statements:
            if statement.table not in tables:
                raise ValueError(f"statement '{statement.id}' names unknown table '{statement.table}'")
            table = tables[statement.table]
            known = {row.id for row in table.rows}
            if statement.source != "ours" and (unknown := sorted(set(statement.rows) - known)):
                raise ValueError(f"statement '{statement.id}' names rows the paper does not print: {unknown}")
            metrics = {column.metric for column in table.columns}
            if unknown := sorted(set(statement.metrics) - metrics):
                raise ValueError(
                    f"statement '{statement.id}' names unknown metrics {unknown}; there are {sorted(metrics)}"
                )
        _unique("method", [method.id for method in self.methods])
        for method in self.methods:
            method.check(self.statements)
        return self

    def claims(self, plan: str | None = None, profile: str | None = None) -> list[Claim]:
        """Every printed number, or those that a plan (and profile) answers."""
        return [
            Claim(f"{table.id}/{column.id}/{row.id}", table, column, row)
            for table in self.tables
            for row in table.rows
            for column in table.columns
            if column.id in row.values and plan in (None, table.plan) and profile in (None, column.profile)
        ]

    def not_available(self, plan: str, profile: str) -> set[tuple[str, str]]:
        """(row, metric) of numbers that the paper has for this profile, and that nobody has published."""
        tables = self.tables_of(plan)
        entries = [(row, column) for table in tables for row in table.rows for column in table.columns]
        return {(r.id, c.metric) for r, c in entries if c.id not in r.values and profile == c.profile}

    def tables_of(self, plan: str) -> list[ClaimTable]:
        """The tables that a plan answers."""
        return [table for table in self.tables if table.plan == plan]

    def statements_of(self, plan: str) -> list[Statement]:
        """The statements that a plan can test."""
        answered = {table.id for table in self.tables_of(plan)}
        return [statement for statement in self.statements if statement.table in answered]

    def printed_differences(self, statement: Statement, name: str) -> dict[str, list[float]]:
        """What the paper's own table gives for each contrast of a statement, in the unit of the metric called `name`:
        {column label: differences, above 0 where better}.

        Empty where the statement needs a row that the paper does not print; without the columns that lack a number.
        """
        table = next(table for table in self.tables if table.id == statement.table)
        rows = {row.id: row for row in table.rows}
        if not set(statement.rows) <= set(rows):
            return {}
        sign = metric(name).sign
        return {
            column.label: [
                sign * sum(weight * rows[row].values[column.id] for row, weight in contrast.items())
                for contrast in statement.contrasts
            ]
            for column in table.columns
            if column.metric == name and all(column.id in rows[row].values for row in statement.rows)
        }


def load_claims(path: str | Path) -> Claims:
    """Read and check a claims file; any mistake in it is a `UsageError` naming the file and the entry."""
    path = Path(path)
    raw = read_yaml(path, "claims file")
    if not isinstance(raw, dict):
        raise UsageError(f"{path} must be a mapping with format, version, paper, tables and statements")
    add_values(raw, path)
    try:
        return Claims.model_validate(raw)
    except ValidationError as error:
        problems = [f"  {_place(raw, issue['loc'])}: {issue['msg']}" for issue in error.errors()]
        raise UsageError(f"{path} is not a valid claims file:\n" + "\n".join(problems)) from error


def _unique(kind: str, names: list[str]) -> None:
    if repeated := sorted(name for name, count in Counter(names).items() if count > 1):
        raise ValueError(f"{kind} named twice: {', '.join(repeated)}")


def _place(raw: Any, location: tuple[int | str, ...]) -> str:
    """A readable place: list positions replaced by the id of the entry where it has one."""
    names = []
    for step in location:
        try:
            raw = raw[step]
        except (KeyError, IndexError, TypeError):
            raw = None
        names.append(str(raw["id"]) if isinstance(step, int) and isinstance(raw, dict) and "id" in raw else str(step))
    return ".".join(names) or "file"
