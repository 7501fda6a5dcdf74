"""The report: one HTML page over all plans and profiles, made from records alone.

It needs no GPU, no data, no network and no torch. Tables and figures are also written as files under the outputs, and
every executed notebook is linked as a page of its own.
"""

from __future__ import annotations

import datetime
import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mmlib
from mmlib.files import write_text
from mmlib.parameters.base import project_root
from mmlib.report import summary
from mmlib.report.assemble import Assembly, assemble, write
from mmlib.report.render import to_html
from mmlib.report.sections import section_of
from mmlib.workbook.fingerprint import Fingerprints
from mmlib.workbook.plan import Plan, load_plan, plan_paths
from mmlib.workbook.verdicts import CONTRADICTED, HOLDS

TEMPLATES = Path(__file__).parent / "templates"

GENERAL_CAVEATS = [
    "On embedded and small data the verdict concerns the statement, never the number: the paper's accuracies belong to "
    "other data.",
    "Seeds are few, so intervals are wide: “within seed noise” means that this many runs cannot tell, not that there "
    "is no effect.",
    "“Best on test” repeats the published selection rule and is optimistic; “clean” never looks at the test set while "
    "choosing.",
]


def build_report(
    outputs: str | Path,
    *,
    project: Path | None = None,
    plans: Sequence[str] | None = None,
    protocol: str = "clean",
    notebooks: bool = True,
    workers: int | None = None,
) -> Path:
    """Write `outputs/report/index.html` and what it links to; returns its path.

    `plans` names the plans shown (all of the project otherwise); `notebooks=False` leaves executed notebooks out.
    Raises `UsageError` for a malformed plan or claims file, `OutputsError` when the folder cannot be written.
    """
    outputs, project = Path(outputs).resolve(), project or project_root()
    folder = outputs / "report"
    fingerprints = Fingerprints(project)
    assemblies = []
    for plan in _plans(project, plans):
        for profile in plan.profiles:
            assembly = assemble(plan, profile, outputs, project, protocol=protocol, fingerprints=fingerprints)
            # A profile that never ran leaves no files: its tables would be empty.
            assemblies.append(
                write(assembly, outputs, protocol, redraw=False) if assembly.results.records else assembly
            )
    pages = _notebook_pages(assemblies, outputs, workers) if notebooks else {}
    write_text(folder / "index.html", _page(assemblies, folder, pages, fingerprints))
    return folder / "index.html"


def _plans(project: Path, names: Sequence[str] | None) -> list[Plan]:
    """The plans named, in that order; without names all of them, tables before figures, what is both between them."""
    paths = plan_paths(project)
    plans = [load_plan(paths.get(name, name)) for name in (names or paths)]
    return plans if names else sorted(plans, key=lambda plan: (plan.claims is None, plan.figure is not None))


def _notebook_pages(assemblies: list[Assembly], outputs: Path, workers: int | None) -> dict[str, str]:
    """{cell id: page, relative to the report} of every executed notebook, finished or not, and of the summaries."""
    from mmlib.report.pages import convert_notebooks

    found = {}
    for assembly in assemblies:
        folders = list(assembly.results.folders.values())
        folders += [cell.folder for cell in _summaries(assembly, outputs)]
        for folder in folders:
            executed = sorted(folder.glob("notebook*.ipynb"), key=lambda path: path.stat().st_mtime)
            if executed:
                found[folder.name] = executed[-1]
    pages = convert_notebooks(found, outputs / "report" / "notebooks", workers)
    return {name: f"notebooks/{page}" for name, page in pages.items()}


def _summaries(assembly: Assembly, outputs: Path) -> list[Any]:
    notebooks = project_root() / "notebooks"
    if not all((notebooks / name).exists() for name in assembly.plan.summaries):
        return []
    return assembly.plan.summary_cells(assembly.results.profile, outputs)


def _page(assemblies: list[Assembly], folder: Path, pages: dict[str, str], fingerprints: Fingerprints) -> str:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    css = "".join((TEMPLATES / name).read_text(encoding="utf-8") for name in ("tables.css", "report.css"))
    papers = {assembly.claims.paper.id: assembly.claims for assembly in assemblies if assembly.claims}
    return environment.get_template("report.html.j2").render(
        title="Reproducibility report: audio-visual learning",
        subtitle="; ".join(claims.paper.title for claims in papers.values()) or "no claims",
        css=_safe(css),
        tiles=summary.tiles(assemblies),
        headlines=summary.headlines(assemblies),
        scope=summary.scope(assemblies),
        contradicted=summary.findings(assemblies, CONTRADICTED),
        holding=summary.findings(assemblies, HOLDS),
        numbers_against=summary.numbers_against(assemblies),
        weight=summary.weight(assemblies),
        tested=any(assembly.statements and assembly.statements.tested for assembly in assemblies),
        overview=_safe(to_html(summary.overview(assemblies))),
        across=_safe("".join(to_html(table) for table in summary.across(assemblies))),
        missing=summary.missing(assemblies),
        printed=_safe("".join(to_html(assembly.tables["counts"]) for assembly in _with_counts(assemblies))),
        sections=[section_of(assembly, folder, pages) for assembly in assemblies],
        caveats=GENERAL_CAVEATS + [caveat for claims in papers.values() for caveat in claims.caveats],
        provenance=_provenance(assemblies, fingerprints),
        summaries=[(name, page) for name, page in pages.items() if name not in _cells(assemblies)],
    )


def _with_counts(assemblies: list[Assembly]) -> list[Assembly]:
    """One profile of each plan whose printed numbers can be counted: the check is the same in all of them."""
    return list({a.plan.name: a for a in reversed(assemblies) if "counts" in a.tables}.values())[::-1]


def _cells(assemblies: list[Assembly]) -> set[str]:
    return {cell for assembly in assemblies for cell in assembly.results.folders}


def _provenance(assemblies: list[Assembly], fingerprints: Fingerprints) -> list[tuple[str, str]]:
    names = sorted({assembly.plan.path.name for assembly in assemblies})
    claims = sorted({assembly.plan.claims for assembly in assemblies if assembly.plan.claims})
    return [
        ("made", datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")),
        ("mmlib", mmlib.__version__),
        ("python", f"{platform.python_version()} on {platform.system()}, {os.cpu_count()} CPUs"),
        ("lock file", (fingerprints.lock() or "none")[:16]),
        ("plans", ", ".join(names) or "none"),
        ("claims", ", ".join(claims) or "none"),
    ]


def _safe(text: str) -> Any:
    from markupsafe import Markup

    return Markup(text)  # our own HTML, whose texts render.py has escaped
