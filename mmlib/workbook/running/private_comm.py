"""How the processes of a batch talk: Unix sockets that only this user can reach, opened by who knows the batch's key.

Dask's own transport is a TCP port, which every local process finds; the scheduler would run whatever function it sent.
Here the sockets lie in a folder that no other user may enter, and before a byte of Dask's protocol is read both ends
prove, by HMAC-SHA256 over fresh random numbers, that they know a key made for this batch. Workers get the key in the
message that starts them: it is in no file, no environment and no command line.

The addresses are `mmlib://NAME`; folder and key are Dask settings of this batch (`settings`).
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import hashlib
import hmac
import secrets
import socket
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask
from dask.utils import parse_timedelta
from distributed.comm.core import BaseListener, Comm, CommClosedError, Connector
from distributed.comm.registry import Backend, backends
from distributed.comm.tcp import MAX_BUFFER_SIZE, TCP, convert_stream_closed_error
from tornado.iostream import IOStream, StreamClosedError
from tornado.netutil import bind_unix_socket
from tornado.tcpserver import TCPServer

SCHEME = "mmlib"
HOST = "here"
"""What Dask is told for a host name: all of a batch is on one machine."""
CONNECTS, LISTENS = b"connects", b"listens"
NONCE, PROOF = 32, 32  # bytes


def settings(folder: Path) -> dict[str, str]:
    """Dask's settings for a batch whose sockets lie in `folder`, which only this user may enter; with a new key."""
    return {"mmlib.sockets": str(folder), "mmlib.key": secrets.token_hex(32)}


def register() -> None:
    """Let Dask know the addresses `mmlib://`; every process of a batch does."""
    backends.setdefault(SCHEME, PrivateBackend())


async def prove(stream: IOStream, ours: bytes, theirs: bytes) -> None:
    """Show the other end that we know the key, and see that it does. Raises `CommClosedError` where it does not."""
    key, nonce = bytes.fromhex(dask.config.get("mmlib.key")), secrets.token_bytes(NONCE)

    def proof(role: bytes, first: bytes, second: bytes) -> bytes:
        return hmac.digest(key, role + first + second, hashlib.sha256)

    await stream.write(nonce)
    other = await stream.read_bytes(NONCE)
    await stream.write(proof(ours, nonce, other))
    if not hmac.compare_digest(await stream.read_bytes(PROOF), proof(theirs, other, nonce)):
        raise CommClosedError("the other end does not know the key of this batch")


def _path(name: str) -> str:
    return str(Path(dask.config.get("mmlib.sockets")) / name)


class PrivateComm(TCP):
    """Dask's TCP communication over another kind of socket."""

    def __init__(self, stream: IOStream, local: str, peer: str, deserialize: bool = True) -> None:
        Comm.__init__(self, deserialize)  # TCP's own sets options that these sockets do not have
        self._closed, self._extra = False, {}
        self._local_addr, self._peer_addr, self.stream = f"{SCHEME}://{local}", f"{SCHEME}://{peer}", stream
        self._finalizer = weakref.finalize(self, self._get_finalizer())
        self._finalizer.atexit = False
        stream.set_close_callback(functools.partial(_closed, weakref.ref(self)))


def _closed(reference: weakref.ref[PrivateComm]) -> None:
    comm = reference()
    if comm is not None:
        comm._closed = True


class PrivateConnector(Connector):
    """Connects to a socket of the batch by its name."""

    async def connect(self, address: str, deserialize: bool = True, **_: Any) -> PrivateComm:
        """Raises `OSError`, of which `CommClosedError` is one; Dask tries again until its time is up."""
        stream = IOStream(socket.socket(socket.AF_UNIX), max_buffer_size=MAX_BUFFER_SIZE)
        try:
            await stream.connect(_path(address))
            await prove(stream, CONNECTS, LISTENS)
        except StreamClosedError as error:
            convert_stream_closed_error(self, error)
        except BaseException:
            stream.close()
            raise
        return PrivateComm(stream, HOST, address, deserialize)


class PrivateListener(BaseListener):
    """Listens on a new socket in the batch's folder; talks to nobody who does not know the key."""

    prefix = f"{SCHEME}://"

    def __init__(self, handler: Callable, deserialize: bool = True, allow_offload: bool = True, **_: Any) -> None:
        super().__init__()
        self.name = secrets.token_hex(8)
        self.handler, self.deserialize, self.allow_offload = handler, deserialize, allow_offload
        self.server: TCPServer | None = None

    async def start(self) -> None:
        backlog = int(dask.config.get("distributed.comm.socket-backlog"))
        self.server = TCPServer(max_buffer_size=MAX_BUFFER_SIZE)
        self.server.handle_stream = self._handle_stream
        self.server.add_socket(bind_unix_socket(_path(self.name), mode=0o600, backlog=backlog))

    def stop(self) -> None:
        server, self.server = self.server, None
        if server is not None:
            server.stop()
            with contextlib.suppress(OSError):
                Path(_path(self.name)).unlink(missing_ok=True)

    async def _handle_stream(self, stream: IOStream, _: Any) -> None:
        patience = parse_timedelta(dask.config.get("distributed.comm.timeouts.connect"))
        try:
            await asyncio.wait_for(prove(stream, LISTENS, CONNECTS), patience)
        except (OSError, TimeoutError):
            stream.close()
            return
        if self.server is None:  # stopped meanwhile: nobody would answer
            stream.close()
            return
        comm = PrivateComm(stream, self.name, HOST, self.deserialize)
        comm.allow_offload = self.allow_offload
        try:
            await self.on_connection(comm)
        except CommClosedError:
            return
        await self.handler(comm)

    @property
    def listen_address(self) -> str:
        return f"{self.prefix}{self.name}"

    contact_address = listen_address


class PrivateBackend(Backend):
    """What Dask asks a transport for."""

    def get_connector(self) -> PrivateConnector:
        return PrivateConnector()

    def get_listener(self, loc: str, handle_comm: Callable, deserialize: bool, **options: Any) -> PrivateListener:
        return PrivateListener(handle_comm, deserialize, **options)

    def get_address_host(self, loc: str) -> str:
        return HOST

    def resolve_address(self, loc: str) -> str:
        return loc

    def get_local_address_for(self, loc: str) -> str:
        return HOST
