"""Ends a kernel from outside: when its time is up, or when the batch that wanted it has gone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Watch:
    """Kills the kernel when its time is up or nobody waits for the task any more."""

    def __init__(self, timeout: float | None, kill: Callable[[], None]) -> None:
        self.deadline = time.monotonic() + timeout if timeout else None
        self.kill = kill
        self.verdict = ""
        self._cancelled = cancellation_probe()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="watch", daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _loop(self) -> None:
        while not self._stop.wait(0.3):
            if self.deadline and time.monotonic() > self.deadline:
                self.verdict = "timeout"
            elif self._cancelled():
                self.verdict = "cancelled"
            else:
                continue
            self.kill()  # again and again: a kernel may just be starting


def cancellation_probe() -> Callable[[], bool]:
    """Whether Dask has dropped the task this thread runs (its client cancelled it or is gone)."""
    try:
        from distributed import get_worker

        worker = get_worker()
        key = worker.get_current_task()
    except ValueError:  # not on a worker: a test
        return lambda: False

    def cancelled() -> bool:
        state = worker.state.tasks.get(key)
        return state is None or state.state in ("cancelled", "released", "forgotten")

    return cancelled
