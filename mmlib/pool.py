"""Work shared among several processes, which answer signals, and end with whoever asked for the work."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from mmlib.errors import MMLibError

Task = TypeVar("Task")
Result = TypeVar("Result")

KILLED = (
    "one of several processes that shared this work was killed, perhaps because memory ran out. What was finished is "
    "kept: run the same command again."
)
PARALLEL_FROM = 4  # fewer tasks are done sooner than processes start
_AT_WORK, _ALONE = threading.Lock(), threading.Event()


class Processes:
    """Several processes (one per core) for work of several kinds: all that was handed in waits in one line, so that
    none of them is idle while there is any. Few tasks are done by the caller, when their results are asked for.

    The first error ends all, and so does an interruption: what runs is finished, the rest is not begun.
    """

    def __init__(self, workers: int | None = None) -> None:
        self.workers = workers or os.cpu_count() or 1
        self._executor: ProcessPoolExecutor | None = None

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._executor is not None:
            # Cancelled by the executor, which waits: futures cancelled one by one keep it from ending at all when a
            # worker dies meanwhile (Python 3.11), and an executor that nobody holds forgets to cancel.
            self._executor.shutdown(cancel_futures=kind is not None)

    def map(self, function: Callable[[Task], Result], tasks: Sequence[Task]) -> Iterator[Result]:
        """What `function` makes of each task, in the tasks' order. Function, tasks and results travel between
        processes. Raises `MMLibError` where a process was killed.
        """
        if len(tasks) < PARALLEL_FROM or min(self.workers, len(tasks)) < 2:
            return map(function, tasks)
        if self._executor is None:
            # fork: what is loaded need not be loaded again, and the caller may be unfit to be imported anew
            context = multiprocessing.get_context(
                "fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn"
            )
            self._executor = ProcessPoolExecutor(self.workers, mp_context=context, initializer=_begin_work)
        try:
            futures = deque(self._executor.submit(_work, function, task) for task in tasks)
        except BrokenProcessPool:
            raise MMLibError(KILLED) from None
        return _results(futures)


def in_processes(
    function: Callable[[Task], Result], tasks: Sequence[Task], workers: int | None = None
) -> Iterator[Result]:
    """`Processes.map` of one kind of work alone."""
    with Processes(min(workers or os.cpu_count() or 1, max(len(tasks), 1))) as processes:
        yield from processes.map(function, tasks)


def _results(futures: deque[Future]) -> Iterator[Any]:
    try:
        while futures:
            yield futures.popleft().result()
    except BrokenProcessPool:
        raise MMLibError(KILLED) from None


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
