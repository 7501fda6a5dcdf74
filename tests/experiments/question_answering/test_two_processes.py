"""Two processes go through both stages as one does: losses, choices, weights, frames of other clips."""

from __future__ import annotations

from pathlib import Path

import pytest
from torchrun_scripts import check_histories, check_weights, kept_by, load_script, trained_both_ways

WORKER = Path(__file__).parent / "two_processes.py"
CASES = load_script(WORKER).CASES


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return trained_both_ways(WORKER, tmp_path_factory)


@pytest.mark.parametrize("case", CASES)
def test_two_processes_end_as_one(trained, case):
    expected, first, second = kept_by(*trained, case)
    check_weights(expected, first, second)


@pytest.mark.parametrize("case", CASES)
def test_two_processes_log_what_one_logs(trained, case):
    assert check_histories(*trained, case) == {"avst": 3, "question": 2}[case]
