"""What a Dask worker does for one cell: prepare the data, run the notebook in a kernel of its own, write the record.

The task is idempotent, because Dask may run it again on another worker: a valid record of the same run ends it at once.
It returns a few words; everything else is on disk. `record.json` is written last.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import traceback
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmlib import notebook_format
from mmlib import record as records
from mmlib.errors import BlockedError, MMLibError, OutputsError, UsageError
from mmlib.files import FULL, read_json, write_problem
from mmlib.record import CellError, CellFile, Hashes, Record, Result, now
from mmlib.seal import BESIDE, stamps
from mmlib.workbook.cell import Cell
from mmlib.workbook.fingerprint import why_stale
from mmlib.workbook.running import limits
from mmlib.workbook.running.task import BLOCKED_KINDS, MAX_ATTEMPTS, Outcome, Task
from mmlib.workbook.running.watch import Watch

if TYPE_CHECKING:
    from mmlib.workbook.running.warm import Line

LOG_FILE = "log.txt"
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
RUNNING_NOTEBOOK = ".running.ipynb"


def run_json(text: str) -> dict[str, Any]:
    """`run_task` on a worker: a task as JSON in, the fields of its `Outcome` out."""
    return asdict(run_task(Task.from_json(text)))


def run_task(task: Task) -> Outcome:
    """Run one cell. Raises `OutputsError` when results cannot be written; all other ends are an `Outcome`."""
    found, _ = records.read_record(task.cell.folder)
    mine = found is not None and found.run_id == task.run_id
    # Dask runs an ended task again whose worker died before it passed the outcome on.
    if mine and (found.status != "killed" or found.attempts >= MAX_ATTEMPTS):
        error = found.error or CellError(kind="", message="")
        status = "blocked" if error.kind in BLOCKED_KINDS else found.status
        return Outcome(status, error.kind, error.message, found.attempts)
    try:
        missing = task.cell.parameters.missing_data()
        if missing:
            return Outcome("blocked", "BlockedError", missing)
        with contextlib.suppress(OSError):  # run_notebook says what is wrong
            warm(task)  # it imports while data are prepared, here or by another worker
        hashes = task.hashes
        if task.cell.kind == "run":
            hashes = hashes.model_copy(update={"data": task.cell.parameters.prepare_data()})
    except BlockedError as error:
        return Outcome("blocked", type(error).__name__, str(error))
    except OutputsError:
        raise
    except Exception as error:  # preparation runs the experiment's own code: whatever it raises is this cell's failure
        start = begin(task, task.hashes)
        log(task, traceback.format_exc())
        if isinstance(error, OSError) and error.errno in FULL:
            raise cannot_write(task.cell.folder, error) from error
        message = first_line(error) + limits.note(error)
        return finish(task, start, Outcome("failed", type(error).__name__, message, start.attempts))
    start = begin(task, hashes)
    if start.attempts > MAX_ATTEMPTS:  # Dask starts a task again by itself when its worker died
        text = f"its worker process died {MAX_ATTEMPTS} times"
        return finish(task, start, Outcome("killed", "KilledWorker", text, start.attempts))
    return finish(task, start, run_notebook(task, start))


def begin(task: Task, hashes: Hashes) -> CellFile:
    """Clear what an outdated run left, keep what an interrupted one can resume from, write `cell.json`."""
    folder = task.cell.folder
    before, _ = records.read_cell_file(folder)
    ended, _ = records.read_record(folder)
    again = before is not None and before.run_id == task.run_id
    attempts = before.attempts + 1 if again else 1
    same = before is not None and why_stale(before.hashes, hashes, "") is None
    interrupted = ended is None or ended.status in ("killed", "timeout")
    try:
        if folder.exists() and not (same and interrupted and (again or not task.force)):
            set_aside(task.cell, finished=ended is not None and ended.done)
        folder.mkdir(parents=True, exist_ok=True)
        for name in (records.RECORD_FILE, records.RESULT_FILE, RUNNING_NOTEBOOK):
            (folder / name).unlink(missing_ok=True)
        for path in folder.glob("notebook*.ipynb"):
            path.unlink()
    except OSError as error:
        raise cannot_write(folder, error) from error
    cell = task.cell
    start = CellFile(
        cell_id=cell.id,
        run_id=task.run_id,
        notebook=cell.notebook,
        plan=cell.plan,
        profile=cell.profile,
        row=cell.row,
        parameters=cell.parameters.model_dump(mode="json"),
        hashes=hashes,
        started=now(),
        host=socket.gethostname(),
        attempts=attempts,
    )
    records.write_model(folder / records.CELL_FILE, start)
    return start


def set_aside(cell: Cell, finished: bool) -> None:
    """Make room for a new run. A finished run's results wait until it has succeeded."""
    if cell.previous.exists() and not finished:
        shutil.rmtree(cell.folder)
        return
    shutil.rmtree(cell.previous, ignore_errors=True)
    cell.previous.parent.mkdir(parents=True, exist_ok=True)
    os.replace(cell.folder, cell.previous)


