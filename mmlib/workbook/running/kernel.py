"""Kernels for papermill: Unix sockets instead of TCP ports, and a fresh fork of a warm process instead of a cold start.

Jupyter picks free TCP ports and binds them later, so parallel batches lose kernels to "Address already in use"; sockets
in a private folder cannot collide. Both manager classes live in this importable module, as Jupyter requires.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty

from ipykernel.kernelspec import get_kernel_dict
from jupyter_client.asynchronous import AsyncKernelClient
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from mmlib.processes import AMBIENT
from mmlib.workbook.running.environment import DRAWING
from mmlib.workbook.running.temporary import socket_folder
from mmlib.workbook.running.warm import Line

CHANNELS = 5  # sockets of a kernel: shell, iopub, stdin, heartbeat, control
BIND_SECONDS = 60.0
LOOK_SECONDS = 0.005  # Jupyter looks every 0.1 or 0.2 s, several times a cell


class ForkedProcess:
    """As much of `subprocess.Popen` as Jupyter's local provisioner uses, for a child of the zygote."""

    stdin = stdout = stderr = None

    def __init__(self, zygote: Line, pid: int) -> None:
        self.zygote, self.pid, self.returncode = zygote, pid, None

    def poll(self) -> int | None:
        if self.returncode is None:
            try:
                self.returncode = self.zygote.ask(op="poll", pid=self.pid)["status"]
            except OSError:
                self.returncode = -signal.SIGKILL  # its kernels die with the zygote
        return self.returncode

    def wait(self) -> int | None:
        return self.poll()

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


@dataclass
class Launch:
    """How the next kernel of this worker process starts. One worker runs one cell at a time, so there is one."""

    folder: Path
    cwd: Path
    log: Path
    env: dict[str, str] = field(default_factory=dict)
    zygote: Line | None = None
    pid: int | None = None

    def environment(self) -> dict[str, str]:
        """The kernel's environment: this process's, without what is meant for a person at a prompt."""
        return {name: value for name, value in os.environ.items() if name not in AMBIENT} | self.env

    def kill(self) -> None:
        """Kill the kernel and everything it started."""
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)


_current: Launch | None = None


class PromptProvisioner(LocalProvisioner):
    """Jupyter's local provisioner without its waits: connecting too early costs 0.1 s, and so does a late look."""

    async def bound(self) -> None:
        """Return when the kernel listens on all its sockets; when it has ended or takes too long, Jupyter finds out."""
        end = time.monotonic() + BIND_SECONDS
        while sum(path.is_socket() for path in _current.folder.iterdir()) < CHANNELS and time.monotonic() < end:
            if self.process.poll() is not None:
                return
            await asyncio.sleep(LOOK_SECONDS)

    async def kill(self, restart: bool = False) -> None:
        """Kill the kernel and see it gone, for a second at most."""
        await super().kill(restart)
        end = time.monotonic() + 1
        while self.process and self.process.poll() is None and time.monotonic() < end:
            await asyncio.sleep(LOOK_SECONDS)


class WarmProvisioner(PromptProvisioner):
    """Starts the kernel as a fork of the zygote; signals and shutdown are Jupyter's own."""

    async def launch_kernel(self, cmd: list[str], **kwargs: object) -> dict:
        launch = _current
        request = {
            "op": "spawn",
            "argv": cmd[cmd.index("-f") :],
            "env": launch.environment(),
            "cwd": str(launch.cwd),
            "log": str(launch.log),
        }
        self.process = ForkedProcess(launch.zygote, launch.zygote.ask(**request)["pid"])
        self.pid = self.pgid = launch.pid = self.process.pid
        await self.bound()
        return self.connection_info


class ColdProvisioner(PromptProvisioner):
    """Starts the kernel as a new Python, in the launch's folder and environment."""

    async def launch_kernel(self, cmd: list[str], **kwargs: object) -> dict:
        launch = _current
        with open(launch.log, "ab") as log:
            kwargs |= {"cwd": str(launch.cwd), "stdout": log, "stderr": log, "stdin": subprocess.DEVNULL}
            kwargs["env"] = launch.environment() | {"JPY_PARENT_PID": str(os.getpid())}
            info = await super().launch_kernel(cmd, **kwargs)
        launch.pid = self.pid
        await self.bound()
        return info


class PromptClient(AsyncKernelClient):
    """A client that is ready as soon as the kernel's answer says so; Jupyter's own listens 0.2 s more for nothing."""

    async def wait_for_ready(self, timeout: float | None = None) -> None:
        """Wait for a reply on the shell channel and its "idle" on the other. Raises `RuntimeError` as Jupyter does."""
        end = time.monotonic() + (timeout or float("inf"))
        while time.monotonic() < end:
            asked = self.kernel_info()
            if await self._answered(asked):
                return
            if not await self.is_alive():
                raise RuntimeError("Kernel died before replying to kernel_info")
        raise RuntimeError(f"Kernel didn't respond in {timeout:g} seconds")

    async def _answered(self, asked: str) -> bool:
        """Whether the question `asked` got its reply and, on the channel that subscribes late, the end of its work."""
        try:
            while (await self.get_shell_msg(timeout=1))["parent_header"].get("msg_id") != asked:
                pass
            while True:
                said = await self.get_iopub_msg(timeout=0.2)
                if said["parent_header"].get("msg_id") == asked and said["content"].get("execution_state") == "idle":
                    return True
        except Empty:
            return False


class IPCKernelManager(AsyncKernelManager):
    """A kernel manager whose sockets lie in the current launch's folder; warm where there is a zygote."""

    def __init__(self, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.client_factory = PromptClient
        self.transport = "ipc"
        self.connection_file = str(_current.folder / "k.json")
        self.ip = str(_current.folder / "k")

    @property
    def kernel_spec(self) -> KernelSpec:
        """This Python's own kernel, whatever a `python3` in JUPYTER_PATH or the home folder would start."""
        return KernelSpec(**get_kernel_dict())

    async def _async_pre_start_kernel(self, **kwargs: object) -> tuple:
        kind = WarmProvisioner if _current.zygote else ColdProvisioner
        self.kernel_id = self.kernel_id or str(uuid.uuid4())
        self.provisioner = kind(kernel_id=self.kernel_id, kernel_spec=self.kernel_spec, parent=self)
        return await super()._async_pre_start_kernel(**kwargs)


@contextlib.contextmanager
def launching(cwd: Path, log: Path, env: dict[str, str], zygote: Line | None) -> Iterator[Launch]:
    """Within this context `IPCKernelManager` starts kernels as told; afterwards nothing of them is left."""
    global _current
    folder = socket_folder()
    _current = Launch(folder, cwd, log, {**env, **DRAWING, "IPYTHONDIR": str(folder / "ipython")}, zygote)
    try:
        yield _current
    finally:
        _current.kill()  # also what a kernel left behind: data loading processes share its process group
        _current = None
        shutil.rmtree(folder, ignore_errors=True)
