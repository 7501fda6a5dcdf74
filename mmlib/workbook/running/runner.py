"""Runs what is not done: finds out what and why, submits it, retries what was killed, then makes the summaries.

The records on disk are the truth. The command may be stopped or killed at any time; running it again resumes.
"""

from __future__ import annotations

import contextlib
import math
import os
import subprocess
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from mmlib.errors import MMLibError, OutputsError, SchedulerError
from mmlib.files import content_hash
from mmlib.parameters.base import project_root
from mmlib.record import CELL_FILE, RECORD_FILE, GitState, read_cell_file
from mmlib.workbook.cell import Cell, inputs_hash
from mmlib.workbook.fingerprint import Fingerprints
from mmlib.workbook.running import limits
from mmlib.workbook.running.execute import drop_leftovers, require_parameters_cell, run_json
from mmlib.workbook.running.interrupt import Interrupt
from mmlib.workbook.running.lock import outputs_lock
from mmlib.workbook.running.progress import Display
from mmlib.workbook.running.task import MAX_ATTEMPTS, Outcome, Task
from mmlib.workbook.running.temporary import SHORT_BASE, remove_leftovers
from mmlib.workbook.running.warm import shared_zygote
from mmlib.workbook.state import CellState, Survey
from mmlib.workbook.times import Times

if TYPE_CHECKING:
    from distributed import Client, Future

POLL_SECONDS = 0.1
SHOW_SECONDS = 1.0
"""Between looks at which cells have begun: it asks the disk about every cell that waits."""
NAMED = 3
"""Cells of one reason that are named one by one; of more it says how many, and where they begin and end."""


@dataclass(frozen=True)
class RunOptions:
    """How to run: see `mmlib run --help`."""

    outputs: Path
    workers: int | None = None
    workers_per_gpu: int = 1
    scheduler: str | None = None
    timeout: float | None = None
    force: bool = False
    cold_kernels: bool = False
    use_gpus: bool = True
    verify: bool = True


@dataclass
class Report:
    """What a run did: the outcome of every cell asked for. `ran` counts those that were executed."""

    outcomes: dict[str, Outcome] = field(default_factory=dict)
    ran: int = 0

    def counts(self) -> Counter[str]:
        return Counter(outcome.status for outcome in self.outcomes.values())

    @property
    def exit_code(self) -> int:
        """0 all done, 1 something failed, 3 nothing failed but something is blocked."""
        counts = self.counts()
        if any(counts[status] for status in ("failed", "killed", "timeout", "cancelled")):
            return 1
        return 3 if counts["blocked"] else 0


def run_cells(
    cells: Iterable[Cell], summaries: Iterable[Cell], options: RunOptions, earlier: Iterable[Cell] = ()
) -> Report:
    """Run the cells that are not done, then the summaries whose inputs changed.

    Prints why each one runs; the records of `earlier` cells, too, say how long these will take. Raises `UsageError`,
    `OutputsInUseError`, `OutputsError`, `SchedulerError`, `BlockedError` (limits of this account), `KeyboardInterrupt`;
    in all cases what is finished stays finished.
    """
    limits.ensure(workers=1)
    cells, summaries = unique(cells), unique(summaries)
    for notebook in {cell.notebook for cell in (*cells, *summaries)}:
        require_parameters_cell(project_root() / "notebooks" / notebook)
    with outputs_lock(options.outputs), Interrupt() as interrupt, contextlib.ExitStack() as stack:
        remove_leftovers([SHORT_BASE])  # a run that was killed at its very end leaves nothing to run, and its folder
        batch = Batch(options, Fingerprints(project_root(), options.outputs), interrupt, (*cells, *summaries))
        survey = batch.survey()
        pending = batch.pending(cells, survey)
        if pending:
            batch.times.read(earlier)
            batch.client = stack.enter_context(batch.connect(len(pending)))
            batch.run(pending)
            survey = batch.survey()  # there are new records
        pending = batch.pending(summaries, survey)
        if pending:
            batch.client = batch.client or stack.enter_context(batch.connect(len(pending)))
            batch.run(pending)
        return batch.report


