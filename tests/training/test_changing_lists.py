"""Lists that change and several loaders: two processes equal one, and a stopped run goes on with the same lists."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torchrun_scripts import finish, load_script, start_two

from mmlib.training.loop import Trainer

WORKER = Path(__file__).parent / "changing_lists.py"
TIMINGS = {"seconds", "samples_per_s"}


SCRIPT = load_script(WORKER)


def history(folder):
    lines = (folder / "run" / "history.jsonl").read_text().splitlines()
    return [{name: value for name, value in json.loads(line).items() if name not in TIMINGS} for line in lines]


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    folder = tmp_path_factory.mktemp("one")
    SCRIPT.train(folder)
    return folder


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    folder = tmp_path_factory.mktemp("two")
    finish(start_two(WORKER, folder))
    return folder


def test_two_processes_end_with_the_weights_of_one(alone, both):
    expected = torch.load(alone / "weights-0.pt", weights_only=True)
    first, second = (torch.load(both / f"weights-{rank}.pt", weights_only=True) for rank in (0, 1))
    for name, value in expected.items():
        assert torch.equal(first[name], second[name]), f"replicas differ in {name}"
        torch.testing.assert_close(first[name], value, rtol=2e-4, atol=2e-5)


def test_two_processes_log_what_one_logs(alone, both):
    expected, found = history(alone), history(both)
    assert len(expected) == len(found) == 5
    for left, right in zip(expected, found, strict=True):
        assert left.keys() == right.keys()
        for name, value in left.items():
            same = value if value is None or isinstance(value, str) else pytest.approx(value, rel=1e-3, abs=1e-5)
            assert right[name] == same, name


def test_the_lists_did_change(alone):
    state = torch.load(alone / "run" / "checkpoint.pt", weights_only=True)
    steps = np.bincount(state["trace"]["epoch"].numpy())
    assert len(set(steps[:3].tolist())) == 3, f"{steps}: the list grows with every epoch of the first stage"
    assert steps[3] == steps[4] == steps[0]


class Stop(Exception):
    pass


@pytest.mark.parametrize("epoch", [1, 2, 4])
def test_a_stopped_run_goes_on_with_the_same_lists(alone, tmp_path, monkeypatch, epoch):
    worker, real = SCRIPT, Trainer._evaluate

    def evaluate(trainer):
        if len(trainer.log.history.entries) == epoch:
            raise Stop
        return real(trainer)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_evaluate", evaluate)
        with pytest.raises(Stop):
            worker.train(tmp_path)
    torch.manual_seed(99)
    worker.train(tmp_path)
    assert history(tmp_path) == history(alone)
    expected = torch.load(alone / "weights-0.pt", weights_only=True)
    for name, value in torch.load(tmp_path / "weights-0.pt", weights_only=True).items():
        assert torch.equal(value, expected[name]), name
