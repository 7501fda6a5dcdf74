"""A process that has imported everything slow and forks a fresh kernel from itself on request.

Importing torch, IPython and matplotlib takes seconds; a fork of a process that has them takes milliseconds. What comes
with torch is imported where an experiment's modules import torch themselves. The zygote has no threads and has never
touched CUDA, so that a fork of it is as good as a new process: every cell starts from the same untouched state. It is
started by `mmlib.workbook.running.warm` with a socket's number and the experiments' modules as its arguments; with a
second socket, which listens, it forks a zygote for each that connects, so that many workers import everything once.

Nothing outlives its owner: the zygote ends when the socket closes (its worker died, however), and each kernel, and each
zygote forked from another, asks Linux to be killed when the one it came from ends.

Requests and replies are one JSON object per line: {"op": "spawn", "argv", "env", "cwd", "log"} -> {"pid"};
{"op": "poll", "pid"} -> {"status": null or the exit status, negative for a signal}.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Iterable

KERNEL = (  # what every kernel needs
    "IPython.core.completer",
    "IPython.core.completerlib",
    "IPython.core.debugger",
    "IPython.core.oinspect",
    "ipykernel.kernelapp",
    "ipykernel.ipkernel",
    "pydantic",
    "yaml",
)
TRAINING = (  # what cells need that train, or show what was trained
    "numpy",
    "scipy.special",
    "pandas",
    "torch.utils.data",
    "torch._dynamo",  # the first optimiser of a process imports it: a second of every cell; touches no CUDA
    "safetensors.torch",
    "matplotlib.pyplot",
    "matplotlib_inline.backend_inline",
)
PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int) -> None:
    """Ask Linux to kill this process when the one that forked it ends; a no-op on other systems."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it ended before we asked
        os._exit(1)


def preload(modules: list[str]) -> None:
    """Import what kernels need, these modules of their experiments, and what comes with torch where they import that.

    What cannot be imported fails in the cell that asks, with its traceback.
    """
    _load_without_debugger()
    _load(KERNEL)
    _load(modules)
    if "torch" in sys.modules:
        _load(TRAINING)
    gc.collect()
    gc.freeze()  # shared pages stay shared: the collector of a kernel leaves these objects alone


def _load_without_debugger() -> None:
    """Let ipykernel believe that there is no debugger, which nobody asks of a batch: every kernel would import debugpy,
    in twice the time of all else that it does to start.
    """
    before = "debugpy" in sys.modules
    if not before:
        sys.modules["debugpy"] = None  # an import of it fails
    try:
        _load(["ipykernel.debugger"])
    finally:
        if not before:
            del sys.modules["debugpy"]


def _load(modules: Iterable[str]) -> None:
    for name in modules:
        # Whatever a module raises at import is the cell's business, not the zygote's.
        with contextlib.suppress(Exception):
            importlib.import_module(name)


def run_kernel(request: dict) -> None:
    """In the child: take on the cell's environment and be an IPython kernel until it is told to stop."""
    os.setsid()
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    os.environ.setdefault("PYTHONBREAKPOINT", "0")  # nobody is there to go on; a cold kernel passes over it too
    null = os.open(os.devnull, os.O_RDONLY)
    log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for source, target in ((null, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    # ipykernel watches its parent too, which matters where prctl does not exist. What a batch enters is no history.
    arguments = [*request["argv"], f"--IPKernelApp.parent_handle={os.getppid()}", "--HistoryManager.enabled=False"]
    sys.argv = ["ipykernel_launcher", *arguments]
    if "numpy" in sys.modules:  # Python reseeds itself after a fork, numpy does not; torch starts from a constant
        sys.modules["numpy"].random.seed()
    from ipykernel import kernelapp

    kernelapp.launch_new_instance(argv=arguments)


def spawn(request: dict, connection: socket.socket) -> int:
    """Fork a kernel; returns its process id."""
    parent = os.getpid()
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
        # Not `close`: a file reads from it. Whoever keeps it, such as a loader, hides our end from the worker.
        os.close(connection.detach())
        die_with_parent(parent)
        run_kernel(request)
        status = 0
    except SystemExit as stop:
        status = stop.code if isinstance(stop.code, int) else 0
    except BaseException:  # whatever it was, a forked child must never return into the zygote's loop
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def poll(pid: int, ended: dict[int, int]) -> int | None:
    """Exit status of a kernel (negative: killed by that signal), None while it lives."""
    if pid not in ended:
        try:
            done, status = os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            return -signal.SIGKILL
        if done == 0:
            return None
        ended[pid] = os.waitstatus_to_exitcode(status)
    return ended[pid]


def serve(connection: socket.socket) -> None:
    """Answer requests until the other end closes."""
    ended: dict[int, int] = {}
    with connection.makefile("rb") as requests:
        for line in requests:
            request = json.loads(line)
            if request["op"] == "spawn":
                answer = {"pid": spawn(request, connection)}
            elif request["op"] == "poll":
                answer = {"status": poll(request["pid"], ended)}
            else:
                answer = {
                    "pid": os.getpid(),
                    "threads": threads(),
                    "cuda": cuda_initialised(),
                    "modules": [*sys.modules],
                }
            connection.sendall(json.dumps(answer).encode() + b"\n")


def threads() -> int:
    """How many threads this process has, counting those that libraries started."""
    try:
        return len(os.listdir("/proc/self/task"))
    except OSError:
        return threading.active_count()


def cuda_initialised() -> bool:
    """Whether torch has touched CUDA here; a fork could not use it any more."""
    torch = sys.modules.get("torch")
    return bool(torch and torch.cuda.is_initialized())


def share(connection: socket.socket, listener: socket.socket) -> None:
    """Fork a zygote for each that connects, until the other end of `connection` closes."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how they ended
    while True:
        ready, _, _ = select.select([connection, listener], [], [])
        if connection in ready:
            return
        try:
            branch(connection, listener)
        except OSError:  # no room for another process or file: whoever asked waits or tries again, the others' live on
            time.sleep(0.1)


def branch(connection: socket.socket, listener: socket.socket) -> None:
    """Fork a zygote for the one that waits at `listener`. Raises `OSError` where that cannot be."""
    parent = os.getpid()
    with listener.accept()[0] as own:
        if os.fork():
            return
        status = 1
        try:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            connection.close()
            listener.close()
            die_with_parent(parent)
            serve_until_closed(own)
            status = 0
        except BaseException:  # as in `spawn`: no child may return into its parent's loop
            traceback.print_exc()
        finally:
            os._exit(status)


def serve_until_closed(connection: socket.socket) -> None:
    # A broken pipe is the other end closing while we answered: the ordinary end.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        serve(connection)


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the command's business; it ends us by closing the socket
    connection, *listener = (socket.socket(fileno=int(number)) for number in sys.argv[1].split(","))
    for one in (connection, *listener):
        one.set_inheritable(False)
    modules = sys.argv[2:]
    preload(modules)
    again = ["torch"] if "torch" in sys.modules else []
    if modules not in ([], again) and (threads() > 1 or cuda_initialised()):
        # An experiment's module did more than define things. Begin again without them: cells import them themselves.
        for one in (connection, *listener):
            one.set_inheritable(True)
        os.execv(sys.executable, [sys.executable, "-m", "mmlib.workbook.running.zygote", sys.argv[1], *again])
    if listener:
        share(connection, *listener)
    else:
        serve_until_closed(connection)


if __name__ == "__main__":
    main()
