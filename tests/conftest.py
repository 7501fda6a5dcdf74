"""Fixtures shared by all tests: threads, temporary outputs, the optional small real data sets."""

from __future__ import annotations

import atexit
import os
import re
import shutil
import tempfile
from pathlib import Path

import pytest

# `toy` and `here`: a tiny project and the command line run on it; `stub_project`: Table 1's plan with stub notebooks;
# `execute`: a notebook by papermill.
pytest_plugins = ["toy_project", "claims_fakes", "warm_papermill"]

# One thread per process: the tests start processes of their own, and single-threaded sums are reproducible.
for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

# Output to a pipe is not wrapped, unless $COLUMNS says so; a test that is about width sets it.
os.environ.pop("COLUMNS", None)

# What tests and nbval's notebooks produce must not mix with a person's own results.
if "MMLIB_OUTPUTS" not in os.environ:
    os.environ["MMLIB_OUTPUTS"] = tempfile.mkdtemp(prefix="mmlib-tests-")
    atexit.register(shutil.rmtree, os.environ["MMLIB_OUTPUTS"], ignore_errors=True)
# Two processes of one test run inherit the folder of the first: the same notebook's default folder would be both's.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ["MMLIB_OUTPUTS"] = str(Path(os.environ["MMLIB_OUTPUTS"]) / os.environ["PYTEST_XDIST_WORKER"])

PROJECT = Path(__file__).resolve().parent.parent


# Files whose tests start batches, with a worker per core, and kill and time them: two at once would disturb each other.
BATCHES = re.compile(r"tests/(workbook/running/test_\w+|faults/test_(kills|disk)|workbook/test_state|test_cli)\.py")
LONGEST = "tests/test_readme.py"  # reproduces everything


def pytest_configure(config: pytest.Config) -> None:
    config.option.loadscopereorder = False  # the order below, not the largest files first


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """How two processes share the tests (`-n 2`): file by file, and all files of batches in one process.

    Marks of groups (`--dist loadgroup`) do nothing here: xdist 3.8 writes them where pytest 9 does not read.
    """
    from xdist.scheduler import LoadScopeScheduling

    class Files(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            path = nodeid.partition("::")[0]
            return "batches" if BATCHES.fullmatch(path) else path

    return Files(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest file first, then batches: beside them the other process does all the rest."""

    def place(item: pytest.Item) -> int:
        path = item.nodeid.partition("::")[0]
        return 0 if path == LONGEST else 1 if BATCHES.fullmatch(path) else 2

    items.sort(key=place)


@pytest.fixture(scope="session")
def project() -> Path:
    """The root of the checkout."""
    return PROJECT


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The folder with the small real data sets; a test that needs it skips where it is absent."""
    root = Path(os.environ.get("MMLIB_DATA_ROOT", PROJECT.parent / "shared" / "data"))
    if not (root / "README.md").exists():
        pytest.skip(f"the small real data sets are not at {root} (set MMLIB_DATA_ROOT)")
    return root.resolve()
