"""A trivial summary for tests of the runner: counts the records of a plan."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from mmlib.parameters.base import ExperimentParameters
from mmlib.record import Result, load_records, run_id_of, write_result
from mmlib.workbook.plan import find_plan


class Parameters(ExperimentParameters):
    experiment: ClassVar[str] = "summary"
    runtime_fields: ClassVar[frozenset[str]] = frozenset({"outputs", "output"})
    plan: str
    profile: str
    outputs: str
    output: str = ""


def run(parameters: Parameters) -> Result:
    cells = find_plan(parameters.plan).cells(parameters.profile, outputs=Path(parameters.outputs))
    done = [record for record in load_records(parameters.outputs, cells) if record.done]
    folder = parameters.output_folder()
    result = Result(
        run_id=run_id_of(folder),
        parameters=parameters.model_dump(mode="json"),
        metrics={"records": float(len(done)), "sum": sum(record.metrics["last/top1"] for record in done)},
    )
    write_result(folder, result)
    return result
