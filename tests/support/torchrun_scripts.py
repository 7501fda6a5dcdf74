"""Scripts that train the same alone and under torchrun: loaded as modules, and run by two processes."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch


def load_script(path: Path) -> ModuleType:
    """A script beside a test, as a module; names of scripts may be equal in several folders."""
    spec = importlib.util.spec_from_file_location(f"{path.parent.name}_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def start_two(script: Path, folder: Path) -> subprocess.Popen:
    """`script folder` by two processes with a thread each, under torchrun; `finish` waits for them."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    return subprocess.Popen(
        [*command, str(script), str(folder)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def finish(running: subprocess.Popen) -> str:
    """What they printed; asserts that they came to their end."""
    output, _ = running.communicate(timeout=300)
    assert running.returncode == 0, output[-3000:]
    return output


def trained_both_ways(script: Path, factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Folders of what the script's `train_all` leaves in this process, and under torchrun with two."""
    one, two = factory.mktemp("one"), factory.mktemp("two")
    running = start_two(script, two)
    load_script(script).train_all(one)
    finish(running)
    return one, two


def kept_by(one: Path, two: Path, case: str) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """What `kept-<rank>.pt` holds: of one process, and of each of two."""
    files = [one / case / "kept-0.pt", *(two / case / f"kept-{rank}.pt" for rank in (0, 1))]
    return tuple(torch.load(file, weights_only=True) for file in files)


def check_weights(expected: dict[str, Any], first: dict[str, Any], second: dict[str, Any]) -> None:
    """Replicas are equal, and as one process has them up to the order of sums: `weights` chosen, and the `last`."""
    for kind in ("weights", "last"):
        for name, value in expected[kind].items():
            assert torch.equal(first[kind][name], second[kind][name]), f"replicas differ in {name}"
            torch.testing.assert_close(
                first[kind][name], value, rtol=5e-4, atol=5e-5, msg=lambda text, name=name: f"{name}: {text}"
            )


def check_histories(one: Path, two: Path, case: str) -> int:
    """Both histories say the same in each epoch, times aside; returns how many epochs there are."""
    expected, found = (
        [json.loads(line) for line in (root / case / "history.jsonl").read_text().splitlines()] for root in (one, two)
    )
    assert len(expected) == len(found)
    for left, right in zip(expected, found, strict=True):
        assert left.keys() == right.keys()
        for name in left.keys() - {"seconds", "samples_per_s", "stage"}:
            assert right[name] == (left[name] and pytest.approx(left[name], rel=2e-3, abs=1e-4)), name
    return len(found)
