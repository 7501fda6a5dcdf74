"""What a run leaves behind: the `Result` an experiment writes and the `Record` the runner makes of it.

A cell is finished only when a schema-valid `record.json` says so. papermill's own metadata is never asked: after a
killed kernel or a timeout it reports every cell as completed.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Protocol, SupportsFloat

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from mmlib.errors import UsageError
from mmlib.files import LFS_ADVICE, dump_json, is_lfs_pointer, read_json, write_text
from mmlib.seal import DIGEST, FileStamp, is_broken, sealed

RESULT_FILE = "result.json"
RECORD_FILE = "record.json"
CELL_FILE = "cell.json"
CHECKPOINT_FILE = "checkpoint.pt"  # only of use to a run that has not finished

LARGEST_METRIC = sys.float_info.max
"""Whole numbers may be longer than a float can be."""

Status = Literal["done", "failed", "killed", "timeout"]
DataOrigin = Literal["recorded", "generated", "stand-in"]


def now() -> str:
    """This moment in UTC, ISO 8601 to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def finite_metrics(metrics: Any) -> Any:
    """The metrics as they are. Raises `ValueError` for one that is no number, or not finite."""
    for name, value in metrics.items() if isinstance(metrics, dict) else ():
        if value is None or (type(value) is float and math.isfinite(value)):
            continue
        if isinstance(value, bool | str) or not isinstance(value, SupportsFloat):
            raise ValueError(f"metric {name!r} is {value!r:.80}; a metric is a number, or null where it does not exist")
        if abs(value) > LARGEST_METRIC or not math.isfinite(value):
            raise ValueError(f"metric {name!r} is {value!r:.80}; write null where a metric does not exist")
    return metrics


class Selection(BaseModel):
    """Which epoch a protocol reports, and by which rule it was chosen."""

    model_config = ConfigDict(extra="forbid")

    rule: str
    epoch: int | None = None


class StageResult(BaseModel):
    """What one stage of a run measured: the run's own fields, of this stage alone. Epochs count through the run.

    `wall_s` is that of its epochs, evaluations included.
    """

    model_config = ConfigDict(extra="forbid")

    name: str
    first_epoch: int
    epochs: int
    metrics: dict[str, float | None] = Field(default_factory=dict)
    selection: dict[str, Selection] = Field(default_factory=dict)
    splits: dict[str, int] = Field(default_factory=dict)
    coverage: dict[str, int] = Field(default_factory=dict)
    parameter_count: int | None = None
    wall_s: float | None = None

    @field_validator("metrics", mode="before")
    @classmethod
    def _finite(cls, metrics: Any) -> Any:
        return finite_metrics(metrics)


class Result(BaseModel):
    """What an experiment measured (`result.json`); written by the notebook's process.

    `metrics` is flat, ``"<protocol>/<metric>"`` to a fraction in [0, 1] (or a loss), null where it does not exist.
    `splits` counts samples by split, and `coverage` how many of the things that must occur do (classes, identities).
    `data_origin` says what was measured on; a stand-in only has the shape of the data set whose name it carries, and
    no verdict is ever given on it. `stages` are the parts of the run in order; what stands outside of them is the last
    one's (version 1 has none). `files` are those beside it, as they were written (`mmlib.seal`). `data_verified` says
    whether the prepared data were compared with their digests (None: none were used, or the record is older). Times
    are seconds, memory is MiB.
    """

    model_config = ConfigDict(extra="forbid")

    schema_version: Literal[1, 2] = 2
    run_id: str | None = None
    parameters: dict[str, Any]
    metrics: dict[str, float | None]
    selection: dict[str, Selection] = Field(default_factory=dict)
    seed: int | None = None
    splits: dict[str, int] = Field(default_factory=dict)
    coverage: dict[str, int] = Field(default_factory=dict)
    data_origin: DataOrigin | None = None
    parameter_count: int | None = None
    epochs_run: int | None = None
    wall_s: float | None = None
    peak_memory_mb: float | None = None
    peak_gpu_memory_mb: float | None = None
    device: str | None = None
    versions: dict[str, str] = Field(default_factory=dict)
    notes: list[str] = Field(default_factory=list)
    stages: list[StageResult] = Field(default_factory=list)
    files: dict[str, FileStamp] = Field(default_factory=dict)
    data_verified: bool | None = None

    @field_validator("metrics", mode="before")
    @classmethod
    def _finite(cls, metrics: Any) -> Any:
        return finite_metrics(metrics)


class CellError(BaseModel):
    """Why a cell did not finish: the exception's class (or a word for it) and one line."""

    model_config = ConfigDict(extra="forbid")

    kind: str
    message: str


