"""Everything that is shown of one plan and profile, made once: results, verdicts, findings, tables, figures, files.

The table and figure notebooks, `mmlib figures` and the report use it, so that they can never disagree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from mmlib.analysis.kept import is_kept
from mmlib.errors import UsageError
from mmlib.figures.analyses import ANALYSES, Findings
from mmlib.files import content_hash, read_json, safe_name, sha256_file, write_json
from mmlib.report.analysis_tables import ANALYSIS_TABLES
from mmlib.report.printed import counts_table
from mmlib.report.render import Table, save_table
from mmlib.report.statements import statements_table
from mmlib.report.tables import metrics_of, number_verdicts, problems_table, results_table
from mmlib.workbook.claims import Claims, load_claims
from mmlib.workbook.fingerprint import Fingerprints
from mmlib.workbook.plan import Plan
from mmlib.workbook.results import Results, collect
from mmlib.workbook.verdicts import NumberVerdict, StatementFamily, judge_statements

if TYPE_CHECKING:
    from matplotlib.figure import Figure


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
    reference = project / "outputs" / "reference"
    results = collect(plan, profile, outputs, reference=reference, fingerprints=fingerprints)
    also = plan.profile(profile).also or plan.also
    tables = {"rows": results_table(results, claims, metrics_of(plan, claims), also, plan.heads, plan.protocols)}
    family = judge_statements(claims, results, protocol) if claims and claims.statements_of(plan.name) else None
    if family is not None:
        tables["statements"] = statements_table(family, results)
    if problems := problems_table(results):
        tables["problems"] = problems
    if claims and (counts := counts_table(claims, plan.name)):
        tables["counts"] = counts
    assembly = Assembly(plan, claims, results, number_verdicts(results, claims), family, tables)
    if fingerprints is not None:
        assembly.sources = content_hash([fingerprints.library(__name__), fingerprints.lock()])
    if plan.figure is not None and results.records:
        assembly.findings = ANALYSES[plan.figure].of(results, claims, outputs)
        assembly.tables["analysis"] = ANALYSIS_TABLES[plan.figure](assembly.findings, assembly.name)
    return assembly


SHEETS = ("table", "analysis")
"""The figures of a plan's table (rows, statements, curves), and those of the analysis of a plan for a figure."""


def write(
    assembly: Assembly,
    outputs: Path,
    protocol: str = "clean",
    figures: bool = True,
    redraw: bool = True,
    sheets: Sequence[str] = SHEETS,
) -> Assembly:
    """Write tables (CSV, Markdown, LaTeX) and figures under `outputs`; `files` lists what was written.

    Without `redraw`, figures stay that were drawn from the same results by the same code and are still as drawn.
    `sheets` names the figures wanted: two notebooks of one plan draw what each of them shows.
    """
    folder = outputs / "tables" / assembly.name
    for table in assembly.tables.values():
        assembly.files += save_table(table, folder)
    # Cells without a result last time may all have one now: that table must not stay behind.
    for path in set(folder.glob(f"{assembly.name}-problems.*")) - set(assembly.files):
        path.unlink(missing_ok=True)
    for sheet in sheets if figures else ():
        if redraw or not keep_figures(assembly, outputs, protocol, sheet):
            write_figures(assembly, outputs, protocol, [sheet])
    return assembly


def write_figures(
    assembly: Assembly, outputs: Path, protocol: str = "clean", sheets: Sequence[str] = SHEETS
) -> Assembly:
    """Write the figures (PNG, PDF, SVG) under `outputs/figures`; `figures` and `files` list them."""
    from mmlib.figures import save_figure
    from mmlib.figures.describe import describe

    for sheet in sheets:
        drawn = draw(assembly, protocol, sheet)
        hashes = {}
        for name, figure in drawn.items():
            assembly.described[name] = describe(figure)
            assembly.figures[name] = outputs / "figures" / f"{assembly.name}-{name}"
            written = save_figure(figure, assembly.figures[name])
            assembly.files += written
            hashes |= {path.name: sha256_file(path) for path in written}
        stamp = {
            "made_from": made_from(assembly, outputs, protocol), "figures": list(drawn), "files": hashes,
            "described": {name: assembly.described[name] for name in drawn},
        }  # fmt: skip
        write_json(_stamp(assembly, outputs, sheet), stamp)
    return assembly


def draw(assembly: Assembly, protocol: str, sheet: str) -> dict[str, Figure]:
    """{name: figure} of one of `SHEETS`; nothing where there is nothing to draw."""
    from mmlib.figures import curves_figure, statement_figure, table_figure
    from mmlib.figures.curves import histories_of

    if sheet == "analysis":
        found = assembly.findings
        return ANALYSES[assembly.plan.figure].draw(found) if found is not None and assembly.plan.figure else {}
    results = assembly.results
    # Printed numbers are drawn beside the selection rule they were made with.
    shown = assembly.plan.protocols[0] if results.kind == "paper" else protocol
    drawn = {"rows": table_figure(results, assembly.claims, assembly.metrics, shown)}
    if assembly.statements is not None:
        drawn["statements"] = statement_figure(assembly.statements, results)
    if histories_of(results):
        drawn["curves"] = curves_figure(results, headline=assembly.metrics[0])
    return drawn


def made_from(assembly: Assembly, outputs: Path, protocol: str) -> str:
    """Hash of all that the figures show: records, what lies beside them, plan, claims, protocol, code."""
    if protocol not in assembly.hashes:
        assembly.hashes[protocol] = _made_from(assembly, outputs, protocol)
    return assembly.hashes[protocol]


def _made_from(assembly: Assembly, outputs: Path, protocol: str) -> str:
    results = assembly.results
    beside = [folder / name for folder in results.folders.values() for name in ("history.jsonl", "arrays.npz")]
    analysis = ANALYSES.get(assembly.plan.figure or "")
    beside += {folder.parent for folder in results.folders.values() if is_kept(folder)}
    beside += analysis.beside(results, outputs) if analysis and analysis.beside else []
    hashes = {str(path): sha256_file(path) for path in beside if path.is_file()}
    return content_hash([repr(results), repr(assembly.plan), repr(assembly.claims), protocol, assembly.sources, hashes])


def keep_figures(assembly: Assembly, outputs: Path, protocol: str, sheet: str) -> bool:
    """List in `figures` and `files` what the last drawing of a sheet left; False where something has changed since."""
    try:
        stamp = read_json(_stamp(assembly, outputs, sheet))
        files = {
            outputs / "figures" / safe_name(name, "the figure"): content for name, content in stamp["files"].items()
        }
        same = all(path.is_file() and sha256_file(path) == content for path, content in files.items())
        if not same or not assembly.sources or stamp["made_from"] != made_from(assembly, outputs, protocol):
            return False
        figures = {
            name: outputs / "figures" / safe_name(f"{assembly.name}-{name}", "the figure") for name in stamp["figures"]
        }
        described = {name: str(stamp["described"][name]) for name in figures}
    except (OSError, UsageError, KeyError, TypeError, AttributeError):
        return False
    assembly.figures |= figures
    assembly.described |= described
    assembly.files += list(files)
    return True


def _stamp(assembly: Assembly, outputs: Path, sheet: str) -> Path:
    return outputs / "figures" / f".{assembly.name}-{sheet}.json"
