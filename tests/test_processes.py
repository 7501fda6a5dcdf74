"""Processes of our own import nothing from the folder in which the user stands."""

from __future__ import annotations

import os
import subprocess

import mmlib
from mmlib.processes import own_environment, own_python


def test_what_lies_where_the_user_stands_is_not_imported(tmp_path, monkeypatch):
    stand, lib = tmp_path / "stand", tmp_path / "lib"
    (stand / "mmlib").mkdir(parents=True)
    lib.mkdir()
    for name in ("av.py", "json.py", "mmlib/__init__.py"):
        (stand / name).write_text("raise SystemExit('imported from the current folder')")
    (lib / "probe.py").write_text(
        "import av, json, mmlib, mmlib.errors, sys; print(mmlib.__file__, __name__, sys.path[0])"
    )
    monkeypatch.setenv("PYTHONPATH", f"{lib}{os.pathsep}")  # the empty part would be the current folder
    monkeypatch.setenv("PYTHONSTARTUP", "/nowhere")
    environment = own_environment(EXTRA="1")
    assert environment["PYTHONPATH"] == str(lib)
    assert environment["EXTRA"] == "1"
    assert "PYTHONSTARTUP" not in environment
    done = subprocess.run(own_python("probe"), cwd=stand, env=environment, capture_output=True, text=True)
    assert done.stdout.split() == [mmlib.__file__, "__main__", str(lib)], done.stderr


def test_no_path_at_all_stays_none(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep)
    assert "PYTHONPATH" not in own_environment()