def run_notebook(task: Task, start: CellFile) -> Outcome:
    """Execute the notebook into a temporary name; say how it ended. Only the process is believed, not papermill."""
    from mmlib.data.verification import environment
    from mmlib.workbook.running.kernel import launching

    watch = None
    try:
        zygote = warm(task)
        variables = {"MMLIB_CELL": start.cell_id} | environment(task.batch, task.verify)
        with launching(task.project, task.cell.folder / LOG_FILE, variables, zygote) as launch:
            watch = Watch(task.timeout, launch.kill)
            with watch:
                execute(task)
    except MMLibError:
        raise
    except Exception as error:  # nbclient reports a dead kernel by exceptions of several classes, RuntimeError too
        status, kind, message = explain(task, error, watch.verdict if watch else "")
        return Outcome(status, kind, message, start.attempts)
    return Outcome("done", attempts=start.attempts)


def warm(task: Task) -> Line | None:
    """The process that this worker's kernels are forked from, started where there is none; None for cold kernels."""
    from mmlib.workbook.running.environment import bound_threads, keep_freed_memory
    from mmlib.workbook.running.warm import warm_zygote

    bound_threads(1)
    keep_freed_memory()
    return None if task.cold else warm_zygote(task.preload, task.version, task.project, task.warm)


def explain(task: Task, error: Exception, verdict: str) -> tuple[str, str, str]:
    """Status, kind and one line for what ended a notebook early; its traceback goes to the log.

    Raises `OutputsError` for what would end every other cell too: results cannot be written.
    """
    if verdict == "timeout":
        return "timeout", "CellTimeout", f"did not finish within {task.timeout:g} s"
    if verdict == "cancelled":
        return "cancelled", "", ""
    if type(error).__name__ == "PapermillExecutionError":  # the notebook's own exception
        log(task, "\n".join(error.traceback) if isinstance(error.traceback, list) else str(error.traceback))
        if error.ename in BLOCKED_KINDS:  # found out late: a device that is not there, a file damaged after preparation
            return "blocked", error.ename, first_line(error.evalue)
        if error.ename == "OutputsError":
            raise OutputsError(error.evalue) from None
        for number in FULL:
            if f"[Errno {number}]" in error.evalue:
                raise cannot_write(task.cell.folder, OSError(number, first_line(error.evalue))) from None
        return "failed", error.ename, first_line(error.evalue) + limits.note(f"{error.ename}: {error.evalue}")
    if isinstance(error, ConnectionError):
        return "killed", "ConnectionError", "the process that starts kernels died"
    if isinstance(error, OSError) and not limits.note(error):
        raise cannot_write(task.cell.folder, error) from error
    log(task, traceback.format_exc())
    if type(error).__name__ == "DeadKernelError" or "Kernel d" in str(error):
        why = "the kernel died (killed from outside, out of memory, or a crash)"
        return "killed", "DeadKernelError", why + limits.memory_note()
    return "failed", type(error).__name__, first_line(error) + limits.note(error)


def require_parameters_cell(notebook: Path) -> None:
    """Raises `UsageError` for a notebook without the cell papermill replaces: its own values would win silently."""
    cells = read_json(notebook)["cells"]
    if not any("parameters" in cell.get("metadata", {}).get("tags", ()) for cell in cells):
        raise UsageError(
            f"{notebook} has no cell tagged 'parameters', so its own values would win over the plan's. Add the tag to "
            "the cell with the parameters (JupyterLab: Property Inspector, Cell tags)."
        )


