"""One section of a plan's page: the plan on one profile, as plain values for the template."""

from __future__ import annotations

import html
import os
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from mmlib.metrics.family import metric
from mmlib.record import Record
from mmlib.report.assemble import Assembly
from mmlib.report.counts import count
from mmlib.report.forest import label_html, statements_html, table_html
from mmlib.report.judging import Family
from mmlib.report.render import cell_html, slug, to_html
from mmlib.report.statements import SOURCES, more_digits, plain_sentence
from mmlib.report.titles import data_name
from mmlib.workbook.verdicts import StatementVerdict

KINDS = {
    "embedded": "generated data",
    "small": "real data, not the paper’s setting",
    "paper": "the paper’s recipe and data",
}


def section_of(
    assembly: Assembly, folder: Path, pages: dict[str, str], family: Family, pictures: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    """What the template shows of one assembly; `folder` is the report's, links are relative to it."""
    results, statements = assembly.results, assembly.statements
    shown = {name: picture | _originals(picture["stem"], folder) for name, picture in pictures.items()}
    table = ("rows", "curves")
    return {
        "id": assembly.name,
        "title": results.profile_title or results.profile,
        "short": data_name(assembly),
        "kind": KINDS[results.kind],
        "state": state_text(assembly),
        "notes": results.notes,
        "finished": bool(results.records),
        "printed": bool(assembly.numbers),
        "tables": {"problems": ""} | {name: Markup(_html(name, assembly)) for name in assembly.tables},
        "statements": Markup(statements_html(assembly, family)) if statements and results.records else "",
        "sentences": [sentence(one, family, assembly) for one in statements.verdicts] if statements else [],
        "pictures": {name: shown[name] for name in table if name in shown},
        "findings": _findings(assembly, [shown[name] for name in shown if name not in table]),
        "problems": _count(Counter(problem.status for problem in results.problems)),
        "runs": Markup(runs_html(assembly, pages)),
        "facts": facts(results.records),
        "files": _files(assembly.files, folder),
    }


def _findings(assembly: Assembly, pictures: list[dict[str, Any]]) -> dict[str, Any]:
    """What a plan for a figure found: its sentences and its pictures; empty for other plans."""
    return {"sentences": assembly.findings.sentences, "pictures": pictures} if assembly.findings is not None else {}


CAPTIONS = {
    "rows": "Every row, over seeds",
    "analysis": "The numbers behind the figures",
    "problems": "Cells without a result",
}


def _html(name: str, assembly: Assembly) -> str:
    """A table as the page shows it: the section's title and notice already say what its caption and notes repeat."""
    table = assembly.tables[name]
    notes = [note for note in table.notes if note not in assembly.results.notes]
    named = f"{assembly.name}-{name}"  # a section has the table's own name
    return to_html(replace(table, name=named, caption=CAPTIONS.get(name, table.caption), notes=notes))


def state_text(assembly: Assembly) -> str:
    """What ran of this profile, and how to run the rest."""
    results, counted = assembly.results, count([assembly.results])
    seeds = f" ({results.seeds_text})" if results.records else ""
    rest = counted.wanted - counted.finished
    command = f" To run what is missing: `mmlib run {results.plan} --profile {results.profile}`." if rest else ""
    return f"{counted.text}{seeds}.{command}"


def sentence(verdict: StatementVerdict, family: Family, assembly: Assembly) -> dict[str, Any]:
    """A statement's verdict, the sentence without it, and where the paper says so."""
    text = plain_sentence(verdict).replace(f": {verdict.verdict}.", ".", 1).replace(f": {verdict.verdict} (", " (", 1)
    where = f"{SOURCES[verdict.statement.source].capitalize()}: {verdict.statement.where}."
    if gains := verdict.printed_gain:
        known, extra = metric(verdict.metric), more_digits(verdict)
        texts = [f"{known.difference(gain, extra)} ({label})" for label, gain in gains.items()]
        where += f" Its own table gives {', '.join(texts)}."
        if (said := verdict.statement.printed_gain) is not None:
            mean = known.differences([sum(gains.values()) / len(gains)], 1)
            where += f" It says {said:g} {known.unit.difference}; its table averages {mean}."
    if verdict.statement.note:
        where += f" Note: {verdict.statement.note}."
    if verdict.differing:
        where += f" The rows differ in {', '.join(verdict.differing)}."
    label = family.statement(verdict, assembly.plan.name, assembly.results.profile)
    return {"label": Markup(label_html(label)), "text": text, "where": where}


def facts(records: list[Record]) -> list[tuple[str, str]]:
    """Provenance over all records of a section, each distinct value once."""
    if not records:
        return []
    commits = sorted({f"{(r.git.commit or 'unknown')[:10]}{' with changes' if r.git.dirty else ''}" for r in records})
    versions = sorted({f"{name} {version}" for record in records for name, version in record.versions.items()})
    wall = sum(record.wall_s or 0 for record in records)
    epochs = sorted({record.epochs_run for record in records if record.epochs_run is not None})
    sizes = sorted({record.parameter_count for record in records if record.parameter_count is not None})
    rules = {f"{name}: {s.rule}" for record in records for name, s in record.selection.items()}
    memory = max((record.peak_memory_mb or 0 for record in records), default=0)
    return [
        ("git commit", ", ".join(commits)),
        ("library", _hashes(record.hashes.library for record in records)),
        ("lock file", _hashes(record.hashes.lock for record in records)),
        ("data manifest", _hashes(record.hashes.data for record in records)),
        ("versions", ", ".join(versions)),
        ("device", ", ".join(sorted({record.device or "unknown" for record in records}))),
        ("seeds", _listed(sorted({record.seed for record in records if record.seed is not None}))),
        ("splits", ", ".join(f"{name} {count}" for name, count in records[0].splits.items()) or "unknown"),
        ("selection", "; ".join(sorted(rules)) or "unknown"),
        ("epochs", _range(epochs)),
        ("parameters", _range(sizes)),
        ("wall time", f"{wall / 60:.1f} minutes over {len(records)} runs"),
        ("peak memory", f"{memory:.0f} MiB" if memory else "unknown"),
        ("run", f"{min(record.started for record in records)} to {max(record.ended for record in records)}"),
    ]


def runs_html(assembly: Assembly, pages: dict[str, str]) -> str:
    """A table of every cell with a link to its executed notebook; empty where nothing was executed here."""
    results, headline = assembly.results, metric(assembly.metrics[0])
    heads = ["row", "seed", "state", f"{headline.title} (clean)", "s", "page"]
    kinds = ["number", "verdict", "number", "number", "text"]
    lines = []
    for row in results.rows.values():
        cells = [(seed, record.cell_id, "done", record) for seed, record in sorted(row.records.items())]
        cells += [(problem.seed, problem.cell, problem.status, None) for problem in row.problems]
        for seed, cell, status, record in cells:
            if status == "blocked":
                continue
            link = f'<a href="{html.escape(quote(pages[cell]))}">notebook</a>' if cell in pages else "–"
            value = record.metrics.get(f"clean/{headline.name}") if record else None
            seconds = f"{record.wall_s:.0f}" if record and record.wall_s is not None else "–"
            shown = "–" if value is None else headline.number(headline.scale * value)
            state = f'<span class="verdict {slug(status)}">{html.escape(status)}</span>'
            values = [str(seed), state, shown, seconds, link]
            texts = "".join(map(cell_html, heads[1:], values, kinds))
            lines.append(f'<tr><th scope="row">{html.escape(row.id)}</th>{texts}</tr>')
    return (
        "" if not lines or results.source == "reference" else table_html(f"{assembly.name}-runs", "", heads, lines, [])
    )


def _originals(stem: Any, folder: Path) -> dict[str, str]:
    """Links to a figure as it was drawn, for print."""
    return {
        suffix: _relative(Path(stem).with_name(f"{Path(stem).name}.{suffix}"), folder)
        for suffix in ("png", "pdf", "svg")
    }


def _files(paths: list[Path], folder: Path) -> list[tuple[str, list[tuple[str, str]]]]:
    """[(name, [(format, link)])]: the formats of one table or figure together."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for path in sorted(paths):  # in one order, whether they were drawn just now or are kept
        groups.setdefault(path.stem, []).append((path.suffix[1:].upper(), _relative(path, folder)))
    return list(groups.items())


def _relative(path: Path, folder: Path) -> str:
    return quote(Path(os.path.relpath(path, folder)).as_posix())


def _hashes(values: Any) -> str:
    known = sorted({value[:12] for value in values if value})
    return ", ".join(known) or "none"


def _range(values: list[int]) -> str:
    if not values:
        return "unknown"
    return f"{values[0]:,}" if len(values) == 1 else f"{values[0]:,} to {values[-1]:,}"


def _listed(values: list[int]) -> str:
    return ", ".join(map(str, values))


def _count(counter: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counter.most_common())
