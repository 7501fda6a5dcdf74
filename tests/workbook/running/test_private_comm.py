"""A batch's sockets: for this user alone, and for those who know its key; nothing else of a batch listens."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import dask
import psutil
import pytest
from distributed.comm import connect, listen

from mmlib.workbook.running import private_comm
from mmlib.workbook.running.temporary import socket_folder

NOBODY = 65534


@pytest.fixture
def sockets(tmp_path):
    """Dask's settings for sockets in a folder of its own."""
    private_comm.register()
    folder = socket_folder("test-")
    with dask.config.set(private_comm.settings(folder) | {"distributed.comm.timeouts.connect": "2s"}):
        yield folder
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()


async def echo(comm):
    await comm.write(await comm.read())
    await comm.close()


def test_both_ends_talk_once_they_have_shown_that_they_know_the_key(sockets):
    async def talk():
        async with listen("mmlib://here:0", echo) as listener:
            path = sockets / listener.contact_address.removeprefix("mmlib://")
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            comm = await connect(listener.contact_address)
            await comm.write({"x": 1, "large": bytes(3 << 20)})
            answer = await comm.read()
            await comm.close()
            return path, answer

    path, answer = asyncio.run(talk())
    assert (answer["x"], len(answer["large"])) == (1, 3 << 20)
    assert not path.exists()
    assert stat.S_IMODE(sockets.stat().st_mode) == 0o700


def test_a_listener_hangs_up_on_who_does_not_know_the_key(sockets):
    heard = []

    async def handler(comm):
        heard.append(await comm.read())

    async def talk():
        async with listen("mmlib://here:0", handler) as listener:
            path = str(sockets / listener.contact_address.removeprefix("mmlib://"))
            for proof in (bytes(private_comm.PROOF), b""):
                reader, writer = await asyncio.open_unix_connection(path)
                writer.write(bytes(private_comm.NONCE) + proof + (b"more" if proof else b""))
                if not proof:
                    writer.write_eof()
                told = await asyncio.wait_for(reader.read(), 10)  # until it hangs up
                assert len(told) <= private_comm.NONCE + private_comm.PROOF
                writer.close()

    asyncio.run(talk())
    assert not heard


def test_a_listener_that_does_not_know_the_key_is_told_nothing(sockets):
    heard = []

    async def pretend(reader, writer):
        heard.append(await reader.readexactly(private_comm.NONCE))
        writer.write(bytes(private_comm.NONCE + private_comm.PROOF))
        heard.append(await reader.read())
        writer.close()

    async def talk():
        server = await asyncio.start_unix_server(pretend, str(sockets / "pretender"))
        try:
            await connect("mmlib://pretender", timeout=1)
        finally:
            server.close()

    with pytest.raises(OSError, match="Timed out"):
        asyncio.run(talk())
    assert all(len(one) <= private_comm.NONCE + private_comm.PROOF for one in heard)


INTRUDER = """
import sys
from pathlib import Path
import dask
from distributed import Client
from distributed.core import rpc
from mmlib.workbook.running import private_comm
private_comm.register()
folder = Path(sys.argv[1])
dask.config.set(private_comm.settings(folder) | {"distributed.comm.timeouts.connect": "1s"})
import asyncio
async def main():
    for name in sys.argv[2:]:
        for ask in ("identity", "terminate"):
            try:
                async with rpc(f"mmlib://{name}") as remote:
                    print("ANSWERED", name, ask, await getattr(remote, ask)())
            except OSError as error:
                print("refused", name, type(error).__name__)
asyncio.run(main())
"""


def listening(process: psutil.Process) -> list:
    """Ports that a process of the batch listens on."""
    try:
        return [one for one in process.net_connections("inet") if one.status == psutil.CONN_LISTEN]
    except psutil.Error:
        return []


def test_nobody_else_gets_into_a_running_batch(toy):
    toy.plan(parameters={"steps": 1000, "pause": 0.1})
    with tempfile.TemporaryDirectory(prefix="who-", dir="/tmp") as base:
        os.chmod(base, 0o755)
        toy.env["TMPDIR"] = base
        command = toy.start("run", "toy", "--workers", "1", "--cold-kernels")
        toy.wait_until(toy.starts, 500, "the first cell")
        (folder,) = Path(base).glob("mmlib-*-dask-*")
        names = [path.name for path in folder.iterdir() if path.is_socket()]
        assert len(names) == 3  # scheduler, nanny, worker
        processes = [psutil.Process(command.pid), *toy.processes()]
        assert len(processes) >= 3  # with the worker and the kernel
        for process in processes:
            # A kernel has a port for what processes forked from it print, which takes texts with its secret only.
            allowed = 1 if "ipykernel_launcher" in " ".join(process.cmdline()) else 0
            assert len(listening(process)) <= allowed, process.cmdline()
        for kernel in Path(base).glob("mmlib-*/k.json"):
            assert not stat.S_IMODE(kernel.parent.stat().st_mode) & 0o077
            assert '"transport": "ipc"' in kernel.read_text()
            assert '"key": ""' not in kernel.read_text()

        intruder = subprocess.run(
            [sys.executable, "-c", INTRUDER, str(folder), *names],
            env=toy.env,
            capture_output=True,
            text=True,
            timeout=90,
        )
        assert intruder.stdout.count("refused") == 2 * len(names), intruder.stdout + intruder.stderr
        assert "ANSWERED" not in intruder.stdout
        for name in names:  # nor by Dask's own protocol, spoken at once
            with socket.socket(socket.AF_UNIX) as raw:
                raw.connect(str(folder / name))
                raw.sendall(b"\x08\0\0\0\0\0\0\0" + bytes(200))
                raw.settimeout(20)
                answer = raw.recv(1 << 16)
                assert len(answer) <= private_comm.NONCE + private_comm.PROOF
        if os.getuid() == 0:  # as another user not even the folder opens
            code = f"import os; os.setgid({NOBODY}); os.setuid({NOBODY}); os.listdir({str(folder)!r})"
            other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
            assert "PermissionError" in other.stderr

        began = len(toy.starts())
        assert command.poll() is None
        command.terminate()
        output, _ = command.communicate(timeout=60)
        assert command.returncode == 130, output
        assert len(toy.starts()) == began == 1
        toy.wait_until(lambda: not toy.processes(), 30, "the end of every process")
        assert os.listdir(base) == []
