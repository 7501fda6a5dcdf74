"""Limits of an account: checked before a batch, named after an error."""

from __future__ import annotations

import errno
import os
import resource
import subprocess

import pytest

from mmlib.errors import BlockedError
from mmlib.workbook.running import limits

UNLIMITED = resource.RLIM_INFINITY


@pytest.fixture
def ulimit(monkeypatch):
    """Pretended limits by number, and a note of what was set; all others are unlimited."""
    values: dict[int, tuple[int, int]] = {}
    monkeypatch.setattr(resource, "getrlimit", lambda number: values.get(number, (UNLIMITED, UNLIMITED)))
    monkeypatch.setattr(resource, "setrlimit", values.__setitem__)
    return values


def test_without_limits_there_is_nothing_to_say(ulimit):
    limits.ensure(1000)
    assert limits.note(OSError(errno.EMFILE, "Too many open files")) == limits.memory_note() == ""


def test_a_low_default_of_open_files_is_raised(ulimit):
    ulimit[resource.RLIMIT_NOFILE] = (64, 4096)
    limits.ensure(10)
    assert ulimit[resource.RLIMIT_NOFILE] == (limits.FILES_OF_A_COMMAND + 10 * limits.FILES_PER_WORKER, 4096)


def test_what_cannot_be_raised_is_named_with_what_is_needed(ulimit):
    ulimit[resource.RLIMIT_NOFILE] = (64, 100)
    needed = limits.FILES_OF_A_COMMAND + 10 * limits.FILES_PER_WORKER
    with pytest.raises(BlockedError, match=rf"at most 64 open files \(ulimit -n\); 10 worker.*need {needed}"):
        limits.ensure(10)


@pytest.mark.parametrize(("number", "option"), [(resource.RLIMIT_AS, "-v"), (resource.RLIMIT_DATA, "-d")])
def test_too_little_memory_for_any_kernel(ulimit, number, option):
    ulimit[number] = (300 << 20, UNLIMITED)
    with pytest.raises(BlockedError, match=rf"at most 300 MB of .*ulimit {option}.*needs [\d,]+ MB"):
        limits.ensure(1)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.EMFILE, "Too many open files"), "at most 64 open files (ulimit -n)"),
        ("RuntimeError: [Errno 24] Too many open files", "at most 64 open files (ulimit -n)"),
        (MemoryError(), "at most 5,000 MB of address space (ulimit -v)"),
        ("RuntimeError: DefaultCPUAllocator: can't allocate memory", "at most 5,000 MB of address space (ulimit -v)"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "at most 5,000 MB of address space (ulimit -v)"),
        (RuntimeError("can't start new thread"), "at most 9 processes and threads (ulimit -u)"),
        (OSError(errno.ENOSPC, "No space left on device"), ""),
        (ValueError("x"), ""),
    ],
)
def test_an_error_is_told_apart_by_the_limit_it_met(ulimit, error, words):
    ulimit |= {
        resource.RLIMIT_NOFILE: (64, 64),
        resource.RLIMIT_AS: (5000 << 20, UNLIMITED),
        resource.RLIMIT_NPROC: (9, 9),
    }
    assert limits.note(error) == (f"; a process may have {words}" if words else "")


@pytest.mark.parametrize(("ulimit_of", "says"), [("-n 50", "open files"), ("-v 1500000", "address space")])
def test_a_batch_that_cannot_run_says_so_at_once(toy, ulimit_of, says):
    toy.plan()
    shell = f"ulimit {ulimit_of} && exec {' '.join(toy.command('run', 'toy', '--workers', '1'))}"
    done = subprocess.run(["bash", "-c", shell], env=toy.env, capture_output=True, text=True, cwd=toy.root, timeout=60)
    assert done.returncode == BlockedError.exit_code, done.stdout + done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert not os.path.exists(toy.outputs / "runs")
