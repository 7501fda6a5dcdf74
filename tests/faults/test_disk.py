"""A disk that fills: one message that names it, exit code 6, nothing before is lost, and the next run goes on.

Small here (a toy batch, one size); `MMLIB_DISKS=1 pytest tests/faults/test_disk.py -s` leaves four sizes to batches of
every experiment, and prints the seconds. Needs the right to mount a small disk.
"""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from small_experiments import ALL, small_project

from mmlib.errors import OutputsError
from mmlib.files import write_problem

LARGE = bool(os.environ.get("MMLIB_DISKS"))
LEFT = [64, 300, 2048, 6144] if LARGE else [300]
"""Kilobytes left on the disk when a batch begins."""
pytestmark = pytest.mark.slow


@pytest.fixture
def disk():
    """An empty disk of 512 MB (generated faces and voices are the largest data), mounted at a short path."""
    if os.getuid() != 0 or sys.platform != "linux":
        pytest.skip("only root may mount a small disk")
    folder = Path(tempfile.mkdtemp(prefix="disk-", dir="/tmp"))
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=512m", "tmpfs", folder], capture_output=True, text=True
    )
    if mounted.returncode != 0:
        folder.rmdir()
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)
    folder.rmdir()


def leave(disk: Path, kilobytes: int) -> None:
    """Fill the disk up to so much."""
    found = os.statvfs(disk)
    with open(disk / "ballast", "wb") as stream:
        os.posix_fallocate(stream.fileno(), 0, found.f_bavail * found.f_frsize - kilobytes * 1024)


def contents(outputs: Path) -> dict[str, bytes]:
    """Every file of finished cells."""
    records = outputs.glob("runs/*/record.json")
    return {str(path): path.read_bytes() for record in records for path in record.parent.iterdir() if path.is_file()}


def ended(project, *arguments: str) -> tuple[subprocess.CompletedProcess, float]:
    began = time.monotonic()
    done = project.mmlib(*arguments, timeout=600)
    return done, time.monotonic() - began


def check_full(done, disk: Path) -> None:
    """The message names the disk and what to do; there is nothing else to read but lines of progress."""
    said = done.stdout + done.stderr
    assert done.returncode == OutputsError.exit_code, said
    assert re.search(
        rf"mmlib: cannot .*No space left on device \(the disk mounted at {disk} has .* MB left.*\)", done.stderr
    )
    assert "Free space" in done.stderr
    assert "Traceback" not in said
    assert "again and again" not in said


@pytest.mark.timeout(300)
def test_a_batch_on_a_full_disk(toy, disk):
    """Data of 4 MB are prepared by a worker, and a kernel writes too."""
    outputs = disk / "outputs"
    toy.plan(parameters={"megabytes": 1})
    arguments = ["run", "toy", "--workers", "2", "--cold-kernels", "--outputs", str(outputs)]
    done, _ = ended(toy, *arguments, "--seeds", "0")
    assert done.returncode == 0, done.stdout + done.stderr
    before = contents(outputs)
    assert before
    toy.plan(
        parameters={"megabytes": 1},
        profiles={"embedded": {"kind": "embedded", "seeds": list(range(6)), "parameters": {}}},
    )
    leave(disk, LEFT[0])
    done, seconds = ended(toy, *arguments)
    check_full(done, disk)
    assert before.items() <= contents(outputs).items()
    (disk / "ballast").unlink()
    done, _ = ended(toy, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    assert before.items() <= contents(outputs).items()
    assert len(list(outputs.glob("runs/*/record.json"))) == 6
    print(f"\n{LEFT[0]} kB left: said after {seconds:.1f} s")


@pytest.mark.skipif(not LARGE, reason="minutes: set MMLIB_DISKS=1")
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kilobytes", LEFT)
def test_every_experiment_on_a_full_disk(tmp_path, disk, kilobytes):
    project = small_project(tmp_path / "project")
    project.env["MMLIB_OUTPUTS"] = str(disk / "outputs")
    for number, name in enumerate(ALL):
        before = contents(disk / "outputs")
        leave(disk, kilobytes)
        done, seconds = ended(project, "run", name, "--workers", "1")
        print(f"\n{kilobytes} kB left, {name}: exit {done.returncode} after {seconds:.1f} s", end="")
        if done.returncode:  # with some room a small experiment may fit
            check_full(done, disk)
        else:
            assert kilobytes > 64
        assert before.items() <= contents(disk / "outputs").items()
        (disk / "ballast").unlink()
        done, _ = ended(project, "run", name, "--workers", "1")
        assert done.returncode == 0, done.stdout + done.stderr
        assert len(list(disk.glob("outputs/runs/*/record.json"))) == number + 1


@pytest.mark.timeout(120)
def test_a_full_place_for_temporary_files_is_named(toy, disk):
    toy.plan()
    toy.env["TMPDIR"] = str(disk)
    leave(disk, 0)
    done, _ = ended(toy, "run", "toy", "--workers", "1", "--cold-kernels")
    assert "Traceback" not in done.stdout + done.stderr
    if done.returncode == 0:  # Python had asked for a byte there, and turned to the next of the usual places
        assert {record["status"] for record in toy.records().values()} == {"done"}
        return
    assert done.returncode == OutputsError.exit_code, done.stdout + done.stderr
    assert str(disk) in done.stderr
    assert "TMPDIR" in done.stderr


def test_the_words_for_a_full_disk_and_for_other_errors(tmp_path):
    full = OSError(errno.ENOSPC, "No space left on device")
    assert re.fullmatch(
        r"No space left on device \(the disk mounted at /\S* has [\d,.]+ of [\d,.]+ MB left\)",
        write_problem(full, tmp_path / "not" / "there"),
    )
    assert "the disk mounted at" in write_problem(OSError(errno.EDQUOT, "Disk quota exceeded"), tmp_path)
    assert write_problem(PermissionError(errno.EACCES, "Permission denied"), tmp_path) == "Permission denied"