class GitState(BaseModel):
    """The commit the working tree stood at, and whether it had changes."""

    model_config = ConfigDict(extra="forbid")

    commit: str | None = None
    dirty: bool | None = None


class Hashes(BaseModel):
    """Content hashes that decide staleness; `library_files` lets a message name the file that changed."""

    model_config = ConfigDict(extra="forbid")

    notebook: str
    library: str
    lock: str | None = None
    data: str | None = None
    library_files: dict[str, str] = Field(default_factory=dict)


class Record(Result):
    """A `Result` with the provenance only the runner knows (`record.json`, written last).

    `plan`, `profile` and `row` are informative: one cell may serve several plans. `started` and `ended` are ISO 8601
    in UTC. A record whose status is not "done" carries `error` and no metrics.
    """

    cell_id: str
    status: Status
    error: CellError | None = None
    run_id: str
    notebook: str
    plan: str | None = None
    profile: str | None = None
    row: str | None = None
    git: GitState = Field(default_factory=GitState)
    hashes: Hashes
    started: str
    ended: str
    host: str
    attempts: int = 1

    @property
    def done(self) -> bool:
        return self.status == "done"


class CellFile(BaseModel):
    """`cell.json`: what is about to run, written before the kernel starts."""

    model_config = ConfigDict(extra="forbid")

    cell_id: str
    run_id: str
    notebook: str
    plan: str | None = None
    profile: str | None = None
    row: str | None = None
    parameters: dict[str, Any] = Field(default_factory=dict)
    hashes: Hashes
    started: str
    host: str
    attempts: int = 1


class HasFolder(Protocol):
    """Anything with a cell folder; `mmlib.workbook.cell.Cell` is one."""

    @property
    def folder(self) -> Path: ...


def write_model(path: Path, model: BaseModel) -> None:
    """Write a schema as strict JSON with its digest, atomically. Raises `OutputsError`."""
    write_text(path, dump_json(sealed(model.model_dump(mode="json"))) + "\n")


def write_result(folder: str | Path, result: Result) -> Path:
    """Write `result.json` into a cell's folder, atomically; returns its path. Raises `OutputsError`."""
    path = Path(folder) / RESULT_FILE
    write_model(path, result)
    return path


def run_id_of(folder: str | Path) -> str | None:
    """The run id the runner gave this folder, or None when a person runs the notebook by hand."""
    cell, _ = _read(Path(folder) / CELL_FILE, CellFile)
    return cell.run_id if cell else None


def read_result(folder: str | Path) -> tuple[Result | None, str | None]:
    """`(result, None)`, `(None, None)` when there is none, `(None, reason)` when it is damaged."""
    return _read(Path(folder) / RESULT_FILE, Result)


def read_record(folder: str | Path) -> tuple[Record | None, str | None]:
    """`(record, None)`, `(None, None)` when there is none, `(None, reason)` when it is damaged."""
    return _read(Path(folder) / RECORD_FILE, Record)


def read_cell_file(folder: str | Path) -> tuple[CellFile | None, str | None]:
    """`(cell file, None)`, `(None, None)` when there is none, `(None, reason)` when it is damaged."""
    return _read(Path(folder) / CELL_FILE, CellFile)


def load_record(folder: str | Path) -> Record | None:
    """The record of one cell folder; a damaged one counts as absent and its reason is printed."""
    record, problem = read_record(folder)
    if problem:
        print(problem)
    return record


def load_records(outputs: str | Path, cells: Iterable[HasFolder] | None = None) -> list[Record]:
    """Records of `cells` that exist, in their order; without `cells`, every record under ``outputs/runs``.

    Records of any status are returned (look at `record.status`). A damaged one counts as absent; why is printed.
    """
    if cells is not None:
        folders = [cell.folder for cell in cells]
    else:
        folders = sorted(path.parent for path in Path(outputs).glob(f"runs/[!.]*/{RECORD_FILE}"))
    records = (load_record(folder) for folder in dict.fromkeys(folders))
    return [record for record in records if record is not None]


def _read(path: Path, schema: type[BaseModel]) -> tuple[Any, str | None]:
    try:
        content = read_json(path)
        if is_broken(content):
            return None, f"{path} was changed after it was written (its digest is another's); treated as absent."
        if isinstance(content, dict):
            content.pop(DIGEST, None)
        return schema.model_validate(content), None
    except (FileNotFoundError, NotADirectoryError):
        return None, None
    except OSError as error:
        return None, f"{path} cannot be read ({error.strerror or error}); treated as absent."
    except UsageError:
        what = LFS_ADVICE if is_lfs_pointer(path) else "is damaged (not valid JSON); treated as absent."
        return None, f"{path} {what}"
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole file"
        return None, f"{path} is damaged ({where}: {first['msg']}); treated as absent."
