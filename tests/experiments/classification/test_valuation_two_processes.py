"""Two processes value the same samples, make the same lists, and end where one process ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torchrun_scripts import finish, load_script, start_two

WORKER = Path(__file__).parent / "valuation_two_processes.py"
TIMINGS = {"seconds", "samples_per_s", "valuation/seconds"}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    alone, both = tmp_path_factory.mktemp("one"), tmp_path_factory.mktemp("two")
    running = start_two(WORKER, both)
    load_script(WORKER).train_all(alone)
    finish(running)
    return alone, both


def history(folder):
    lines = (folder / "history.jsonl").read_text().splitlines()
    return [{name: value for name, value in json.loads(line).items() if name not in TIMINGS} for line in lines]


@pytest.mark.parametrize("case", ["sample", "modality"])
def test_two_processes_equal_one(folders, case):
    alone, both = (folder / case for folder in folders)
    expected = torch.load(alone / "kept-0.pt", weights_only=True)
    first, second = (torch.load(both / f"kept-{rank}.pt", weights_only=True) for rank in (0, 1))
    for name, value in expected["arrays"].items():
        assert torch.equal(first["arrays"][name], value), name
        assert torch.equal(second["arrays"][name], value), name
    for name, value in expected["weights"].items():
        assert torch.equal(first["weights"][name], second["weights"][name]), f"replicas differ in {name}"
        torch.testing.assert_close(first["weights"][name], value, rtol=2e-4, atol=2e-5)
    one, two = history(alone), history(both)
    assert len(one) == len(two) == 3
    assert len({entry.get("valuation/next_rows") for entry in one}) > 1
    for left, right in zip(one, two, strict=True):
        assert left.keys() == right.keys()
        for name, value in left.items():
            same = value if value is None or isinstance(value, str) else pytest.approx(value, rel=1e-3, abs=1e-5)
            assert right[name] == same, name
