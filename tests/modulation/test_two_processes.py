"""Two processes of a DistributedDataParallel run equal one process on the same batches."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

SCRIPT = Path(__file__).with_name("two_processes.py")
CASES = ["ogm", "ogm_ge", "decoupling_free", "gradient_through_r", "batch_variance"]
CASES += ["three_concat", "three_weighted_sum", "iemf_two", "iemf_three"]


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("two_processes")

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


@pytest.mark.parametrize("case", CASES)
def test_replicas_are_equal(results, case):
    first, second, _ = results
    for name, value in first[case].items():
        assert torch.equal(value, second[case][name]), name


@pytest.mark.parametrize("case", CASES)
def test_two_processes_equal_one(results, case):
    two, _, one = results
    assert two[case].keys() == one[case].keys()
    for name, value in one[case].items():
        assert_close(two[case][name], value, rtol=1e-8, atol=1e-10, msg=lambda text, name=name: f"{name}: {text}")


def test_the_runs_were_modulated_and_state_was_kept(results):
    one = results[2]
    assert one["decoupling_free"]["ratio.visual"] != 1
    assert {name for name in one["three_concat"] if name.startswith("ratio.")} == {
        "ratio.sensor",
        "ratio.motion",
        "ratio.text",
    }
    for case in ("iemf_two", "iemf_three"):
        assert (one[case]["iemf"] != one[case]["iemf"][0]).any(), "r differs from step to step"
    assert (one["decoupling_free"]["fusion.simam2.correlation.var_max"] > 0).all()
