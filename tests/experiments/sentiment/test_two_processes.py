"""Two processes change the weights as one does, whether teachers are those of a sample or of the whole batch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

SCRIPT = Path(__file__).with_name("two_processes.py")


@pytest.mark.parametrize("granularity", ["sample", "batch"])
def test_two_processes_are_one(tmp_path, granularity):
    def start(rank, world):
        arguments = [str(rank), str(world), str(tmp_path / "rendezvous"), str(tmp_path), granularity]
        return subprocess.Popen([sys.executable, str(SCRIPT), *arguments], stderr=subprocess.PIPE, text=True)

    started = [start(0, 1), start(0, 2), start(1, 2)]
    for process in started:
        _, errors = process.communicate(timeout=240)
        assert process.returncode == 0, errors
    one, *two = (torch.load(tmp_path / f"{granularity}-{name}.pt") for name in ("0-1", "0-2", "1-2"))
    for replica in two:
        for name, value in one.items():
            assert_close(replica[name], value, msg=name)
