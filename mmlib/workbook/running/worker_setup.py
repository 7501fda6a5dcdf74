"""Loaded by every local worker process when it starts (Dask's `preload`)."""

from __future__ import annotations

import signal


async def dask_setup(worker: object) -> None:
    """Leave Ctrl-C to the command: the terminal sends it to the workers too, which would only add tracebacks."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