def execute(task: Task) -> None:
    """papermill with our kernel manager; raises what papermill and nbclient raise."""
    import logging

    notebook_format.prepare()
    import papermill
    from jupyter_core.utils import ensure_event_loop

    from mmlib.workbook.running.engine import ENGINE, SAVE_SECONDS
    from mmlib.workbook.running.kernel import IPCKernelManager

    for name in ("papermill", "traitlets"):  # what they would say is in the outcome
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    loop = ensure_event_loop()  # this thread's, which nbclient works in and would leave open
    try:
        papermill.execute_notebook(
            task.project / "notebooks" / task.cell.notebook,
            task.cell.folder / RUNNING_NOTEBOOK,
            parameters=task.cell.notebook_parameters(),
            engine_name=ENGINE,
            autosave_cell_every=SAVE_SECONDS,
            kernel_name="python3",
            language="python",  # else papermill refuses a notebook whose metadata name no kernel
            progress_bar=False,
            start_timeout=120,
            kernel_manager_class=IPCKernelManager,
            shutdown_kernel="immediate",
        )
    finally:
        loop.close()  # else Python complains on stderr when it collects it, socket first


def finish(task: Task, start: CellFile, outcome: Outcome) -> Outcome:
    """Check what the notebook left, name its copy by how it ended, and write the record."""
    folder = task.cell.folder
    result = None
    if outcome.status == "done":
        result, problem = checked_result(folder, task.run_id)
        if problem:
            outcome = Outcome("failed", "NoResult", problem, start.attempts)
    notebook = "notebook.ipynb" if outcome.status == "done" else f"notebook.{outcome.status}.ipynb"
    with contextlib.suppress(FileNotFoundError):
        os.replace(folder / RUNNING_NOTEBOOK, folder / notebook)
    if outcome.status != "cancelled":
        record = make_record(task, start, outcome, result)
        try:  # those that the run itself did not stamp
            record.files |= stamps(folder, [name for name in BESIDE if name not in record.files])
        except OSError as error:
            raise cannot_write(folder, error) from error
        records.write_model(folder / records.RECORD_FILE, record)
    if outcome.status == "done":
        drop_leftovers(task.cell)
    return outcome


def drop_leftovers(cell: Cell) -> None:
    """Delete what a finished cell does not need: the run before it, and a checkpoint of perhaps hundreds of MB.

    Done after the record is written, and again (by the runner) where a kill came in between.
    """
    shutil.rmtree(cell.previous, ignore_errors=True)
    with contextlib.suppress(OSError):  # nothing depends on it: a read-only folder may keep its checkpoint
        (cell.folder / records.CHECKPOINT_FILE).unlink(missing_ok=True)


def checked_result(folder: Path, run_id: str) -> tuple[Result | None, str | None]:
    """The result this very run wrote, or what is wrong with it."""
    result, problem = records.read_result(folder)
    if problem:
        return None, problem
    if result is None:
        return None, "the notebook ran to its end but wrote no result.json; does it call its experiment's run()?"
    if result.run_id != run_id:
        return None, f"result.json is of another run ({result.run_id}, not {run_id})"
    return result, None


def make_record(task: Task, start: CellFile, outcome: Outcome, result: Result | None) -> Record:
    """The record of a run that has ended, however it ended."""
    measured: dict[str, Any] = {"parameters": start.parameters, "metrics": {}, "seed": task.cell.seed}
    error = None if result else CellError(kind=outcome.kind or outcome.status, message=outcome.message)
    return Record(
        **(result.model_dump() if result else measured)
        | {
            "cell_id": task.cell.id,
            "status": "failed" if outcome.status == "blocked" else outcome.status,  # it began, so it is tried again
            "error": error,
            "run_id": task.run_id,
            "notebook": task.cell.notebook,
            "plan": task.cell.plan,
            "profile": task.cell.profile,
            "row": task.cell.row,
            "git": task.git,
            "hashes": start.hashes,
            "started": start.started,
            "ended": now(),
            "host": start.host,
            "attempts": start.attempts,
        }
    )


def log(task: Task, text: str) -> None:
    """Append to the cell's log."""
    try:
        with open(task.cell.folder / LOG_FILE, "a", encoding="utf-8") as stream:
            stream.write(COLOURS.sub("", text).rstrip() + "\n")
    except OSError as error:
        raise cannot_write(task.cell.folder, error) from error


def cannot_write(folder: Path, error: OSError) -> OutputsError:
    return OutputsError(
        f"cannot write {folder}: {write_problem(error, folder)}. Free space, fix its permissions, or choose another "
        "folder with --outputs; what was written before is kept."
    )


def first_line(error: object) -> str:
    """The first line of an exception's text, at most 300 characters."""
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines else type(error).__name__
