"""Prepared data compared with their digests while a run trains on them, and before its record says done.

Manifest and index are compared whenever a folder is opened. Arrays are read once per run in a thread beside training,
every byte of them: one epoch's reading, in order, of a training that reads them once an epoch (docs/reliability.md has
the figures). Damage ends the run where the next epoch begins, and in any case before its result is written; nothing of
the data is deleted.

The runs of one batch share what they found of files of `SHARED` bytes and more: 16 workers on one data set of 40 GB
would read 640 GB. A note in the data store names file, size, time of change, inode, machine, batch and the digests
compared; the first run holds a lock and reads, the others wait in their threads and believe the note while all of it
holds. The trade: a bit that the disk turns in such a file within a batch, without a time of change, is seen by the next
batch only. Smaller files are read by every run. A run by hand is a batch of its own.

With several processes the first one compares what lies on its machine.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from mmlib.data.prepared_blocks import Stopped, expected, first_damage, unsealed
from mmlib.data.prepared_check import damaged
from mmlib.errors import DataError, NonFiniteLossError, OutputsError, UsageError
from mmlib.files import content_hash, read_json, write_json
from mmlib.seal import is_broken, sealed

SHARED = 64 << 20  # bytes from which the runs of a batch share what they found
BATCH_VARIABLE, VERIFY_VARIABLE = "MMLIB_BATCH", "MMLIB_VERIFY"
LOOK_SECONDS = 0.5
NOT_VERIFIED = "the prepared data were not compared with their digests (--no-verify)"

_current: list[Verification] = []
"""Those of this process that are told of opened folders: one at most, but for tests."""


@dataclass(frozen=True)
class ArrayFile:
    """An array's file of an opened folder, and its state when it was opened."""

    folder: Path
    manifest: dict[str, Any]
    name: str
    state: tuple[int, int, int]

    @property
    def path(self) -> Path:
        return self.folder / self.manifest["arrays"][self.name]["file"]


