"""Reads records, computes verdicts, writes the table in three formats and the figures in two. Torch is not loaded."""

from __future__ import annotations

import platform
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mmlib
from mmlib.experiments.table.parameters import Parameters
from mmlib.parameters.base import project_root
from mmlib.record import Result, run_id_of, write_result
from mmlib.report.assemble import Assembly, assemble, write
from mmlib.report.build import TEMPLATES
from mmlib.report.drawing import SHEETS
from mmlib.report.render import to_html
from mmlib.report.statements import compact_statements, plain_sentence
from mmlib.workbook.fingerprint import Fingerprints
from mmlib.workbook.plan import Plan, find_plan


@dataclass
class TableResult:
    """What a table notebook shows. Frames are as printed; numbers are in the CSV files of `files`."""

    assembly: Assembly
    parameters: Parameters

    @property
    def summary(self) -> str:
        """What was found, in a few lines: where the records come from, how much ran, the verdicts."""
        results = self.assembly.results
        finished = len(results.records)
        lines = [f"{results.title} on {results.profile_title}: {finished} of {results.wanted} cells"]
        lines += [f"- {note}" for note in results.notes]
        if results.source == "none":
            lines.append(f"- nothing has run yet; to run it: mmlib run {results.plan} --profile {results.profile}")
        counts = Counter(verdict.verdict for verdict in self.assembly.numbers)
        lines += [f"- numbers {verdict}: {count}" for verdict, count in counts.items()]
        if self.assembly.statements is not None:
            counts = Counter(verdict.verdict for verdict in self.assembly.statements.verdicts)
            lines += [f"- statements, {verdict}: {count}" for verdict, count in counts.items()]
        return "\n".join(lines)

    @property
    def frame(self) -> Any:
        """The table as a DataFrame."""
        return self.assembly.tables["rows"].frame()

    @property
    def statements(self) -> Any:
        """The statements with intervals and verdicts, as a DataFrame; None where the plan has no claims."""
        table = self.assembly.tables.get("statements")
        return table.frame() if table else None

    def html(self, name: str) -> str:
        """A table ("rows", "statements", "problems") as HTML for a notebook; a sentence where there is none."""
        if name not in self.assembly.tables:
            return f"<p>No {name}.</p>"
        table = self.assembly.tables[name]
        if name == "statements":
            table = compact_statements(table)
        css = (TEMPLATES / "tables.css").read_text(encoding="utf-8")
        return f'<style>{css}</style><div class="mm-table">{to_html(table)}</div>'

    @property
    def sentences(self) -> list[str]:
        """Every statement's verdict as one sentence, and how to weigh so many of them."""
        family = self.assembly.statements
        return [*map(plain_sentence, family.verdicts), family.warning] if family else []

    @property
    def findings(self) -> list[str]:
        """What the analysis of the plan says, computed; nothing for a plan without one, or without records."""
        return self.assembly.findings.sentences if self.assembly.findings is not None else []

    @property
    def problems(self) -> Any:
        """Cells that failed or are blocked, with reasons, as a DataFrame; None where there are none."""
        table = self.assembly.tables.get("problems")
        return table.frame() if table else None

    @property
    def figures(self) -> dict[str, Path]:
        """{name: PNG file}: rows, statements, and curves where runs left a history."""
        return {name: stem.with_name(stem.name + ".png") for name, stem in self.assembly.figures.items()}

    @property
    def files(self) -> list[Path]:
        """Every file written."""
        return self.assembly.files


def run(parameters: Parameters) -> TableResult:
    """Make the table. Raises `UsageError` for an unknown plan or profile, or a malformed claims file."""
    started = time.perf_counter()
    outputs, project = parameters.outputs_folder(), project_root()
    plan = find_plan(parameters.plan, project)
    if parameters.run_missing:
        _run_missing(plan, parameters.profile, outputs)
    assembly = assemble(
        plan, parameters.profile, outputs, project, protocol=parameters.protocol, fingerprints=Fingerprints(project)
    )
    # Two notebooks of one plan draw each their own figures.
    write(assembly, outputs, parameters.protocol, sheets=["table"] if len(plan.summaries) > 1 else SHEETS)
    folder = parameters.output_folder()
    write_result(folder, _result(parameters, assembly, run_id_of(folder), time.perf_counter() - started))
    return TableResult(assembly, parameters)


def _run_missing(plan: Plan, profile: str, outputs: Path) -> None:
    """Train what is missing, as `mmlib run` does. Takes the outputs' lock, so it cannot run inside such a run."""
    from mmlib.workbook.running.runner import RunOptions, run_cells

    run_cells(plan.cells(profile, outputs=outputs), [], RunOptions(outputs=outputs))


def _result(parameters: Parameters, assembly: Assembly, run_id: str | None, seconds: float) -> Result:
    """The record's part of this notebook: counts of verdicts as its metrics."""
    counts = Counter(f"numbers/{verdict.verdict}" for verdict in assembly.numbers)
    if assembly.statements is not None:
        counts += Counter(f"statements/{verdict.verdict}" for verdict in assembly.statements.verdicts)
    return Result(
        run_id=run_id,
        parameters=parameters.model_dump(mode="json"),
        metrics={name: float(count) for name, count in sorted(counts.items())},
        wall_s=round(seconds, 3),
        device="cpu",
        versions={"python": platform.python_version(), "mmlib": mmlib.__version__},
        notes=assembly.results.notes,
    )
