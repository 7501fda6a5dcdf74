"""Kernels: fresh, isolated, and pinned by environment."""

from __future__ import annotations

import os
import shutil
import signal

import pytest

from mmlib.workbook.running import kernel
from mmlib.workbook.running.kernel import IPCKernelManager, launching, socket_folder
from mmlib.workbook.running.warm import Zygote

CODE = "import os, sys, random, numpy, torch; print({})"


@pytest.fixture(scope="module")
def zygote(tmp_path_factory):
    """One warm process for all tests here."""
    process = Zygote(("toy_that_is_absent", "torch"), dict(os.environ), tmp_path_factory.mktemp("cwd"))
    yield process
    process.close()


def run(tmp_path, zygote, expression: str, env: dict[str, str] | None = None) -> str:
    """Start a kernel, evaluate, return what it printed."""
    from jupyter_client.manager import AsyncKernelManager  # noqa: F401 - the base of ours
    from nbclient import NotebookClient
    from nbformat.v4 import new_code_cell, new_notebook

    notebook = new_notebook(cells=[new_code_cell(CODE.format(expression))])
    with launching(tmp_path, tmp_path / "log.txt", env or {}, zygote):
        NotebookClient(notebook, kernel_name="python3", kernel_manager_class=IPCKernelManager).execute()
    return notebook.cells[0].outputs[0]["text"].strip()


@pytest.mark.parametrize("warm", [True, False])
def test_environment_folder_and_input_of_a_kernel(tmp_path, zygote, warm):
    expression = "os.environ['CUDA_VISIBLE_DEVICES'], os.getcwd(), os.read(0, 1), os.getpgrp() == os.getpid()"
    text = run(tmp_path, zygote if warm else None, expression, {"CUDA_VISIBLE_DEVICES": "7"})
    assert text == str(("7", str(tmp_path), b"", True)).strip("()") or text == f"7 {tmp_path} b'' True"


def test_each_kernel_is_new_and_has_randomness_of_its_own(tmp_path, zygote):
    expression = "os.getpid(), os.environ.setdefault('SEEN', 'no'), random.random(), numpy.random.rand()"
    first, second = (run(tmp_path, zygote, f"[{expression}]") for _ in range(2))
    first, second = eval(first), eval(second)
    assert first[1] == second[1] == "no"
    assert not set(first[:1] + first[2:]) & set(second[:1] + second[2:])


def test_a_kernel_loads_no_debugger_but_a_cell_may(tmp_path, zygote):
    loaded = "'ipykernel.debugger' in sys.modules, 'debugpy' in sys.modules"
    assert run(tmp_path, zygote, loaded) == "True False"
    assert run(tmp_path, zygote, "__import__('debugpy').__name__") == "debugpy"
    assert run(tmp_path, zygote, "breakpoint(), 'went on'") == "None went on"


def test_nothing_is_left_of_a_kernel(tmp_path, zygote):
    run(tmp_path, zygote, "1")
    assert kernel._current is None
    assert not [name for name in os.listdir("/tmp") if name.startswith(f"mmlib-{os.getpid()}-")]


def test_a_killed_kernel_is_seen_as_killed(tmp_path, zygote):
    pid = zygote.ask(
        op="spawn", argv=["-f", "none"], env=dict(os.environ), cwd=str(tmp_path), log=str(tmp_path / "log.txt")
    )["pid"]
    process = kernel.ForkedProcess(zygote, pid)
    os.kill(pid, signal.SIGKILL)
    while process.poll() is None:
        pass
    assert process.returncode == -signal.SIGKILL


def test_socket_folders_are_short(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / ("long" * 20)))
    folder = socket_folder()
    assert len(str(folder)) < 60
    shutil.rmtree(folder)
