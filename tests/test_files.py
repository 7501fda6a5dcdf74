"""Names, paths and JSON from outside: what is taken, and one message for everything else."""

from __future__ import annotations

import json
import os

import pytest

from mmlib.errors import UsageError
from mmlib.files import (
    ABANDONED,
    atomic_path,
    inside,
    is_lfs_pointer,
    name_problem,
    read_json,
    remove_abandoned,
    safe_name,
    user_path,
)

BAD_NAMES = ["", ".", "..", ".hidden", "a/b", "../x", "a\\b", "/etc", "a\0b", "a\nb", "x" * 300, "ö" * 150, 3, None]


@pytest.mark.parametrize("name", ["table1", "iemf_ablation-s0-1f3a9c2e", "ζ", "a b", "a.b"])
def test_names_that_are_taken(name):
    assert safe_name(name, "the plan") == name


@pytest.mark.parametrize("name", BAD_NAMES, ids=lambda name: repr(name)[:12])
def test_names_that_are_refused(name):
    assert name_problem(name)
    with pytest.raises(UsageError, match="the plan .* cannot be a file's name"):
        safe_name(name, "the plan")


@pytest.mark.parametrize("name", ["a", "a/b", "a/../b", "./a"])
def test_paths_inside(tmp_path, name):
    assert inside(tmp_path, name, "the notebook") == tmp_path / os.path.normpath(name)


@pytest.mark.parametrize("name", ["..", "../a", "a/../../b", "/etc/passwd", ".", "a/..", "", "a\0", 3])
def test_paths_outside(tmp_path, name):
    with pytest.raises(UsageError, match="the notebook"):
        inside(tmp_path / "folder", name, "the notebook")


def test_a_folder_is_not_inside_of_one_whose_name_it_begins_with(tmp_path):
    with pytest.raises(UsageError, match="outside"):
        inside(tmp_path / "plan", "../plans/x", "the file")


def test_paths_that_a_user_types(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert user_path("~/a", "--outputs") == tmp_path / "a"
    assert user_path("a/../b", "--outputs") == tmp_path / "b"
    (tmp_path / "file").write_text("")
    assert user_path("file/below", "--outputs") == tmp_path / "file" / "below"
    os.symlink("two", tmp_path / "one")
    os.symlink("one", tmp_path / "two")
    for text, why in [
        ("", "is empty"),
        ("~nosuchuser/x", "Could not determine home directory|no such user"),
        ("x" * 5000, "too long"),
        ("one/x", "Too many levels"),
    ]:
        with pytest.raises(UsageError, match=why):
            user_path(text, "--outputs")


@pytest.mark.parametrize(
    "text", ["{", "[" * 100_000, '{"a": ' + "9" * 5000 + "}", '{"a": NaN}', "[Infinity]", "\udcff"]
)
def test_json_that_is_refused(tmp_path, text):
    path = tmp_path / "a.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(UsageError, match="a.json is not valid JSON"):
        read_json(path)


def test_a_pointer_of_git_lfs_is_named(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n")
    with pytest.raises(UsageError, match="git lfs pull"):
        read_json(path)
    assert is_lfs_pointer(path)
    path.write_text(json.dumps({}))
    assert not is_lfs_pointer(path)
    assert not is_lfs_pointer(tmp_path / "absent")


def test_what_a_killed_process_left_goes_and_what_is_being_written_stays(tmp_path):
    (tmp_path / "below").mkdir()
    kept = [tmp_path / "below" / "a.png", tmp_path / "notes.tmp", tmp_path / ".notes.tmp"]
    for path in kept:
        path.write_text("ours")
        os.utime(path, (0, 0))
    left = tmp_path / "below" / ".a.png.x1y2z3_8.tmp"
    left.write_text("half")
    os.utime(left, (left.stat().st_mtime - ABANDONED - 60,) * 2)
    with atomic_path(tmp_path / "below" / "b.png") as writing:
        remove_abandoned(tmp_path)
        assert not left.exists()
        assert writing.exists()
    assert all(path.exists() for path in kept)
    remove_abandoned(tmp_path / "absent")
