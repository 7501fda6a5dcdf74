"""Tables of README.md and docs/ that nobody types: computed from committed records, plans, claims and the catalogue.

A page marks the place of each: `<!-- table: NAME ARGUMENTS -->`, the table, `<!-- end -->`. This writes all of them:

    python -m mmlib.report.documents

and `tests/test_documents.py` fails where a page and the records disagree. Only `outputs/reference` is read, never a
person's own runs.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from mmlib.data.catalogue import DATASETS
from mmlib.data.public.by_hand import BY_HAND
from mmlib.data.public.sources import MADE_OF, PUBLIC
from mmlib.errors import UsageError
from mmlib.figures.analyses import ANALYSES
from mmlib.files import write_text
from mmlib.metrics.family import Metric, metric
from mmlib.parameters.base import project_root
from mmlib.report.analysis_tables import ANALYSIS_TABLES
from mmlib.report.findings import findings
from mmlib.statistics import summarise
from mmlib.workbook.claims import Claims, load_claims
from mmlib.workbook.plan import Plan, load_plan, plan_paths
from mmlib.workbook.reference import load_reference, reference_path
from mmlib.workbook.results import Results, collect
from mmlib.workbook.verdicts import CONTRADICTED, HOLDS, StatementFamily, StatementVerdict, judge_statements

MARK = re.compile(r"(<!-- table: (\S+)((?: \S+)*?) -->\n)(?:.*?\n)??(<!-- end -->)", re.S)
SIGNIFICANCE = 0.05


@dataclass(frozen=True)
class Evidence:
    """One plan and profile as the committed records have it."""

    plan: Plan
    claims: Claims | None
    results: Results
    family: StatementFamily | None


@cache
def evidence(project: Path, name: str, profile: str) -> Evidence:
    """Raises `UsageError` where there is no committed record, or no such plan or profile."""
    plan = load_plan(project / "notebooks" / "plans" / f"{name}.yaml")
    folder = project / "outputs" / "reference"
    results = collect(plan, profile, folder, reference=folder)
    if results.source != "reference":
        raise UsageError(f"there is no committed record of {name} / {profile} in {folder}.")
    claims = load_claims(project / "notebooks" / "claims" / plan.claims) if plan.claims else None
    family = judge_statements(claims, results) if claims and claims.statements_of(plan.name) else None
    return Evidence(plan, claims, results, family)


def pipe_table(heads: list[str], rows: list[list[str]], numbers: int = 0) -> str:
    """A Markdown table; the last `numbers` columns are set to the right."""
    rule = [":---"] * (len(heads) - numbers) + ["---:"] * numbers
    lines = [heads, rule, *rows]
    return "\n".join("| " + " | ".join(text.replace("|", "\\|") for text in line) + " |" for line in lines)


def ours(verdict: StatementVerdict) -> str:
    """ "2.9 points worse (2.5 to 3.3 worse)"."""
    difference, known = verdict.difference, metric(verdict.metric)
    if difference is None:
        return "–"
    text = known.difference(difference.mean)
    return text if difference.low is None else f"{text} ({known.interval(difference.low, difference.high)})"


def printed(verdict: StatementVerdict, claims: Claims | None) -> str:
    """The paper's own difference by data set: "CREMA-D 2.8 better, VGGSound 0.2 better"; "–" where none is printed."""
    known = metric(verdict.metric)
    gains = dict(verdict.printed_gain) or _gains_over_joint(verdict, claims)
    mean = int(len(verdict.statement.rows) > 2 and not verdict.statement.best)
    names = {label: label.removesuffix(f" {known.title}").removesuffix(", gain") for label in gains}
    texts = [f"{names[label]} {known.differences([gain], mean)}" for label, gain in gains.items()]
    if verdict.statement.printed_gain is not None:
        texts.insert(0, f"said: {known.differences([verdict.statement.printed_gain])}")
    return ", ".join(texts) or "–"


def _gains_over_joint(verdict: StatementVerdict, claims: Claims | None) -> dict[str, float]:
    """What a paper prints as gains over joint training, where it prints no accuracies."""
    found = {}
    for table in claims.tables if claims else ():
        for column in table.columns:
            if column.metric == f"{verdict.metric}_gain" and verdict.statement.contrast:
                values = {row.id: row.values[column.id] for row in table.rows} | {"joint": 0.0}
                if set(verdict.statement.contrast) <= set(values):
                    weighted = (weight * values[row] for row, weight in verdict.statement.contrast.items())
                    found[column.label] = sum(weighted)
    return found


