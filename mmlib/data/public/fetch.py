"""Fetch one file: mirrors in order, resumed where it broke off, checked, in place whole or not at all.

We do: pooch fetches, compares SHA-256 and moves the file into place; since it starts over after a broken connection,
its downloader is exchanged for one that keeps the part (`.NAME.part`) and asks for the rest of it (HTTP Range). What
was begun is continued only where the server says that the file is the same (`If-Range`), or where a checksum will tell.
"""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from mmlib.data.progress import Progress
from mmlib.errors import OutputsError
from mmlib.files import write_problem

TRIES = 5  # of one address, as long as each brings some bytes
TIMEOUT = 30  # seconds without an answer
CHUNK = 1 << 16


class Unsuitable(ValueError):
    """What an address gave is not the file; the next address may have it."""


def mirrored(urls: Sequence[str], mirror: str) -> list[str]:
    """Addresses to try in order: those of a mirror that keeps copies as BASE/HOST/PATH first (`wget -x` makes such)."""
    if not mirror:
        return list(urls)
    parts = [urlsplit(url) for url in urls]
    paths = [f"{part.netloc}{part.path}" + (quote(f"?{part.query}") if part.query else "") for part in parts]
    return [*(f"{mirror.rstrip('/')}/{path}" for path in paths), *urls]


def fetch(
    target: Path,
    urls: Sequence[str],
    *,
    sha256: str = "",
    check: Callable[[Path], None] | None = None,
    settle: Callable[[Path], None] | None = None,
    title: str = "",
) -> list[str]:
    """Fetch `target` from the first address that gives it; what was wrong with the ones before, a line each.

    Args:
        check: raises `Unsuitable` for content that is not the file's; called before it is in place.
        settle: what is done with the file in place, such as unpacking; may raise `Unsuitable` too.
        title: names the progress; none is shown without it.

    Raises `LookupError` with those lines where no address gives it, `OutputsError` where it cannot be written.
    """
    import pooch
    import requests

    pooch.get_logger().setLevel(logging.CRITICAL)  # it would print advice to programmers
    wrong: list[str] = []
    for url in urls:
        for _ in range(2):
            downloader = Resuming(_part(target), title, trusted=bool(sha256 or check), check=check)
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                known = f"sha256:{sha256}" if sha256 else None
                pooch.retrieve(url, known, fname=target.name, path=target.parent, downloader=downloader)
                if settle is not None:
                    settle(target)
                return wrong
            except requests.RequestException as error:
                wrong.append(f"{url}: {in_words(error)}")
                break
            except ValueError as error:  # of pooch, for another checksum
                own = isinstance(error, Unsuitable)
                where = url if downloader.used else target
                wrong.append(f"{where}: {error if own else 'its checksum is not that of the published file'}")
                target.unlink(missing_ok=True)
                if downloader.used and not downloader.resumed:  # else what was there before may be to blame
                    break
            except OSError as error:
                raise OutputsError(
                    f"cannot write {target}: {write_problem(error, target)}. Free space, fix its permissions, or "
                    "choose another --data-root; what was fetched is kept, and the same command goes on from there."
                ) from error
    raise LookupError(*wrong)


def _part(target: Path) -> Path:
    return target.with_name(f".{target.name}.part")


class Resuming:
    """A downloader for pooch that goes on where an earlier one broke off; whether it was `used`, and `resumed`.

    `trusted`: the whole file will be checked, so a part may be continued although the server does not vouch for it.
    """

    def __init__(
        self, part: Path, title: str = "", trusted: bool = False, check: Callable[[Path], None] | None = None
    ) -> None:
        self.part, self.title, self.trusted, self.check = part, title, trusted, check
        self.used = self.resumed = False
        self._origin = part.with_name(f"{part.name}.json")  # where the part came from

    def __call__(self, url: str, output_file: str, pooch: Any = None, check_only: bool = False) -> None:
        import requests

        self.used = True
        for attempt in range(TRIES):
            before = self._size()
            try:
                self._once(url)
                break
            except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError):
                if attempt == TRIES - 1 or self._size() <= before:
                    raise
        if self.check is not None:
            try:
                self.check(self.part)
            except Unsuitable:
                self._forget()
                raise
        os.replace(self.part, output_file)
        self._forget()

    def _size(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def _forget(self) -> None:
        self.part.unlink(missing_ok=True)
        self._origin.unlink(missing_ok=True)

    def _headers(self, url: str) -> dict[str, str]:
        """What asks for the rest of the part; nothing where it cannot be continued."""
        try:
            origin = json.loads(self._origin.read_text(encoding="utf-8"))
            version = str(origin["version"])
            same = origin["url"] == url
        except (OSError, ValueError, KeyError, TypeError):
            return {}
        if not self._size() or not same or not (version or self.trusted):
            return {}
        return {"Range": f"bytes={self._size()}-"} | ({"If-Range": version} if version else {})

    def _once(self, url: str) -> None:
        """One request, and what it brings. Raises requests' errors, `Unsuitable`, `OSError`."""
        import requests

        asked = self._headers(url)
        headers = {"Accept-Encoding": "identity"} | asked  # the bytes as they lie there
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
            if response.status_code == 416 and asked:  # nothing lies behind the part: begin again
                self._forget()
                return self._once(url)
            response.raise_for_status()
            if response.headers.get("Content-Type", "").startswith("text/html"):
                raise Unsuitable("it answers with a page, not with the file (a limit, or a login?)")
            have = self._size() if response.status_code == 206 else 0
            self.resumed |= have > 0
            tag = response.headers.get("ETag", "")
            version = tag if tag and not tag.startswith("W/") else response.headers.get("Last-Modified", "")
            self._origin.write_text(json.dumps({"url": url, "version": version}), encoding="utf-8")
            left = int(response.headers.get("Content-Length", 0))
            if left > shutil.disk_usage(self.part.parent).free:
                needed = f"{os.strerror(errno.ENOSPC)} ({left / 1e6:,.0f} MB are needed)"
                raise OSError(errno.ENOSPC, needed)
            progress = Progress(self.title, (have + left) // 1024, "kB", done=have // 1024) if self.title else None
            with open(self.part, "ab" if have else "wb") as stream:
                for chunk in response.iter_content(CHUNK):
                    stream.write(chunk)
                    if progress is not None:
                        progress.advance(len(chunk) // 1024)
        return None


def in_words(error: Exception) -> str:
    """One line for what went wrong with an address."""
    import requests

    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"{error.response.status_code} {error.response.reason}"
    if isinstance(error, requests.Timeout):
        return f"no answer within {TIMEOUT} seconds"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection broke off; what came is kept, and the same command goes on from there"
    if isinstance(error, requests.ConnectionError):
        return "no connection (is there a network?)"
    return f"{type(error).__name__}"


def unpacked_is(sha256: str) -> Callable[[Path], None]:
    """A check that a gzip file holds the content with this SHA-256, however it was packed."""

    def check(path: Path) -> None:
        import gzip
        import zlib

        try:
            with gzip.open(path) as stream:
                found = hashlib.file_digest(stream, "sha256").hexdigest()
        except (OSError, EOFError, zlib.error) as error:
            raise Unsuitable("it is not a sound gzip file") from error
        if found != sha256:
            raise Unsuitable("the checksum of what is in it is not that of the published file")

    return check