class Verification:
    """Compares the arrays of the folders it is told of, one after another, in a thread of its own.

    `store`: where notes for other runs of the batch lie. `batch`: its identity; empty shares nothing. `wanted`: False
    compares nothing, and says so in `notes`.
    """

    def __init__(self, store: Path | None = None, batch: str = "", wanted: bool = True) -> None:
        self.wanted, self._store, self._batch = wanted, store, batch
        self._files: dict[Path, ArrayFile] = {}
        self._found: list[Future[str | None]] = []
        self._stop = threading.Event()
        self._thread = ThreadPoolExecutor(1, "verification")
        self._notes: dict[str, None] = {}

    @property
    def used(self) -> bool:
        """Whether any prepared folder was opened."""
        return bool(self._files)

    @property
    def notes(self) -> list[str]:
        """What a record must say of the data."""
        return [NOT_VERIFIED] if self.used and not self.wanted else list(self._notes)

    def add(self, folder: Path, manifest: dict[str, Any]) -> None:
        """Begin to compare a folder's arrays, unless they are known."""
        for name, entry in manifest["arrays"].items():
            path = (folder / entry["file"]).resolve()
            if path in self._files:
                continue
            self._files[path] = file = ArrayFile(folder, manifest, name, _state(path))
            if self.wanted:
                self._found.append(self._thread.submit(self._damage, file))
        if unsealed(manifest):
            self._notes[f"{folder.name}: {unsealed(manifest)}"] = None

    def check(self) -> None:
        """Raise `DataError` for damage that was found so far; waits for nothing."""
        for found in self._found:
            if found.done():
                found.result()

    def finish(self) -> None:
        """Wait until all is compared. Raises `DataError`, also for a file that changed since it was opened."""
        for found in self._found:
            found.result()
        for file in self._files.values() if self.wanted else ():
            if _state(file.path) != file.state:
                self._raise(file, first_damage(file.folder, file.manifest, file.name, self._stop.is_set))

    def close(self) -> None:
        """End the thread soon, whatever it is at."""
        self._stop.set()
        self._thread.shutdown(wait=True, cancel_futures=True)

    def _damage(self, file: ArrayFile) -> None:
        """Compare one file, or believe what another run of the batch found. Raises `DataError`."""
        with contextlib.suppress(Stopped):
            if self._store is None or not self._batch or file.state[0] < SHARED:
                self._raise(file, first_damage(file.folder, file.manifest, file.name, self._stop.is_set))
                return
            note = self._note(file)
            with self._alone(note):
                known, damage = self._believed(note, file)
                if not known:
                    damage = first_damage(file.folder, file.manifest, file.name, self._stop.is_set)
                    self._keep(note, file, damage)
            self._raise(file, damage)

    def _raise(self, file: ArrayFile, damage: str | None) -> None:
        if damage is not None:
            raise damaged(file.path, damage)

    def _note(self, file: ArrayFile) -> Path:
        """Where the note of a file lies: one for each machine, whose memory and disk the comparison speaks of."""
        name = content_hash([str(file.path.resolve()), socket.gethostname()])[:16]
        return self._store / ".verified" / f"{name}.json"

    @contextlib.contextmanager
    def _alone(self, note: Path) -> Iterator[None]:
        """Hold the lock of a note; where the store cannot be written, nobody shares and nobody waits."""
        try:
            note.parent.mkdir(parents=True, exist_ok=True)
            lock = FileLock(note.with_suffix(".lock"))
            while True:
                try:
                    lock.acquire(timeout=LOOK_SECONDS)
                    break
                except Timeout:
                    if self._stop.is_set():
                        raise Stopped from None
        except (OSError, NotImplementedError):  # the latter from file systems without locks
            yield
            return
        try:
            yield
        finally:
            lock.release()

    def _facts(self, file: ArrayFile) -> dict[str, Any]:
        size, modified, inode = file.state
        facts = {"batch": self._batch, "bytes": size, "modified": modified, "inode": inode}
        return facts | {"path": str(file.path), "compared": content_hash(list(expected(file.manifest, file.name)))}

    def _believed(self, note: Path, file: ArrayFile) -> tuple[bool, str | None]:
        """Whether a run of this batch compared this very file, and the damage it found."""
        try:
            content = read_json(note)
        except (OSError, UsageError):
            return False, None
        if not isinstance(content, dict) or is_broken(content) or "digest" not in content:
            return False, None
        facts = self._facts(file)
        return {name: content.get(name) for name in facts} == facts, content.get("damage")

    def _keep(self, note: Path, file: ArrayFile, damage: str | None) -> None:
        with contextlib.suppress(OutputsError):  # then every run reads for itself
            write_json(note, sealed(self._facts(file) | {"damage": damage}), durable=False)


def _state(path: Path) -> tuple[int, int, int]:
    """Size, time of change and inode; all zero for a file that is gone."""
    try:
        found = path.stat()
    except OSError:
        return 0, 0, 0
    return found.st_size, found.st_mtime_ns, found.st_ino


def opened(folder: Path, manifest: dict[str, Any]) -> None:
    """Tell the run of this process, if there is one, that a prepared folder was opened."""
    for verification in _current:
        verification.add(folder, manifest)


def check() -> None:
    """Raise `DataError` if the run of this process is known to read damaged data; costs nothing."""
    for verification in _current:
        verification.check()


@contextlib.contextmanager
def verifying(store: str | Path | None, first: bool = True) -> Iterator[Verification]:
    """Compare the prepared data that are opened in this block; call `finish` before a result is written.

    `store`: the data store. `first`: whether this process compares at all. The environment says which batch the run
    belongs to (`MMLIB_BATCH`), and `MMLIB_VERIFY=0` that nothing is to be compared. An error of the block becomes a
    `DataError` where the data are known to be damaged; a loss that is not finite waits until that is known.
    """
    wanted = os.environ.get(VERIFY_VARIABLE, "") != "0"
    batch = os.environ.get(BATCH_VARIABLE, "")
    verification = Verification(None if store is None else Path(store), batch, wanted)
    if first:
        _current.append(verification)
    try:
        yield verification
    except DataError:
        raise
    except Exception as error:
        try:
            if isinstance(error, NonFiniteLossError):
                verification.finish()
            else:
                verification.check()
        except DataError as damage:
            raise damage from error
        raise
    finally:
        if first:
            _current.remove(verification)
        verification.close()


def environment(batch: str, wanted: bool) -> dict[str, str]:
    """The variables that tell a kernel which batch its run belongs to, and whether data are to be compared."""
    return {BATCH_VARIABLE: batch, VERIFY_VARIABLE: "1" if wanted else "0"}
