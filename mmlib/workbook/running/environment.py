"""The environment of kernels: how they draw, how many threads they use, and what becomes of freed memory."""

from __future__ import annotations

import os
from collections.abc import MutableMapping

from mmlib.processes import PLAIN_DRAWING

DRAWING = PLAIN_DRAWING | {"MPLBACKEND": "module://matplotlib_inline.backend_inline"}
TRIM_VARIABLE, DASK_TRIM = "MALLOC_TRIM_THRESHOLD_", "65536"
MALLOC = {TRIM_VARIABLE: str(64 << 20), "MALLOC_MMAP_THRESHOLD_": str(32 << 20)}
"""What glibc comes to by itself, once a block as large was freed; until then every large tensor is new pages."""
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
HASH_SEED = {"PYTHONHASHSEED": "6640"}
"""Dask's own, which it gives its workers, and they their kernels."""


def bound_threads(threads: int) -> None:
    """Set, where the user has not, how many threads the kernels of this process may use for arithmetic."""
    os.environ.update(thread_environment(threads))


def thread_environment(threads: int) -> dict[str, str]:
    """The variables that bound threads. What the user chose stays; MKL follows OMP where only that was chosen, because
    torch would take MKL's."""
    chosen = os.environ.get("OMP_NUM_THREADS", str(threads))
    return {name: os.environ.get(name, chosen) for name in THREAD_VARIABLES}


def keep_freed_memory(environment: MutableMapping[str, str] = os.environ) -> None:
    """Let the processes of this environment keep what they free, for their next step.

    Dask has its workers give freed memory back at once (`MALLOC_TRIM_THRESHOLD_`); in a kernel that trains, half of all
    time then went into page faults. Any other value is the user's, and stays.
    """
    if environment.get(TRIM_VARIABLE) == DASK_TRIM:
        del environment[TRIM_VARIABLE]
    if not MALLOC.keys() & environment.keys():
        environment.update(MALLOC)
