"""Work shared among several processes, which answer signals, and end with whoever asked for the work."""

from __future__ import annotations

import functools
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from mmlib.errors import MMLibError

Task = TypeVar("Task")
Result = TypeVar("Result")

PARALLEL_FROM = 4  # fewer tasks are done sooner than processes start
_AT_WORK, _ALONE = threading.Lock(), threading.Event()


def in_processes(
    function: Callable[[Task], Result], tasks: Sequence[Task], workers: int | None = None
) -> Iterator[Result]:
    """What `function` makes of each task, in the tasks' order, by `workers` processes (one per core) where it is worth
    starting them. Function, tasks and results travel between processes. The first error ends it, and so does an
    interruption: what runs is finished, the rest is not begun. Raises `MMLibError` where a process was killed.
    """
    workers = min(workers or os.cpu_count() or 1, len(tasks))
    if len(tasks) < PARALLEL_FROM or workers < 2:
        yield from map(function, tasks)
        return
    # fork: what is loaded already need not be loaded again, and the caller may be unfit to be imported anew
    context = multiprocessing.get_context("fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_begin_work) as pool:
        try:
            yield from pool.map(functools.partial(_work, function), tasks, chunksize=1)
        except BrokenProcessPool:
            raise MMLibError(
                "one of several processes that shared this work was killed, perhaps because memory ran out. What was "
                "finished is kept: run the same command again."
            ) from None
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _work(function: Callable[[Task], Result], task: Task) -> Result:
    with _AT_WORK:
        if _ALONE.is_set():
            os._exit(1)
        return function(task)


def _begin_work() -> None:
    """In a worker: die when told to, which the caller's own handlers, inherited, would take for a task's error; and
    when the caller is dead, for whose next task it would wait for ever. Ctrl-C, which reaches every process of a
    terminal, is the caller's to answer.
    """
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_caller, daemon=True).start()


def _end_with_caller() -> None:
    if (caller := multiprocessing.parent_process()) is not None:
        caller.join()
        _ALONE.set()
        with _AT_WORK:  # half a task would leave temporary files
            os._exit(1)
