"""Memory of the processes that a call starts, whatever ran before it in this test process."""

from __future__ import annotations

import multiprocessing
import resource
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any


def call_measuring_children(function: Callable[..., Any], *arguments: Any) -> tuple[Any, int]:
    """What `function(*arguments)` returns, and the resident bytes of the largest process that it started and ended.

    The call is made in a fresh process: the system counts all ended children of a process together, and lets a child
    begin with the peak of its parent, so that a test process that has grown would be measured itself.
    """
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_measured, function, arguments).result()


def _measured(function: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[Any, int]:
    result = function(*arguments)
    return result, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss << 10