def unique(cells: Iterable[Cell]) -> list[Cell]:
    """Each cell once: several plans or rows may ask for the same."""
    return list({cell.id: cell for cell in cells}.values())


@dataclass
class Batch:
    """One run of the runner: its options, the sources as they are now, and what has come of it so far."""

    options: RunOptions
    fingerprints: Fingerprints
    interrupt: Interrupt
    cells: tuple[Cell, ...] = ()
    report: Report = field(default_factory=Report)
    client: Client | None = None
    workers: int = 1
    warm: str = ""
    """Where the process listens that this batch's kernels come from; empty where there is none."""
    identity: str = field(default_factory=lambda: uuid.uuid4().hex)
    times: Times = field(default_factory=lambda: Times(project_root() / "outputs" / "reference"))

    @cached_property
    def git(self) -> GitState:
        """Where the working tree stands; asked when there is something to run."""
        return git_state(project_root())

    @cached_property
    def loaded(self) -> dict[str, str]:
        """Every module that a kernel of this run may load; read when there is something to run."""
        return self.fingerprints.loaded(self.cells)

    def survey(self) -> Survey:
        return Survey(self.fingerprints)

    def pending(self, cells: list[Cell], survey: Survey) -> list[CellState]:
        """The cells to run, printed by reason; the others' outcomes are noted."""
        pending, told = [], defaultdict(list)
        states = survey.look(cells)
        self.times.learn(states)
        for state in states:
            if state.state == "blocked":
                told["blocked", state.reason].append(state.cell.id)
                self.report.outcomes[state.cell.id] = Outcome("blocked", "BlockedError", state.reason)
            elif state.done and not self.options.force:
                drop_leftovers(state.cell)
                self.report.outcomes[state.cell.id] = Outcome("done")
            else:
                told["run", "--force" if state.done else state.reason].append(state.cell.id)
                pending.append(state)
        for (what, reason), cells in told.items():
            few = len(cells) <= NAMED
            for named in cells if few else [f"{len(cells)} cells, {cells[0]} to {cells[-1]}"]:
                print(f"{what} {named}: {reason}", flush=True)
        return pending

    @contextlib.contextmanager
    def connect(self, tasks: int) -> Iterator[Client]:
        from mmlib.workbook.running import cluster

        options = self.options
        if options.scheduler:
            with cluster.running_cluster(options.scheduler) as client:
                self.workers = len(client.scheduler_info(n_workers=-1)["workers"])
                print(f"using the {self.workers} worker(s) of the scheduler at {options.scheduler}", flush=True)
                yield client
            return
        where = cluster.places(tasks, options.workers, options.workers_per_gpu, options.use_gpus)
        self.workers = where.workers
        limits.ensure(where.workers)
        place = f", GPU {', '.join(where.gpus)}" if where.gpus else f", {where.threads} thread(s) each"
        print(f"starting {where.workers} worker(s){place}", flush=True)
        try:
            with self.warming(where.threads) as self.warm, cluster.local_cluster(where) as client:
                yield client
        finally:
            remove_leftovers([SHORT_BASE])

    def warming(self, threads: int) -> contextlib.AbstractContextManager[str]:
        """The process that the kernels of all workers come from."""
        if self.options.cold_kernels:
            return contextlib.nullcontext("")
        variables = {"MMLIB_PROJECT": str(project_root()), "MMLIB_OUTPUTS": str(self.options.outputs)}
        return shared_zygote(tuple(self.loaded), threads, project_root(), variables)

    def task(self, cell: Cell) -> Task:
        data = inputs_hash(cell) if cell.kind == "summary" else None
        return Task(
            cell=cell,
            run_id=uuid.uuid4().hex,
            experiment=self.fingerprints.notebook(cell.notebook).experiment,
            hashes=self.fingerprints.hashes(cell.notebook, data, cell.parameters.modules_by_name()),
            git=self.git,
            project=project_root(),
            timeout=self.options.timeout,
            cold=self.options.cold_kernels,
            force=self.options.force,
            preload=tuple(self.loaded),
            version=content_hash(self.loaded),
            warm=self.warm,
            batch=self.identity,
            verify=self.options.verify,
        )

    def run(self, pending: list[CellState]) -> None:
        """Submit the cells and wait for them; those killed are submitted again, at most `MAX_ATTEMPTS` times in all."""
        if not pending:
            return
        from mmlib.workbook.running.cluster import check_workers

        expected = {state.cell.id: left.seconds for state in pending if (left := self.times.left(state))}
        pending = longest_first(pending, expected)
        with Display(len(pending), self.workers, expected) as display:
            waiting, shown = {}, 0.0
            try:
                waiting |= self.submit([self.task(state.cell) for state in pending], 1)
                self.report.ran += len(waiting)
                while waiting:
                    self.interrupt.check()
                    check_workers(self.client)
                    if time.monotonic() - shown >= SHOW_SECONDS:
                        self.show_started(display, waiting.values())
                        shown = time.monotonic()
                    for future in [future for future in waiting if future.done()]:
                        task = waiting.pop(future)
                        outcome = outcome_of(future)
                        if outcome.status == "killed" and outcome.attempts < MAX_ATTEMPTS:
                            display.retried(task.cell, outcome)
                            waiting |= self.submit([task], outcome.attempts + 1)
                        else:
                            display.finished(task.cell, outcome)
                            self.report.outcomes[task.cell.id] = outcome
                    time.sleep(POLL_SECONDS)
            except BaseException:  # also Ctrl-C: nobody waits for these any more, so their kernels must end
                with contextlib.suppress(Exception):
                    self.client.cancel(list(waiting), force=True)
                raise

    def submit(self, tasks: list[Task], attempt: int) -> dict[Future, Task]:
        """Hand tasks over together, as one group: what is not running then waits at the scheduler. Single ones Dask
        deals out beforehand, and a worker whose share is done stands idle.
        """
        keys = [("cell", task.cell.id, task.run_id[:8], attempt) for task in tasks]
        futures = self.client.map(run_json, [task.to_json() for task in tasks], key=keys, pure=False, retries=0)
        return dict(zip(futures, tasks, strict=True))

    def show_started(self, display: Display, tasks: Iterable[Task]) -> None:
        """Tell the display which cells have begun: their worker has written this run's cell.json."""
        for task in tasks:
            folder = task.cell.folder
            if task.cell.id not in display.running and (folder / CELL_FILE).exists():
                begun, _ = read_cell_file(folder)
                if begun and begun.run_id == task.run_id and not (folder / RECORD_FILE).exists():
                    display.started(task.cell)


