"""Fixtures shared by all tests: threads, temporary outputs, the optional small real data sets."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

import pytest

# `toy` and `here`: a tiny project and the command line run on it; `stub_project`: Table 1's plan with stub notebooks.
pytest_plugins = ["toy_project", "claims_fakes"]

# One thread per process: the tests start processes of their own, and single-threaded sums are reproducible.
for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

# What tests and nbval's notebooks produce must not mix with a person's own results.
if "MMLIB_OUTPUTS" not in os.environ:
    os.environ["MMLIB_OUTPUTS"] = tempfile.mkdtemp(prefix="mmlib-tests-")
    atexit.register(shutil.rmtree, os.environ["MMLIB_OUTPUTS"], ignore_errors=True)
# Two processes of one test run inherit the folder of the first: the same notebook's default folder would be both's.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ["MMLIB_OUTPUTS"] = str(Path(os.environ["MMLIB_OUTPUTS"]) / os.environ["PYTEST_XDIST_WORKER"])

PROJECT = Path(__file__).resolve().parent.parent


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What two processes run at once (`-n 2 --dist loadgroup`): a file's tests stay together, and so do all batches.

    A batch starts a worker per core and is killed and timed by its tests, so two never run at once. The longest comes
    first: beside it the other process does all the rest.
    """
    batches = [
        item for item in items if item.path.name == "test_readme.py" or "toy" in getattr(item, "fixturenames", ())
    ]
    chosen = {id(item) for item in batches}
    for item in items:
        item.add_marker(pytest.mark.xdist_group("batches" if id(item) in chosen else item.path.as_posix()))
    longest_first = sorted(batches, key=lambda item: item.path.name != "test_readme.py")
    items[:] = [*longest_first, *(item for item in items if id(item) not in chosen)]


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
