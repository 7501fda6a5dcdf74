"""Reads records, analyses and draws them, as the report and `mmlib figures` do. Torch is not loaded."""

from __future__ import annotations

import platform
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mmlib
from mmlib.errors import UsageError
from mmlib.experiments.figure.beside import leave_beside
from mmlib.experiments.figure.parameters import Parameters
from mmlib.figures.analyses import ANALYSES
from mmlib.parameters.base import project_root
from mmlib.record import Result, run_id_of, write_result
from mmlib.report.assemble import Assembly, assemble, write
from mmlib.report.drawing import SHEETS
from mmlib.workbook.fingerprint import Fingerprints
from mmlib.workbook.plan import Plan, find_plan
from mmlib.workbook.results import collect


@dataclass
class FigureResult:
    """What a figure notebook shows."""

    assembly: Assembly
    parameters: Parameters

    @property
    def summary(self) -> str:
        """Where the records come from and how much ran."""
        results = self.assembly.results
        lines = [f"{results.title} on {results.profile_title}: {len(results.records)} of {results.wanted} cells"]
        lines += [f"- {note}" for note in results.notes]
        if results.source != "runs":
            lines.append(f"- nothing has run here; to run it: mmlib run {results.plan} --profile {results.profile}")
        elif self.assembly.findings is not None:
            lines.append(f"- {self.assembly.findings.caption}")
        return "\n".join(lines)

    @property
    def sentences(self) -> list[str]:
        """What the figure shows, computed from the records."""
        findings = self.assembly.findings
        return findings.sentences if findings is not None else ["No finished run: nothing can be said."]

    def markdown(self) -> str:
        """The sentences as a Markdown list."""
        return "\n".join(f"- {sentence}" for sentence in self.sentences)

    def table(self) -> Any:
        """The numbers behind the figures, as a pandas DataFrame; empty where nothing has run."""
        import pandas

        found = self.assembly.tables.get("analysis")
        return pandas.DataFrame() if found is None else found.frame()

    @property
    def figures(self) -> dict[str, Path]:
        """{name: PNG file}: those of the analysis first."""
        drawn = {name: stem.with_name(stem.name + ".png") for name, stem in self.assembly.figures.items()}
        first = [drawing.name for drawing in ANALYSES[self.assembly.plan.figure].drawings if drawing.name in drawn]
        return {name: drawn[name] for name in [*first, *(name for name in drawn if name not in first)]}

    @property
    def files(self) -> list[Path]:
        """Every file written: figures as PNG, PDF and SVG, tables."""
        return self.assembly.files


def run(parameters: Parameters) -> FigureResult:
    """Make the figure. Raises `UsageError` for an unknown plan or profile, or a plan that is about no figure."""
    started = time.perf_counter()
    outputs, project = parameters.outputs_folder(), project_root()
    plan = find_plan(parameters.plan, project)
    if plan.figure is None:
        raise UsageError(f"plan {plan.name} is about no figure: it has no `figure`. Show it with table1.ipynb.")
    if parameters.run_missing:
        _run_missing(plan, parameters.profile, outputs)
    if plan.figure == "iemf":
        leave_beside(collect(plan, parameters.profile, outputs), outputs, parameters.landscape_samples)
    assembly = assemble(plan, parameters.profile, outputs, project, fingerprints=Fingerprints(project))
    if assembly.results.records:
        # A plan that has a table too has a notebook for it, which draws the table's own figures.
        write(assembly, outputs, sheets=["analysis"] if plan.claims else SHEETS)
    folder = parameters.output_folder()
    result = Result(
        run_id=run_id_of(folder),
        parameters=parameters.model_dump(mode="json"),
        metrics={"cells": float(len(assembly.results.records)), "figures": float(len(assembly.figures))},
        wall_s=round(time.perf_counter() - started, 3),
        device="cpu",
        versions={"python": platform.python_version(), "mmlib": mmlib.__version__},
        notes=assembly.results.notes,
    )
    write_result(folder, result)
    return FigureResult(assembly, parameters)


def _run_missing(plan: Plan, profile: str, outputs: Path) -> None:
    """Train what is missing, as `mmlib run` does. Takes the outputs' lock, so it cannot run inside such a run."""
    from mmlib.workbook.running.runner import RunOptions, run_cells

    run_cells(plan.cells(profile, outputs=outputs), [], RunOptions(outputs=outputs))
