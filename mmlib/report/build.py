"""The report: a short front page, a page per plan, figures and executed notebooks beside them, made from records alone.

It needs no GPU, no data, no network and no torch. Tables and figures are also written as files under the outputs. All
pages open from the disk, without a server, and run no script.
"""

from __future__ import annotations

import datetime
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import mmlib
from mmlib.files import dump_json, remove_abandoned
from mmlib.parameters.base import project_root
from mmlib.pool import Processes
from mmlib.report import summary
from mmlib.report.answers import answers, conclusions_of, headlines
from mmlib.report.assemble import Assembly, assemble, write_tables
from mmlib.report.counts import count
from mmlib.report.forest import lines_html
from mmlib.report.heatmap import heat_map, heat_map_html
from mmlib.report.judging import Family, family_of
from mmlib.report.pages import Conversion, Links
from mmlib.report.pictures import Copies, pictures_of
from mmlib.report.render import to_html
from mmlib.report.sections import section_of
from mmlib.report.sheets import Drawing
from mmlib.report.site import Site
from mmlib.report.titles import INDEX, column_name, data_name, link_to, page_name, short_title
from mmlib.report.unchanged import Unchanged
from mmlib.workbook.cell import Cell
from mmlib.workbook.fingerprint import Fingerprints
from mmlib.workbook.plan import Plan, load_plan, plan_paths

TEMPLATES = Path(__file__).parent / "templates"
TITLE = "Reproducibility report: audio-visual learning"
TRACE = "conclusions.json"
FRONT = [
    ("conclusions", "Conclusions"), ("map", "What holds where"), ("ran", "What ran"), ("caveats", "Caveats"),
    ("provenance", "Provenance"),
]  # fmt: skip
PLAN = {"not-run": "Not run", "printed": "Printed numbers", "caveats": "Caveats"}
"""Sections of the pages, by the names that links lead to."""

GENERAL_CAVEATS = [
    "On embedded and small data the verdict concerns the statement, never the number: the paper's accuracies belong to "
    "other data.",
    "Seeds are few, so intervals are wide: “within seed noise” means that this many runs cannot tell, not that there "
    "is no effect. “No difference” is only said where two one-sided tests say so, for the margin that is named.",
    "“Best on test” repeats the published selection rule and is optimistic; “clean” never looks at the test set while "
    "choosing.",
]


@dataclass
class Report:
    """One report being made: what there is of every plan and profile, and where it is written."""

    assemblies: list[Assembly]
    outputs: Path
    site: Site
    family: Family
    copies: dict[str, dict[str, Copies]] = field(default_factory=dict)
    """{assembly: {figure: its copies in the site}}."""
    summaries: dict[str, list[Cell]] = field(default_factory=dict)
    """Notebooks that sum a plan up, by the assembly that they are of."""
    pages: dict[str, str] = field(default_factory=dict)
    """{cell: page, relative to the report}, of executed notebooks."""

    def of(self, plan: Plan) -> list[Assembly]:
        return [assembly for assembly in self.assemblies if assembly.plan.name == plan.name]

    @property
    def plans(self) -> list[Plan]:
        return list({assembly.plan.name: assembly.plan for assembly in self.assemblies}.values())


def build_report(
    outputs: str | Path,
    *,
    project: Path | None = None,
    plans: Sequence[str] | None = None,
    protocol: str = "clean",
    notebooks: bool = True,
    workers: int | None = None,
) -> Path:
    """Write `outputs/report/index.html` and what it links to, unless nothing has changed since; returns its path.

    `plans` names the plans shown (all of the project otherwise); `notebooks=False` leaves executed notebooks out.
    Raises `UsageError` for a malformed plan or claims file, `OutputsError` when the folder cannot be written.
    """
    outputs, project = Path(outputs).resolve(), project or project_root()
    fingerprints = Fingerprints(project, outputs)
    chosen = _plans(project, plans)
    options = {"protocol": protocol, "notebooks": notebooks, "all": plans is None}
    unchanged = Unchanged(outputs, project, chosen, options, fingerprints)
    if unchanged.holds():
        return outputs / "report" / INDEX
    for name in ("report", "figures", "tables"):
        remove_abandoned(outputs / name)
    assemblies = []
    for plan in chosen:
        for profile in plan.profiles:
            assembly = assemble(plan, profile, outputs, project, protocol=protocol, fingerprints=fingerprints)
            # A profile that never ran leaves no files: its tables would be empty.
            assemblies.append(write_tables(assembly, outputs) if assembly.results.records else assembly)
    found = conclusions_of(assemblies, protocol)
    family = family_of(assemblies, [conclusion for _, conclusion in found])
    report = Report(assemblies, outputs, Site(outputs / "report"), family)
    with Processes(workers) as processes:
        drawing = Drawing(assemblies, outputs, protocol, report.site, processes)
        if notebooks:
            report.summaries = {one.name: _summaries(one, outputs, project) for one in _shown(assemblies)}
            converting = _begin_pages(report, processes)
        report.copies = drawing.finish()
        if notebooks:
            report.pages = {name: f"notebooks/{page}" for name, page in converting.finish().items()}
    templates = _templates()
    for plan in report.plans:
        report.site.page(page_name(plan), templates.get_template("plan.html.j2").render(**_plan_values(report, plan)))
    told = answers(found, family), headlines(assemblies)
    trace = {"tests": family.size, "methods": [one.trace for one in told[0]], "figures": [one.trace for one in told[1]]}
    report.site.page(TRACE, dump_json(trace, indent=1) + "\n")
    values = _front_values(report, *told, fingerprints)
    index = report.site.page(INDEX, templates.get_template("front.html.j2").render(**values))
    report.site.finish()
    unchanged.keep()
    return index


