"""Warm kernels: fresh, isolated, pinned by environment, and gone when their owner is."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys

import pytest

from mmlib.workbook.running import kernel
from mmlib.workbook.running.kernel import (
    DASK_TRIM,
    MALLOC,
    THREAD_VARIABLES,
    TRIM_VARIABLE,
    IPCKernelManager,
    Zygote,
    keep_freed_memory,
    launching,
    socket_folder,
    thread_environment,
)

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


def test_the_zygote_has_no_threads_and_has_not_touched_cuda(zygote):
    answer = zygote.ask(op="info")
    assert answer["threads"] == 1
    assert answer["cuda"] is False
    assert {"torch._dynamo", "pandas", "matplotlib.pyplot"} <= set(answer["modules"])


def test_experiments_without_torch_do_not_wait_for_it(tmp_path):
    process = Zygote(("mmlib.record",), dict(os.environ), tmp_path)
    try:
        loaded = set(process.ask(op="info")["modules"])
    finally:
        process.close()
    assert {"mmlib.record", "ipykernel.kernelapp"} <= loaded
    assert not {"torch", "pandas", "matplotlib"} & loaded


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


def test_kernels_die_with_their_zygote(tmp_path):
    process = Zygote((), dict(os.environ), tmp_path)
    pid = process.ask(op="spawn", argv=["-f", str(tmp_path / "k.json")], env={}, cwd="/", log="/dev/null")["pid"]
    process.process.kill()
    process.process.wait()
    for _ in range(200):
        if not os.path.exists(f"/proc/{pid}") or "Z" in open(f"/proc/{pid}/stat").read().split(")")[1][:3]:  # noqa: SIM115
            break
        signal.sigtimedwait([], 0.05)
    else:
        pytest.fail("the kernel outlived its zygote")
    assert kernel.ForkedProcess(process, pid).poll() == -signal.SIGKILL


@pytest.mark.parametrize("torch", [True, False])
def test_a_module_that_starts_threads_is_left_to_the_cells(tmp_path, torch):
    more = ", torch" if torch else ""
    (tmp_path / "threaded.py").write_text(
        f"import threading, time{more}\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()"
    )
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    process = Zygote(("threaded",), os.environ | {"PYTHONPATH": path}, tmp_path)
    try:
        answer = process.ask(op="info")
    finally:
        process.close()
    assert answer["threads"] == 1
    assert "threaded" not in answer["modules"]
    assert ("torch" in answer["modules"]) == torch


def test_socket_folders_are_short(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / ("long" * 20)))
    folder = socket_folder()
    assert len(str(folder)) < 60
    shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ({}, ("4", "4")),
        ({"OMP_NUM_THREADS": "1"}, ("1", "1")),
        ({"MKL_NUM_THREADS": "3"}, ("4", "3")),
        ({"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "2"}, ("1", "2")),
    ],
)
def test_threads_the_user_chose_stay_and_mkl_follows(monkeypatch, chosen, expected):
    for name in THREAD_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in chosen.items():
        monkeypatch.setenv(name, value)
    assert thread_environment(4) == dict(zip(THREAD_VARIABLES, expected, strict=True))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, MALLOC),
        ({TRIM_VARIABLE: DASK_TRIM}, MALLOC),
        ({TRIM_VARIABLE: "131072"}, {TRIM_VARIABLE: "131072"}),
        ({"MALLOC_MMAP_THRESHOLD_": "4096"}, {"MALLOC_MMAP_THRESHOLD_": "4096"}),
        ({TRIM_VARIABLE: DASK_TRIM, "MALLOC_MMAP_THRESHOLD_": "4096"}, {"MALLOC_MMAP_THRESHOLD_": "4096"}),
    ],
)
def test_kernels_keep_what_they_free_unless_the_user_says_otherwise(monkeypatch, before, after):
    for name in MALLOC:
        monkeypatch.setenv(name, "kept by monkeypatch, and put back")
        del os.environ[name]
    os.environ.update(before)
    keep_freed_memory()
    assert {name: os.environ[name] for name in MALLOC if name in os.environ} == after


def test_kernels_take_no_new_pages_for_each_tensor(tmp_path):
    code = (
        "import resource, torch\n"
        "def faults(): return resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "torch.ones(1 << 21); before = faults()\n"
        "for _ in range(50): torch.ones(1 << 21)\n"
        "print(faults() - before)"
    )
    found = {}
    for name, malloc in (("kept", MALLOC), ("new", {"MALLOC_MMAP_THRESHOLD_": "131072"})):
        done = subprocess.run(
            [sys.executable, "-c", code], env=os.environ | malloc, capture_output=True, text=True, check=True
        )
        found[name] = int(done.stdout)
    assert found["new"] > 50_000, "eight megabytes are 2,048 pages, each time anew"
    assert found["kept"] < found["new"] / 4


def test_dask_still_sets_what_is_undone():
    """If it sets another value one day, kernels are slow again: then this says so."""
    import dask
    import distributed  # noqa: F401  # registers its configuration

    assert str(dask.config.get("distributed.nanny.pre-spawn-environ")[TRIM_VARIABLE]) == DASK_TRIM
