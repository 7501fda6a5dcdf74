"""Two processes go through both stages as one does: losses, choices, weights, frames of other clips."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torchrun_scripts import finish, load_script, start_two

WORKER = Path(__file__).parent / "two_processes.py"
SCRIPT = load_script(WORKER)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Folders of one run in this process and one under torchrun with two processes."""
    one, two = tmp_path_factory.mktemp("one"), tmp_path_factory.mktemp("two")
    running = start_two(WORKER, two)
    SCRIPT.train_all(one)
    finish(running)
    return one, two


@pytest.mark.parametrize("case", SCRIPT.CASES)
def test_two_processes_end_as_one(trained, case):
    one, two = trained
    expected = torch.load(one / case / "kept-0.pt", weights_only=True)
    first, second = (torch.load(two / case / f"kept-{rank}.pt", weights_only=True) for rank in (0, 1))
    for kind in ("weights", "last"):
        for name, value in expected[kind].items():
            assert torch.equal(first[kind][name], second[kind][name]), f"replicas differ in {name}"
            torch.testing.assert_close(
                first[kind][name], value, rtol=5e-4, atol=5e-5, msg=lambda text, name=name: f"{name}: {text}"
            )


@pytest.mark.parametrize("case", SCRIPT.CASES)
def test_two_processes_log_what_one_logs(trained, case):
    one, two = trained
    expected, found = (
        [json.loads(line) for line in (root / case / "history.jsonl").read_text().splitlines()] for root in (one, two)
    )
    assert len(expected) == len(found)
    for left, right in zip(expected, found, strict=True):
        assert left.keys() == right.keys()
        for name in left.keys() - {"seconds", "samples_per_s", "stage"}:
            assert right[name] == (left[name] and pytest.approx(left[name], rel=2e-3, abs=1e-4)), name
