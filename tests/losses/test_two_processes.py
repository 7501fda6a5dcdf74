"""Two processes share the buffer of stale targets: a clip's place in it is its place in the whole batch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import torch

SCRIPT = Path(__file__).with_name("two_processes.py")


def test_stale_targets_of_two_processes_are_those_of_one(tmp_path):
    def start(rank, world):
        output = tmp_path / f"{world}-{rank}.pt"
        arguments = [str(rank), str(world), str(tmp_path / "rendezvous"), str(output)]
        return output, subprocess.Popen([sys.executable, str(SCRIPT), *arguments])

    runs = [start(0, 2), start(1, 2), start(0, 1)]
    try:
        assert [process.wait(timeout=120) for _, process in runs] == [0, 0, 0]
    finally:
        for _, process in runs:
            process.kill()
    first, second, one = (torch.load(output, weights_only=True) for output, _ in runs)
    assert one["buffer"].shape == (7, 6)
    for name, value in one.items():
        assert torch.equal(first[name], value), name
        assert torch.equal(second[name], value), name
