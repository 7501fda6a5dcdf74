"""Loaded by every local worker process when it starts (Dask's `preload`)."""

from __future__ import annotations

import os
import signal

SAFE_PATH = "PYTHONSAFEPATH", "mmlib"
"""A variable of Python, and a value by which ours is known from a user's."""


async def dask_setup(worker: object) -> None:
    """Leave Ctrl-C to the command: the terminal sends it to the workers too, which would only add tracebacks.

    Kernels may import what lies beside their notebook: the safe path was for this process alone.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    name, ours = SAFE_PATH
    if os.environ.get(name) == ours:
        del os.environ[name]
