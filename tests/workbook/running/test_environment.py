"""The environment of kernels: threads, and what becomes of freed memory."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from mmlib.workbook.running.environment import (
    DASK_TRIM,
    MALLOC,
    THREAD_VARIABLES,
    TRIM_VARIABLE,
    keep_freed_memory,
    thread_environment,
)


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