def judged(verdict: StatementVerdict) -> str:
    """The verdict; "unadjusted" where allowing for the number of statements on these data (Holm) undoes it."""
    if verdict.verdict not in (HOLDS, CONTRADICTED):
        return verdict.verdict
    adjusted = verdict.p_holm is not None and verdict.p_holm < SIGNIFICANCE
    return f"**{verdict.verdict}**" if adjusted else f"{verdict.verdict}, unadjusted"


def findings_table(project: Path) -> str:
    """README's table: the papers' main statements, the papers' gains, ours, verdicts, data."""
    rows, before = [], None
    for finding in findings():
        found = evidence(project, finding.plan, finding.profile)
        verdict = _verdict(found, finding.statement, finding.metric)
        if verdict.difference is None:
            raise UsageError(f"the committed records of {finding.plan} / {finding.profile} lack {finding.statement}.")
        data = f"[{finding.data}](docs/tables/{finding.plan}.md), {verdict.difference.n} seeds"
        told = [finding.text or verdict.statement.text, printed(verdict, found.claims)]
        rows.append([*(["″", "″"] if told == before else told), ours(verdict), judged(verdict), data])
        before = told
    return pipe_table(["statement", "paper’s gain", "ours (95 % interval)", "verdict", "data"], rows)


def _verdict(found: Evidence, statement: str, name: str) -> StatementVerdict:
    for verdict in found.family.verdicts if found.family else ():
        if verdict.statement.id == statement and verdict.metric == name:
            return verdict
    raise UsageError(f"plan {found.plan.name} has no statement {statement} on {name}.")


def statements(project: Path, plan: str, profile: str) -> str:
    """Every statement that the committed records of a plan and profile could test."""
    found = evidence(project, plan, profile)
    tested = [verdict for verdict in found.family.verdicts if verdict.difference is not None] if found.family else []
    if not tested:
        raise UsageError(f"the committed records of {plan} / {profile} test no statement.")
    sources = {"paper": "paper", "bold": "paper, bold", "ours": "ours"}
    rows = [
        [
            v.statement.text + (f" (against {v.rival_name})" if v.rival else ""), sources[v.statement.source],
            metric(v.metric).title, printed(v, found.claims), ours(v), judged(v),
            p_text(v.p_holm),
        ]
        for v in tested
    ]  # fmt: skip
    heads = ["statement", "source", "metric", "paper’s gain", "ours (95 % interval)", "verdict", "p (Holm)"]
    how = "differences paired over seeds, epoch chosen on validation data; p allows for all lines (Holm)"
    return f"{_made(project, plan, profile)}; {how}.\n\n" + pipe_table(heads, rows, numbers=1)


def means(project: Path, plan: str, profile: str, *names: str) -> str:
    """Mean ± sd over seeds of every row that ran, under `clean`; the plan's metrics unless others are named."""
    found = evidence(project, plan, profile)
    rows = []
    known = [metric(name) for name in names or found.plan.metrics]
    for row in found.results.rows.values():
        values = [list(row.values(f"clean/{one.name}").values()) for one in known]
        if any(values):
            texts = [_plus_minus(one, each) for one, each in zip(known, values, strict=True)]
            rows.append([f"{row.block}, {row.label}" if row.label else row.block, *texts, str(len(row.records))])
    heads = ["row", *(one.title + (f" ({one.unit.symbol})" if one.unit.symbol else "") for one in known), "seeds"]
    how = "mean ± sd over seeds, epoch chosen on validation data"
    return f"{_made(project, plan, profile)}; {how}.\n\n" + pipe_table(heads, rows, numbers=len(heads) - 1)


def analysis(project: Path, plan: str, profile: str) -> str:
    """What the analysis of a plan for a figure found, with what its table notes."""
    found = evidence(project, plan, profile)
    of = ANALYSES[found.plan.figure].of(found.results, found.claims, project / "outputs" / "reference")
    table = ANALYSIS_TABLES[found.plan.figure](of, plan)
    heads, notes = [column.title for column in table.columns], " ".join(table.notes)
    numbers = sum(column.kind == "number" for column in table.columns)
    return f"{_made(project, plan, profile)}. {notes}\n\n" + pipe_table(heads, table.rows, numbers)


def p_text(p: float | None) -> str:
    """A p of three decimals."""
    return "–" if p is None else "< .001" if p < 0.001 else f"{p:.3f}"