def _plans(project: Path, names: Sequence[str] | None) -> list[Plan]:
    """The plans named, in that order; without names all of them, tables before figures, what is both between them."""
    paths = plan_paths(project)
    plans = [load_plan(paths.get(name, name)) for name in (names or paths)]
    return plans if names else sorted(plans, key=lambda plan: (plan.claims is None, plan.figure is not None))


def _begin_pages(report: Report, processes: Processes) -> Conversion:
    """The pages, by the cells' names, of every executed notebook, finished or not, and of the summaries."""
    found: dict[str, Path] = {}
    back: dict[str, Links] = {}
    for assembly in report.assemblies:
        folders = list(assembly.results.folders.values())
        folders += [cell.folder for cell in report.summaries.get(assembly.name, [])]
        way = [(f"../{INDEX}", "Report"), (f"../{link_to(assembly)}", _page_title(assembly))]
        for folder in folders:
            executed = sorted(folder.glob("notebook*.ipynb"), key=lambda path: path.stat().st_mtime)
            if executed and folder.name not in found:
                found[folder.name], back[folder.name] = executed[-1], way
    return Conversion(found, report.site.folder / "notebooks", back, processes)


def _page_title(assembly: Assembly) -> str:
    return f"{short_title(assembly)}: {data_name(assembly)}"


def _summaries(assembly: Assembly, outputs: Path, project: Path) -> list[Cell]:
    if not all((project / "notebooks" / name).exists() for name in assembly.plan.summaries):
        return []
    return assembly.plan.summary_cells(assembly.results.profile, outputs)


def _templates() -> Any:
    import jinja2

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip


def _shared_values(report: Report) -> dict[str, Any]:
    """What every page has: the style, and the way to all others."""
    css = "".join((TEMPLATES / name).read_text(encoding="utf-8") for name in ("tables.css", "report.css"))
    plans = [(quote(page_name(plan)), report.of(plan)[0], bool(_shown(report.of(plan)))) for plan in report.plans]
    return {
        "css": _safe(css),
        "index": INDEX,
        "plans": [(href, short_title(first), ran) for href, first, ran in plans],
    }


def _shown(assemblies: list[Assembly]) -> list[Assembly]:
    return [assembly for assembly in assemblies if assembly.results.records]


def _plan_values(report: Report, plan: Plan) -> dict[str, Any]:
    """What a plan's page shows."""
    mine = report.of(plan)
    folder = report.site.folder
    pictures = {one.name: pictures_of(one, folder, report.copies[one.name]) for one in _shown(mine)}
    sections = [section_of(one, folder, report.pages, report.family, pictures.get(one.name, {})) for one in mine]
    claims, counted = mine[0].claims, count(one.results for one in mine)
    counts = next((one.tables["counts"] for one in mine if "counts" in one.tables), None)
    own = {cell for one in mine for cell in one.results.folders}
    summaries = [cell for one in mine for cell in report.summaries.get(one.name, [])]
    on_page = [(section["id"], section["short"]) for section in sections if section["finished"]]
    rest = {"not-run": len(on_page) < len(sections), "printed": counts, "caveats": claims and claims.caveats}
    on_page += [(name, PLAN[name]) for name, there in rest.items() if there]
    return _shared_values(report) | {
        "title": plan.title or plan.name,
        "here": quote(page_name(plan)),
        "on_page": on_page,
        "paper": claims.paper if claims else None,
        "counted": counted.text,
        "sections": sections,
        "printed": _safe(to_html(counts)) if counts else "",
        "caveats": claims.caveats if claims else [],
        "summaries": [
            (cell.id, quote(report.pages[cell.id]))
            for cell in summaries
            if cell.id in report.pages and cell.id not in own
        ],
    }


def _front_values(report: Report, told: list[Any], said: list[Any], fingerprints: Fingerprints) -> dict[str, Any]:
    """What the front page shows."""
    assemblies, family = report.assemblies, report.family
    links = {one.name: link_to(one) for one in assemblies}
    found = heat_map(assemblies, family)
    titles = {one.name: f"{short_title(one)}: {one.results.profile_title}" for one in assemblies}
    return _shared_values(report) | {
        "title": TITLE,
        "here": INDEX,
        "on_page": FRONT,
        "counted": count(one.results for one in assemblies).text,
        "data": f"{len(_shown(assemblies))} of {len(assemblies)} data sets of the plans have results",
        "answers": [
            {
                "id": f"method-{one.id}",
                "name": one.name,
                "sentence": _safe(one.html),
                "margin": one.margin,
                "lines": _safe(lines_html(f"lines-{one.id}", one.lines, links)),
            }
            for one in told
        ],
        "headlines": [
            {"text": one.text, "href": links[one.assembly.name], "place": titles[one.assembly.name]} for one in said
        ],
        "scope": summary.scope(assemblies),
        "weight": summary.weight(family),
        "heat": _safe(heat_map_html(found)),
        "columns": _column_titles(found.profiles, assemblies),
        "numbers_against": summary.numbers_against(assemblies),
        "overview": _safe(to_html(summary.overview(assemblies, family))),
        "missing": summary.missing(assemblies),
        "caveats": GENERAL_CAVEATS,
        "provenance": _provenance(assemblies, fingerprints),
        "trace": TRACE,
    }


def _column_titles(profiles: list[str], assemblies: list[Assembly]) -> list[tuple[str, str]]:
    """The data sets behind the columns of the heat map."""
    titles = {
        profile: dict.fromkeys(
            one.results.profile_title for one in _shown(assemblies) if one.results.profile == profile
        )
        for profile in profiles
    }
    return [(column_name(profile), "; ".join(found)) for profile, found in titles.items()]


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
