"""Everything that is shown of one plan and profile, made once: results, verdicts, findings, tables, figures, files.

The table and figure notebooks, `mmlib figures` and the report use it, so that they can never disagree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mmlib.errors import UsageError
from mmlib.figures.analyses import ANALYSES, Findings
from mmlib.files import content_hash
from mmlib.parameters.messages import closest
from mmlib.report.analysis_tables import ANALYSIS_TABLES
from mmlib.report.drawing import SHEETS, keep_figures, write_figures
from mmlib.report.printed import counts_table
from mmlib.report.render import Table, save_table
from mmlib.report.statements import statements_table
from mmlib.report.tables import metrics_of, number_verdicts, problems_table, results_table
from mmlib.workbook.claims import Claims, load_claims
from mmlib.workbook.fingerprint import Fingerprints
from mmlib.workbook.plan import Plan
from mmlib.workbook.results import Results, collect
from mmlib.workbook.verdicts import NumberVerdict, StatementFamily, judge_statements

DRAWN_BY = "mmlib.report.sheets"
"""The module whose code, with all that it imports, decides what figures and their copies look like."""


@dataclass
class Assembly:
    """One plan and profile, ready to be shown. `tables` and `figures` map a name to the table, to the figure's stem."""

    plan: Plan
    claims: Claims | None
    results: Results
    numbers: list[NumberVerdict]
    statements: StatementFamily | None
    tables: dict[str, Table]
    figures: dict[str, Path] = field(default_factory=dict)
    described: dict[str, str] = field(default_factory=dict)
    """What each figure shows, in words."""
    files: list[Path] = field(default_factory=list)
    hashes: dict[str, str] = field(default_factory=dict)
    """By protocol, the hash of all that its figures show: hundreds of files are read for it, once."""
    sources: str = ""
    """Hash of the code and the lock file it was made with; empty where nobody asked."""
    findings: Findings | None = None
    """What the analysis of a plan for a figure found in the records."""

    @property
    def name(self) -> str:
        return f"{self.results.plan}-{self.results.profile}"

    @property
    def metrics(self) -> list[str]:
        """The metrics its table shows; the first is shown where there is room for one."""
        return metrics_of(self.plan, self.claims)


def claims_of(plan: Plan, project: Path) -> Claims | None:
    """The claims a plan names, from notebooks/claims/."""
    return load_claims(project / "notebooks" / "claims" / plan.claims) if plan.claims else None


def check_rows(plan: Plan, claims: Claims | None) -> None:
    """Raises `UsageError` for a statement about a row that the plan does not have."""
    known = {row.id for row in plan.rows}
    for statement in claims.statements_of(plan.name) if claims else ():
        if unknown := [row for row in statement.rows if row not in known]:
            raise UsageError(
                f"notebooks/claims/{plan.claims}: statement {statement.id} names row {unknown[0]!r}, which plan "
                f"{plan.name} does not have{closest(unknown[0], known)}. Mend the name, or add the row to the plan."
            )


def assemble(
    plan: Plan,
    profile: str,
    outputs: Path,
    project: Path,
    *,
    protocol: str = "clean",
    fingerprints: Fingerprints | None = None,
) -> Assembly:
    """Read records and compute what they say; writes nothing. `protocol` is the one statements are tested on."""
    claims = claims_of(plan, project)
    check_rows(plan, claims)
    reference = project / "outputs" / "reference"
    results = collect(plan, profile, outputs, reference=reference, fingerprints=fingerprints)
    also = plan.profile(profile).also or plan.also
    tables = {"rows": results_table(results, claims, metrics_of(plan, claims), also, plan.heads, plan.protocols)}
    family = judge_statements(claims, results, protocol) if claims and claims.statements_of(plan.name) else None
    if family is not None and family.verdicts:
        tables["statements"] = statements_table(family, results)
    if problems := problems_table(results):
        tables["problems"] = problems
    if claims and (counts := counts_table(claims, plan.name)):
        tables["counts"] = counts
    assembly = Assembly(plan, claims, results, number_verdicts(results, claims), family, tables)
    if fingerprints is not None:
        assembly.sources = content_hash([fingerprints.library(DRAWN_BY), fingerprints.lock()])
    if plan.figure is not None and results.records:
        assembly.findings = ANALYSES[plan.figure].of(results, claims, outputs)
        assembly.tables["analysis"] = ANALYSIS_TABLES[plan.figure](assembly.findings, assembly.name)
    return assembly


def write_tables(assembly: Assembly, outputs: Path) -> Assembly:
    """Write the tables (CSV, Markdown, LaTeX) under `outputs`; `files` lists what was written."""
    folder = outputs / "tables" / assembly.name
    for table in assembly.tables.values():
        assembly.files += save_table(table, folder)
    # Cells without a result last time may all have one now: that table must not stay behind.
    for path in set(folder.glob(f"{assembly.name}-problems.*")) - set(assembly.files):
        path.unlink(missing_ok=True)
    return assembly


def write(assembly: Assembly, outputs: Path, protocol: str = "clean", sheets: Sequence[str] = SHEETS) -> Assembly:
    """Write tables and figures under `outputs`; `files` lists what was written.

    Figures stay that were drawn from the same results by the same code and are still as drawn. `sheets` names the
    figures wanted: two notebooks of one plan draw what each of them shows.
    """
    write_tables(assembly, outputs)
    for sheet in sheets:
        if not keep_figures(assembly, outputs, protocol, sheet):
            write_figures(assembly, outputs, protocol, [sheet])
    return assembly
