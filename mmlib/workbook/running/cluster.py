"""Where cells run: worker processes of a local Dask cluster, or those of a scheduler that is already running.

A local cluster talks over sockets that only this user can reach, with a key of this batch (`private_comm`). What a
scheduler that is already running lets in is its owner's business (docs/reliability.md).

One worker runs one cell at a time. With GPUs, each worker sees one of them (`CUDA_VISIBLE_DEVICES`). Workers get no
memory limit: Dask would watch the worker, while the memory is in the kernel.
"""

from __future__ import annotations

import contextlib
import copy
import logging
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mmlib.errors import MMLibError, OutputsError, SchedulerError, UsageError
from mmlib.files import FULL, write_problem
from mmlib.workbook.running import limits
from mmlib.workbook.running.temporary import socket_folder
from mmlib.workbook.running.worker_setup import SAFE_PATH

if TYPE_CHECKING:
    from distributed import Client

CONNECT_SECONDS = 5
QUIET = "DASK_LOGGING__DISTRIBUTED"


@dataclass(frozen=True)
class Places:
    """How many cells run at once, and where. `gpus` are the ids the workers are pinned to, in turn."""

    workers: int
    threads: int
    gpus: tuple[str, ...] = ()


def cores() -> int:
    """Cores this process may use (affinity and container limits included)."""
    load_dask()
    from dask.system import CPU_COUNT

    return max(1, CPU_COUNT)


def load_dask() -> None:
    """Import Dask. Raises `UsageError` where it cannot read one of its configuration files."""
    try:
        import dask.config  # noqa: F401
    except ValueError as error:
        first = str(error).splitlines()[0]
        raise UsageError(f"{first} Mend the file or move it away; nothing of it is used here.") from None


