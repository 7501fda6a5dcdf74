"""Warm processes, seen from those that want kernels of them (`mmlib.workbook.running.zygote` is the other end).

A batch on this machine has one, started while Dask starts its workers, from which each worker forks one of its own:
otherwise each would import the same for seconds. A worker whose batch has none, or lost it, starts its own.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from mmlib.workbook.running.environment import DRAWING, HASH_SEED, keep_freed_memory, thread_environment
from mmlib.workbook.running.temporary import socket_folder

SOCKET = "warm"
MOST_WAITING = 1024  # workers that ask before the process has imported everything


class Line:
    """This process's end of a zygote's socket: requests, and their replies."""

    def __init__(self, ours: socket.socket) -> None:
        self._socket = ours
        self._replies = ours.makefile("rb")
        self._lock = threading.Lock()

    def ask(self, **request: object) -> dict:
        """Send a request and wait for its reply. Raises `ConnectionError` when the zygote is dead."""
        with self._lock:
            self._socket.sendall(json.dumps(request).encode() + b"\n")
            line = self._replies.readline()
        if not line:
            raise ConnectionError("the process that starts kernels has died")
        return json.loads(line)

    def alive(self) -> bool:
        """Whether the other end is there: it says nothing unasked, so that what can be read is its end."""
        look = select.poll()
        look.register(self._socket, select.POLLIN)
        return not look.poll(0)

    def close(self) -> None:
        """End the zygote and, with it, its kernels."""
        self._replies.close()
        self._socket.close()


class Zygote(Line):
    """A process of our own; with a `listener` it forks others for those who connect, and answers nothing itself."""

    def __init__(
        self, modules: tuple[str, ...], env: dict[str, str], cwd: Path, listener: socket.socket | None = None
    ) -> None:
        ours, theirs = socket.socketpair()
        passed = [theirs.fileno()] + ([listener.fileno()] if listener else [])
        # OpenBLAS would start its threads at import; the zygote must have none when it forks.
        env = env | {"OPENBLAS_NUM_THREADS": "1", **DRAWING}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "mmlib.workbook.running.zygote", ",".join(map(str, passed)), *modules],
            pass_fds=passed,
            env=env,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        theirs.close()
        super().__init__(ours)

    def alive(self) -> bool:
        return self.process.poll() is None

    def close(self) -> None:
        """End the process, if need be by force, and see it gone."""
        super().close()
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Branch(Line):
    """A zygote forked for this process from the one that listens at `path`. Raises `OSError` where none does."""

    def __init__(self, path: str) -> None:
        ours = socket.socket(socket.AF_UNIX)
        try:
            ours.connect(path)
        except BaseException:
            ours.close()
            raise
        super().__init__(ours)


@contextlib.contextmanager
def shared_zygote(modules: tuple[str, ...], threads: int, cwd: Path, variables: dict[str, str]) -> Iterator[str]:
    """A zygote for all workers of a batch, while the context lasts; gives the path of its socket, empty where it cannot
    be: workers do without.

    Its environment is that of the workers: this process's, `threads` unless the user chose, and `variables`.
    """
    environment = os.environ | thread_environment(threads) | HASH_SEED | variables
    keep_freed_memory(environment)
    folder, zygote = socket_folder("warm-"), None
    try:
        with socket.socket(socket.AF_UNIX) as listener, contextlib.suppress(OSError):
            listener.bind(str(folder / SOCKET))
            listener.listen(MOST_WAITING)
            zygote = Zygote(modules, environment, cwd, listener)
        yield str(folder / SOCKET) if zygote else ""
    finally:
        if zygote:
            zygote.process.kill()  # it may be importing, and would not see its line close for seconds
            zygote.close()
        shutil.rmtree(folder, ignore_errors=True)


_mine: tuple[tuple, Line] | None = None


def warm_zygote(modules: tuple[str, ...], version: str, cwd: Path, shared: str = "") -> Line:
    """This worker's zygote, a fork of that at the path `shared` where there is one; a new one when `version` (the
    library's hash) or the modules changed, or it died.
    """
    global _mine
    key = (modules, version, cwd)
    if _mine is not None and (_mine[0] != key or not _mine[1].alive()):
        _mine[1].close()
        _mine = None
    if _mine is None:
        _mine = key, _new(modules, cwd, shared)
    return _mine[1]


def _new(modules: tuple[str, ...], cwd: Path, shared: str) -> Line:
    with contextlib.suppress(OSError):  # it died, or this is not its machine
        if shared:
            return Branch(shared)
    return Zygote(modules, dict(os.environ), cwd)
