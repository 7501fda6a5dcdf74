"""The processes of a batch, by what they are."""

from __future__ import annotations

from collections.abc import Iterable

import psutil

ZYGOTE, WORKER = "mmlib.workbook.running.zygote", "spawn_main"


def kind_of(process: psutil.Process) -> str:
    """`worker`, `shared` (the process that workers fork their zygotes from), `zygote`, `kernel`, or nothing of these.

    All that are forked from one another have the same command. Raises `psutil.Error` for one that has ended.
    """
    if WORKER in _command(process):
        return "worker"
    line = [process, *process.parents()]
    forked = next(place for place, one in enumerate(line) if ZYGOTE not in _command(one))  # how many are zygotes' own
    if not forked:
        return ""
    kinds = ("zygote", "kernel") if WORKER in _command(line[forked]) else ("shared", "zygote", "kernel")
    return kinds[forked - 1] if forked <= len(kinds) else ""


def of_kind(kind: str, processes: Iterable[psutil.Process]) -> list[psutil.Process]:
    """Those of one kind; those that end while they are looked at are none."""
    found = []
    for process in processes:
        try:
            if kind_of(process) == kind:
                found.append(process)
        except psutil.Error:
            continue
    return found


def _command(process: psutil.Process) -> str:
    return " ".join(process.cmdline())