def visible_gpus() -> tuple[str, ...]:
    """Ids of the GPUs this process may use, without loading torch; empty where there is no NVIDIA driver."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        return tuple(part.strip() for part in chosen.split(",") if part.strip() not in ("", "-1"))
    try:
        done = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return ()
    return tuple(str(i) for i, _ in enumerate(x for x in done.stdout.splitlines() if x.startswith("GPU ")))


def places(tasks: int, workers: int | None, workers_per_gpu: int, use_gpus: bool = True) -> Places:
    """One worker per GPU (or several), else one per core; never more workers than tasks."""
    gpus = visible_gpus() if use_gpus else ()
    wanted = workers or (len(gpus) * workers_per_gpu if gpus else cores())
    count = max(1, min(wanted, tasks))
    return Places(count, max(1, cores() // count), gpus)


@contextlib.contextmanager
def local_cluster(where: Places) -> Iterator[Client]:
    """A scheduler in this process and one supervised worker process per place; all end with this process."""
    with plain_dask():
        yield from _local_cluster(where)


def _local_cluster(where: Places) -> Iterator[Client]:
    import dask
    from distributed import Client, SpecCluster

    from mmlib.workbook.running import private_comm
    from mmlib.workbook.running.dask_parts import BatchNanny, BatchScheduler

    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    private_comm.register()
    folder = socket_folder("dask-")
    local = {"host": private_comm.HOST, "protocol": private_comm.SCHEME}
    scheduler = {"cls": BatchScheduler, "options": {**local, "port": 0, "dashboard": False}}
    common = {**local, "nthreads": 1, "memory_limit": 0, "local_directory": str(folder), "dashboard": False}
    common["preload"] = ["mmlib.workbook.running.worker_setup"]
    specification = {
        i: {"cls": BatchNanny, "options": {**common, "env": worker_environment(where, i)}} for i in range(where.workers)
    }
    settings = private_comm.settings(folder) | {
        "temporary-directory": str(folder),  # else Dask leaves a folder of its own in everybody's
        "distributed.scheduler.worker-saturation": 1.0,  # what is not running waits at the scheduler
        "distributed.scheduler.allowed-failures": 10,  # attempts are counted in cell.json instead
        "distributed.comm.timeouts.connect": "60s",  # a worker starves while others import torch on few cores
        "distributed.deploy.lost-worker-timeout": "1 day",  # a nanny says itself when it gives its worker up
        "distributed.scheduler.http.routes": [],
        "distributed.worker.http.routes": [],
        # What watches Dask itself, fifty or a hundred times a second, took a tenth of a core from the cells.
        "distributed.worker.profile.enabled": False,
        "distributed.admin.tick.interval": "1s",
        "distributed.admin.tick.limit": "30s",
        "distributed.admin.system-monitor.gil.enabled": False,
    }
    try:
        with dask.config.set(settings), contextlib.ExitStack() as stack:
            try:
                cluster = SpecCluster(workers=specification, scheduler=scheduler, silence_logs=logging.CRITICAL)
                client = stack.enter_context(Client(stack.enter_context(cluster), set_as_default=False))
            except Exception as error:  # Dask wraps what happened in errors of its own
                raise cannot_start(error) from error
            yield client
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def cannot_start(error: Exception) -> MMLibError:
    """One message for a local cluster that does not start, from the first cause in the chain of errors."""
    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    if isinstance(cause, OSError) and cause.errno in FULL:
        place = tempfile.gettempdir()
        return OutputsError(f"cannot write {place}: {write_problem(cause, place)}. Free space, or set TMPDIR.")
    reason = str(cause).strip().partition("\n")[0][:200] or type(cause).__name__
    return no_workers(reason.rstrip("."), limits.note(cause))


def no_workers(reason: str, note: str = "") -> SchedulerError:
    """The error of a batch without a worker that could run anything."""
    return SchedulerError(
        f"no worker can run: {reason}{note or limits.memory_note()}. What is finished is kept; run again, with fewer "
        "workers (--workers 1) where memory is short."
    )


def check_workers(client: Client) -> None:
    """Raises `SchedulerError` when the workers of a local cluster have all been given up: nothing would ever end."""
    from mmlib.workbook.running.dask_parts import BatchNanny, why_none_is_left

    nannies = list(getattr(client.cluster, "workers", {}).values())  # Dask's thread may add some meanwhile
    if reason := why_none_is_left(nanny for nanny in nannies if isinstance(nanny, BatchNanny)):
        raise no_workers(reason)


@contextlib.contextmanager
def plain_dask() -> Iterator[None]:
    """Dask, and the processes it starts, with its own defaults: no configuration file, no DASK_ variable."""
    load_dask()
    name, ours = SAFE_PATH
    kept = {variable: value for variable, value in os.environ.items() if variable.startswith("DASK_")}
    for variable in kept:
        del os.environ[variable]
    safe = name not in os.environ
    # In the environment: the workers read these when they start.
    os.environ |= {QUIET: "critical"} | ({name: ours} if safe else {})
    try:
        import dask
        import distributed  # noqa: F401 - its defaults become Dask's

        before = copy.deepcopy(dask.config.config)
        dask.config.refresh(paths=[], env={QUIET: "critical"})
        try:
            yield
        finally:
            dask.config.config.clear()
            dask.config.config.update(before)
    finally:
        os.environ.pop(QUIET)
        if safe:
            os.environ.pop(name, None)
        os.environ |= kept


def worker_environment(where: Places, number: int) -> dict[str, str]:
    """Environment of one worker, hence of its kernels: threads (unless the user chose) and its GPU."""
    from mmlib.workbook.running.environment import thread_environment

    env = thread_environment(where.threads)
    if where.gpus:
        env["CUDA_VISIBLE_DEVICES"] = where.gpus[number % len(where.gpus)]
    return env


@contextlib.contextmanager
def running_cluster(address: str) -> Iterator[Client]:
    """The scheduler at `address`. Raises `SchedulerError` when it cannot be reached soon or has no workers."""
    os.environ.setdefault("DASK_LOGGING__DISTRIBUTED", "critical")
    import dask
    from distributed import Client
    from distributed.comm.addressing import parse_address, parse_host_port
    from distributed.comm.registry import get_backend

    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    help_text = "Start one with `dask scheduler` and `dask worker`, or leave --scheduler out to use this machine."
    try:
        scheme, place = parse_address(address)
        get_backend(scheme), parse_host_port(place)  # what Client refuses itself, it leaves half-made behind
        with dask.config.set({"distributed.comm.timeouts.connect": f"{CONNECT_SECONDS}s"}):
            client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise SchedulerError(f"no Dask scheduler answers at {address} ({type(error).__name__}). {help_text}") from None
    with client:
        try:
            client.wait_for_workers(1, timeout=CONNECT_SECONDS)
        except TimeoutError:
            raise SchedulerError(
                f"the Dask scheduler at {address} has no workers. Start some: dask worker {address} --nthreads 1."
            ) from None
        yield client
