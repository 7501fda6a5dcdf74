"""A server on the loopback address that plays the internet: files by path, resumable, and faults on demand."""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Internet:
    """`files`: content by path (`/host/path`). `cut`: by path, after how many bytes each next answer breaks off.

    `html`: paths answered with a page; `ranges`: whether a part can be asked for. `asked`: every request as
    (path, Range header or "").
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.cut: dict[str, list[int]] = {}
        self.html: set[str] = set()
        self.ranges = True
        self.asked: list[tuple[str, str]] = []
        self.url = ""

    def ranges_of(self, path: str) -> list[str]:
        return [wanted for asked, wanted in self.asked if asked == path]


@contextlib.contextmanager
def internet() -> Iterator[Internet]:
    net = Internet()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range", "")
            net.asked.append((self.path, wanted))
            content = net.files.get(self.path)
            if content is None:
                self.send_error(404)
                return
            tag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
            start = 0
            if wanted and net.ranges and self.headers.get("If-Range", tag) == tag:
                start = int(wanted.removeprefix("bytes=").partition("-")[0])
            if start >= len(content) and content:
                self.send_error(416)
                return
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(content) - start))
            self.send_header("ETag", tag)
            self.send_header("Content-Type", "text/html" if self.path in net.html else "application/octet-stream")
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            self.end_headers()
            pending = net.cut.get(self.path)
            end = start + pending.pop(0) if pending else len(content)
            self.wfile.write(content[start:end])  # the connection closes behind it

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    net.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield net
    finally:
        server.shutdown()
        server.server_close()