def _plus_minus(known: Metric, values: list[float]) -> str:
    if not values:
        return "–"
    summary = summarise(values)
    return known.number(summary.mean) + ("" if summary.sd is None else f" ± {known.number(summary.sd)}")


def _made(project: Path, plan: str, profile: str) -> str:
    """Which file the numbers come from, and how it was made."""
    folder = project / "outputs" / "reference"
    made = load_reference(folder, plan, profile).made
    name = reference_path(folder, plan, profile).name
    return f"From `outputs/reference/{name}` ({made})"


def costs(project: Path, *chosen: str) -> str:
    """Cells, time and memory of every plan and profile, or of those chosen (`PLAN/PROFILE`): measured where there are
    committed records."""
    rows = []
    for path in plan_paths(project).values():
        plan = load_plan(path)
        for name, profile in plan.profiles.items():
            if chosen and f"{plan.name}/{name}" not in chosen:
                continue
            cells = len(profile.only or plan.rows) * len(profile.seeds)
            reference = load_reference(project / "outputs" / "reference", plan.name, name)
            if reference is None:
                rows.append([f"`{plan.name}`", f"`{name}`", str(cells), "not measured", "–", "–", "–"])
                continue
            seconds = [record.wall_s for record in reference.records]
            memory = max(record.peak_memory_mb for record in reference.records)
            hours = cells * sum(seconds) / len(seconds) / 3600
            texts = [f"{len(seconds)} cells", f"{sum(seconds) / len(seconds):.0f}", f"{hours:.2g}", f"{memory:.0f}"]
            rows.append([f"`{plan.name}`", f"`{name}`", str(cells), *texts])
    heads = ["plan", "profile", "cells", "measured on", "s per cell", "hours, one after another", "MiB per cell"]
    return pipe_table(heads, rows, numbers=3)


def dataset(project: Path, name: str) -> str:
    """What the catalogue says of a data set, and which plans use it."""
    info = DATASETS[name]
    public = MADE_OF.get(name, (name,) if name in PUBLIC else ())
    rows = [["what", info.title], ["from", info.origin.replace("<", "&lt;")], ["licence", info.licence]]
    if public:
        rows.append(["fetched by", ", ".join(f"`mmlib data get {one}`" for one in public)])
    if name in BY_HAND:
        hand = BY_HAND[name]
        steps = "".join(f"<br>{number}. {step}" for number, step in enumerate(hand.steps, 1))
        rows.append(["got by hand", f"{hand.why}: <{hand.page}>{steps.replace('ROOT', '`DATA`')}"])
    options = {**info.options, **(info.raw or {}), **(info.media or {})}
    if options:
        values = ", ".join(f"`{option}={value}`" for option, value in options.items())
        when = "when it is prepared (`mmlib data prepare`)" if info.published else "of a run"
        rows.append([f"options {when}", values])
    uses = []
    for path in plan_paths(project).values():
        plan = load_plan(path)
        for profile, settings in plan.profiles.items():
            if settings.parameters.get("dataset", plan.parameters.get("dataset")) == name:
                cells = len(settings.only or plan.rows) * len(settings.seeds)
                uses.append(f"`{plan.name}` / `{profile}` ({cells})")
    rows.append(["plans / profiles (cells)", ", ".join(uses) or "none; set `dataset` in a notebook or with `--set`"])
    return pipe_table(["", ""], rows)


TABLES: dict[str, Callable[..., str]] = {
    "findings": findings_table,
    "statements": statements,
    "means": means,
    "analysis": analysis,
    "costs": costs,
    "dataset": dataset,
}


def pages(project: Path) -> list[Path]:
    """README.md and every page of docs/."""
    return [project / "README.md", *sorted((project / "docs").rglob("*.md"))]


def renewed(text: str, project: Path) -> str:
    """A page with its tables computed anew. Raises `UsageError` for a table that is not known."""

    def table(found: re.Match) -> str:
        head, name, arguments, end = found.groups()
        if name not in TABLES:
            raise UsageError(f"there is no table {name}; there are {', '.join(TABLES)}.")
        return f"{head}{TABLES[name](project, *arguments.split())}\n{end}"

    return MARK.sub(table, text)


def main() -> int:
    """Write every table anew and name the pages that changed."""
    project = project_root()
    for page in pages(project):
        text = page.read_text(encoding="utf-8")
        if (new := renewed(text, project)) != text:
            write_text(page, new)
            print(f"renewed {page.relative_to(project)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