def longest_first(pending: Iterable[CellState], expected: Mapping[str, float]) -> list[CellState]:
    """By expected seconds, those of which nothing is known first: else one long cell would end the batch alone."""
    return sorted(pending, key=lambda state: -expected.get(state.cell.id, math.inf))


def outcome_of(future: Future) -> Outcome:
    """The outcome of a finished future. Raises errors that end the whole batch."""
    if future.status == "finished":
        return Outcome(**future.result())
    if future.status in ("cancelled", "lost"):
        raise SchedulerError("the connection to the Dask scheduler was lost. What is finished is kept; run again.")
    error = future.exception()
    if isinstance(error, OutputsError | SchedulerError):
        raise error
    if type(error).__name__ == "KilledWorker":
        return Outcome("killed", "KilledWorker", "its worker process died again and again", MAX_ATTEMPTS)
    if isinstance(error, MMLibError):
        return Outcome("failed", type(error).__name__, str(error))
    raise error


def git_state(project: Path) -> GitState:
    """Commit and cleanliness of the working tree; empty where there is no repository or no git."""

    # GIT_DIR and its like would name another repository; nothing is to be written into this one or run from it.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    options = ["--no-optional-locks", "-c", "core.fsmonitor=false"]

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(project), *options, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20, env=environment)
        return done.stdout

    try:
        changes = git("status", "--porcelain", "--untracked-files=normal")
        return GitState(commit=git("rev-parse", "HEAD").strip(), dirty=bool(changes.strip()))
    except (OSError, subprocess.SubprocessError):
        return GitState()
