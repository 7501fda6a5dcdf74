"""Dask's scheduler, worker and nanny as a batch needs them: no HTTP server, and a worker killed while it starts is
started again.

Dask gives up a worker whose process dies before it has registered, and with it the whole cluster; a nanny also forgets
one that dies in the moments between. Here a nanny starts its worker again until it has failed `STARTS` times in a row.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from typing import Any

from distributed import Nanny, Scheduler, Worker
from distributed.core import Status
from tornado.ioloop import PeriodicCallback

from mmlib.errors import SchedulerError
from mmlib.workbook.running import private_comm

STARTS = 4  # times in a row that a worker may fail to start: more is no accident
LOOK_SECONDS = 1.0


class _NoPages:
    """Without Dask's small HTTP server, which would tell every local process what runs here."""

    def start_http_server(self, *_: Any, **__: Any) -> None:
        pass


class BatchScheduler(_NoPages, Scheduler):
    pass


class BatchWorker(_NoPages, Worker):
    """Made in the worker's process: there the transport has to be announced once more."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        private_comm.register()
        super().__init__(*arguments, **options)


class BatchNanny(Nanny):
    """A nanny that does not give up over one death. `gave_up` says why it did in the end; empty while it has not."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, worker_class=BatchWorker, **options)
        self.gave_up = ""
        self._failed = 0
        self._one_at_a_time = asyncio.Lock()
        self.periodic_callbacks["revive"] = PeriodicCallback(self._revive, LOOK_SECONDS * 1000)

    async def instantiate(self) -> Status:
        """Start the worker process, again where it dies over that. Raises `SchedulerError` where it always does."""
        async with self._one_at_a_time:  # both `_revive` and Dask may ask for it
            while self.status in (Status.init, Status.running) and not self.gave_up:
                try:
                    status = await super().instantiate()
                except Exception as error:  # what the worker said before it ended
                    self.gave_up = f"a worker process cannot start ({first_line(error)})"
                    raise
                if status == Status.running:
                    self._failed = 0
                    return status
                self._failed += 1
                if self._failed >= STARTS:
                    self.gave_up = f"a worker process died {STARTS} times in a row while it started"
            if self.gave_up:
                raise SchedulerError(self.gave_up)
            return Status.failed

    async def _revive(self) -> None:
        """Start a worker that is gone where Dask has missed it."""
        ended = self.process is not None and self.process.status in (Status.stopped, Status.failed)
        if self.status == Status.running and ended:
            with contextlib.suppress(Exception):  # why is in `gave_up`
                await self.instantiate()


def first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0][:200] or type(error).__name__


def why_none_is_left(nannies: Iterable[BatchNanny]) -> str:
    """Why no worker runs or will ever; empty while one may. A nanny that closes was told to, or gave up."""
    reasons = [nanny.gave_up for nanny in nannies]
    return reasons[0] if reasons and all(reasons) else ""
