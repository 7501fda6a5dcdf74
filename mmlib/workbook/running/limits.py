"""Limits of a process (`ulimit`) that stop a batch: which one it was, what it is, and what was needed.

What a batch certainly needs is checked before it starts; what an error speaks of is named afterwards. A soft limit of
open files below the hard one is only a default, and is raised.
"""

from __future__ import annotations

import errno
import resource
from dataclasses import dataclass

from mmlib.errors import BlockedError

MB = 1 << 20


@dataclass(frozen=True)
class Limit:
    """One of the system's limits, how a shell names it, and by what in an error it is known."""

    number: int
    what: str
    option: str
    unit: int
    errors: tuple[int, ...]
    signs: tuple[str, ...]

    def value(self) -> int | None:
        """The limit in force; None where there is none."""
        soft, _ = resource.getrlimit(self.number)
        return None if soft == resource.RLIM_INFINITY else soft

    def words(self) -> str:
        """`at most 64 open files (ulimit -n)`."""
        value = self.value()
        amount = f"{value}" if self.unit == 1 else f"{value / self.unit:,.0f} MB of"
        return f"at most {amount} {self.what} ({self.option})"


MEMORY_ERRORS = (errno.ENOMEM,)
MEMORY_SIGNS = ("MemoryError", "llocate memory", "failed to map segment", "bad_alloc", "Unable to allocate")
FILES = Limit(resource.RLIMIT_NOFILE, "open files", "ulimit -n", 1, (errno.EMFILE,), ("Too many open files",))
SPACE = Limit(resource.RLIMIT_AS, "address space", "ulimit -v", MB, MEMORY_ERRORS, MEMORY_SIGNS)
DATA = Limit(resource.RLIMIT_DATA, "data in memory", "ulimit -d", MB, MEMORY_ERRORS, MEMORY_SIGNS)
PROCESSES = Limit(
    resource.RLIMIT_NPROC,
    "processes and threads",
    "ulimit -u",
    1,
    (errno.EAGAIN,),
    ("Resource temporarily unavailable", "can't start new thread"),
)
SIZE = Limit(resource.RLIMIT_FSIZE, "file size", "ulimit -f", MB, (errno.EFBIG,), ("File too large",))
LIMITS = (FILES, SPACE, DATA, PROCESSES, SIZE)
MEMORY = (SPACE, DATA)

FILES_OF_A_COMMAND, FILES_PER_WORKER = 64, 24
"""Descriptors that the command needs, and for each worker besides; measured with two: 45 in all."""
FILES_OF_A_KERNEL = 128
NEEDED = {SPACE: 3000 * MB, DATA: 600 * MB}
"""What a kernel takes before a cell runs; measured: 3,160 MB of address space, 960 MB of data with an experiment."""


def ensure(workers: int) -> None:
    """Raise the soft limit of open files where it is too low. Raises `BlockedError` for limits no batch can run in."""
    needed = max(FILES_OF_A_COMMAND + FILES_PER_WORKER * workers, FILES_OF_A_KERNEL)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < needed:
        if hard != resource.RLIM_INFINITY and hard < needed:
            raise BlockedError(
                f"a process may have {FILES.words()}; {workers} worker(s) need {needed}. Raise it (ulimit -n {needed}) "
                "or use fewer workers (--workers)."
            )
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
    for limit, least in NEEDED.items():
        value = limit.value()
        if value is not None and value < least:
            raise BlockedError(
                f"a process may have {limit.words()}; a kernel with torch needs {least // MB:,} MB before it does "
                f"anything. Raise it: {limit.option} unlimited."
            )


def note(error: BaseException | str) -> str:
    """`"; a process may have at most 64 open files (ulimit -n)"` where an error speaks of a limit, else empty."""
    number = getattr(error, "errno", None)
    text = error if isinstance(error, str) else f"{type(error).__name__}: {error}"
    meant = [one for one in LIMITS if number in one.errors or any(sign in text for sign in one.signs)]
    return _note(meant)


def memory_note() -> str:
    """The same of the limits of memory that are in force: a process that died may have met one."""
    return _note(MEMORY)


def _note(limits: tuple[Limit, ...] | list[Limit]) -> str:
    words = [limit.words() for limit in limits if limit.value() is not None]
    return f"; a process may have {' and '.join(words)}" if words else ""
