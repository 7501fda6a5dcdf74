"""Two processes equal one on the same global batch, for every modulation (without batch statistics)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torchrun_scripts import finish, load_script, start_two

from mmlib.training.distributed import Group, gathered_rows

WORKER = Path(__file__).parent / "two_processes.py"


SCRIPT = load_script(WORKER)
CASES = SCRIPT.CASES


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Folders of one run in this process and one under torchrun with two processes."""
    one, two = tmp_path_factory.mktemp("one"), tmp_path_factory.mktemp("two")
    running = start_two(WORKER, two)
    SCRIPT.train_all(one)
    output = finish(running)
    assert "epoch 1/2" in output
    return one, two, output


@pytest.mark.parametrize("case", CASES)
def test_two_processes_end_with_the_weights_of_one(trained, case):
    one, two, _ = trained
    expected = torch.load(one / case / "weights-0.pt", weights_only=True)
    first, second = (torch.load(two / case / f"weights-{rank}.pt", weights_only=True) for rank in (0, 1))
    for name, value in expected.items():
        assert torch.equal(first[name], second[name]), f"replicas differ in {name}"
        torch.testing.assert_close(
            first[name], value, rtol=2e-4, atol=2e-5, msg=lambda text, name=name: f"{name}: {text}"
        )


@pytest.mark.parametrize("case", CASES)
def test_two_processes_log_what_one_logs(trained, case):
    """Losses, both ratios, coefficients, r, ζ and every evaluated metric: of the global batch, not of a part."""
    one, two, _ = trained
    expected, found = (
        [json.loads(line) for line in (root / case / "history.jsonl").read_text().splitlines()] for root in (one, two)
    )
    assert len(expected) == len(found) == 2
    for left, right in zip(expected, found, strict=True):
        assert left.keys() == right.keys()
        for name in left.keys() - {"seconds", "samples_per_s", "stage"}:
            assert right[name] == (left[name] and pytest.approx(left[name], rel=1e-3, abs=1e-5)), name


def test_only_the_first_process_prints_and_writes(trained):
    _, two, output = trained
    assert output.count("epoch 1/2") == len(CASES)
    assert all(len((two / case / "history.jsonl").read_text().splitlines()) == 2 for case in CASES)


def test_a_single_process_gathers_its_own_rows():
    rows = torch.arange(6).view(3, 2)
    assert gathered_rows(rows, Group()) is rows
