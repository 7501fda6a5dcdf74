"""Our SNN under two processes equals one: its weights after a few modulated steps, and what is counted of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

SCRIPT = Path(__file__).with_name("spiking_two_processes.py")


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("spiking_two_processes")

    def start(rank, world):
        output = folder / f"{world}-{rank}.pt"
        arguments = [str(rank), str(world), str(folder / "rendezvous"), str(output)]
        return output, subprocess.Popen([sys.executable, str(SCRIPT), *arguments])

    runs = [start(0, 2), start(1, 2), start(0, 1)]
    try:
        assert [process.wait(timeout=300) for _, process in runs] == [0, 0, 0]
    finally:
        for _, process in runs:
            process.kill()
    return [torch.load(output, weights_only=True) for output, _ in runs]


def test_replicas_are_equal(results):
    first, second, _ = results
    for name, value in first.items():
        assert torch.equal(value, second[name]), name


def test_two_processes_equal_one(results):
    two, _, one = results
    assert two.keys() == one.keys()
    for name, value in one.items():
        assert_close(two[name], value, rtol=1e-8, atol=1e-10, msg=lambda text, name=name: f"{name}: {text}")


def test_its_layers_fired(results):
    for modality in ("audio", "visual"):
        rates = results[2][f"{modality}.rates"]
        assert len(rates) == 3
        assert (rates > 0).all()
        assert (rates < 1).all()
