"""Temporary folders: only what a dead process of this user left behind is removed."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from mmlib.workbook.running import temporary
from mmlib.workbook.running.temporary import MARKER, identity_of, own_folder, remove_leftovers
from mmlib.workbook.state import process_lives


@pytest.fixture
def base(tmp_path, monkeypatch):
    """An empty place for temporary files."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture(scope="module")
def ended():
    """The identity of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    identity = identity_of(process.pid)
    process.communicate(b"\n")
    return identity


def marked(base, name, owner) -> None:
    folder = base / name
    folder.mkdir()
    (folder / MARKER).write_text(json.dumps(owner) if not isinstance(owner, str) else owner)


def left(base) -> list[str]:
    remove_leftovers()
    return sorted(path.name for path in base.iterdir())


def test_a_living_process_keeps_its_folders(base):
    folder = own_folder("dask-")
    assert folder.parent == base
    assert folder.name.startswith(f"mmlib-{os.getpid()}-dask-")
    assert folder.stat().st_mode & 0o077 == 0
    assert left(base) == [folder.name]


def test_what_a_dead_process_left_is_removed(base, ended):
    assert ended["started"]
    marked(base, "mmlib-1-a", ended)
    marked(base, "mmlib-2-b", ended | {"boot": "another boot"})
    marked(base, "mmlib-3-c", identity_of(os.getpid()) | {"started": "another process had this number"})
    assert left(base) == []


def test_what_is_not_ours_stays(base, ended):
    names = ["mmlib-2024-results", "mmlib-²-x", "mmlib-99999999999999999999-x", "mmlib--x", "mmlib-x-y"]
    for name in names:
        (base / name).mkdir()
        (base / name / "thesis.txt").write_text("")
    (base / "mmlib-7-file").write_text("")
    for name, owner in {
        "another-user": ended | {"uid": ended["uid"] + 1},
        "another-machine": ended | {"host": "elsewhere"},
        "another-container": ended | {"namespace": "pid:[1]"},
        "no-json": "{",
        "no-mapping": "[]",
        "deep": "[" * 4000,
        "long": json.dumps(ended) + " " * 10_000,
        "odd-number": ended | {"pid": "7"},
        "no-number": {},
    }.items():
        marked(base, f"mmlib-8-{name}", owner)
    before = sorted(path.name for path in base.iterdir())
    assert left(base) == before


def test_a_link_is_not_followed(base, ended, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    marked(elsewhere, "victim", ended)
    os.symlink(elsewhere / "victim", base / "mmlib-9-link")
    assert left(base) == ["mmlib-9-link"]
    assert (elsewhere / "victim" / MARKER).exists()


@pytest.mark.parametrize("pid", [0, -1, 10**20, 2**31])
def test_odd_numbers_are_no_processes(pid):
    import socket

    assert identity_of(pid)["started"] is None
    assert not process_lives(pid, socket.gethostname())


def test_a_place_that_is_not_there_is_passed_over(base):
    temporary.remove_leftovers([base / "absent"])
