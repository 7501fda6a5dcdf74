"""Stages: one record, history and progress over all of them, and a killed run that ends as if it had never stopped."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import toy_stages
from safetensors.torch import load_file

from mmlib.errors import UsageError
from mmlib.record import read_result
from mmlib.training import OnePass, Stage, StagePlan, StageRunner, TrainingSettings
from mmlib.training.loop import Trainer

SUPPORT = Path(toy_stages.__file__).parent
COSTS = {"wall_s", "peak_memory_mb", "notes", "parameters", "files"}  # `parameters` hold the folder, `files` times
TIMINGS = {"seconds", "samples_per_s"}


class Stop(BaseException):
    """Stands for a kill: nothing of ours runs after it."""


def left_by(folder):
    """Everything a run leaves, without what it cost."""
    result, problem = read_result(folder)
    assert problem is None
    for stage in result.stages:
        stage.wall_s = None
    history = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    with np.load(folder / "arrays.npz") as stored:
        arrays = dict(stored)
    return {
        "result": {name: value for name, value in result.model_dump().items() if name not in COSTS},
        "history": [{name: value for name, value in line.items() if name not in TIMINGS} for line in history],
        "arrays": {name: values.tobytes() for name, values in arrays.items()},
        "weights": {name: value.numpy().tobytes() for name, value in load_file(folder / "model.safetensors").items()},
    }


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    toy_stages.run(folder)
    return folder


def test_one_record_and_one_history_over_both_stages(whole):
    found = left_by(whole)
    result, history = found["result"], found["history"]
    assert [(line["epoch"], line["stage"]) for line in history] == [
        *((epoch, "old") for epoch in range(3)),
        *((epoch, "new") for epoch in range(3, 7)),
    ]
    old, new = result["stages"]
    assert (old["name"], old["first_epoch"], old["epochs"]) == ("old", 0, 3)
    assert (new["name"], new["first_epoch"], new["epochs"]) == ("new", 3, 4)
    assert old["parameter_count"] + 2 * 17 == new["parameter_count"] == result["parameter_count"]
    assert (old["splits"], new["splits"]) == ({"train": 45}, {"train": 42})
    assert set(old["selection"]) == {"paper", "clean", "last"}
    assert set(new["selection"]) == {"clean", "last"}, "the second stage has its own protocols"
    assert new["selection"]["last"]["epoch"] == 6, "epochs count through the run"
    assert new["metrics"]["clean/top1"] == result["metrics"]["clean/top1"]
    forgotten = old["metrics"]["clean/top1"] - new["metrics"]["clean/top1"]
    assert result["metrics"]["clean/forgetting"] == pytest.approx(forgotten)
    assert result["epochs_run"] == 7


def test_every_loss_is_traced_by_name_where_there_are_several(whole):
    with np.load(whole / "arrays.npz") as arrays:
        new = arrays["epoch"] >= 3
        total = arrays["loss_cross_entropy"] + arrays["loss_distillation"]
        np.testing.assert_allclose(total[new], arrays["loss"][new], rtol=1e-6)
        for name in ("loss_distillation", "confidence"):
            assert np.isnan(arrays[name][~new]).all(), "a stage without it has none"
            assert np.isfinite(arrays[name][new]).all()
        np.testing.assert_array_equal(arrays["step"], np.arange(len(new)))
        assert (~new).sum() == 3 * 6  # 45 points in batches of 8
        assert new.sum() == 4 * 6


def test_progress_counts_over_all_stages(tmp_path, monkeypatch):
    monkeypatch.setattr("mmlib.training.history.PROGRESS_SECONDS", 0.0)
    written = []
    monkeypatch.setattr("mmlib.training.history.write_json", lambda path, value, **_: written.append(value))
    toy_stages.run(tmp_path)
    assert all(entry["stages"] == ["old", "new"] and entry["epochs"] == 7 for entry in written)
    done = [entry["epoch"] + (entry["step"] / entry["steps"] if entry["steps"] else 0) for entry in written]
    assert done == sorted(done)
    assert {entry["stage"] for entry in written if entry["epoch"] < 3} == {"old"}
    assert {entry["stage"] for entry in written if entry["epoch"] >= 4} == {"new"}
    assert written[-1]["eta_s"] == 0.0


MOMENTS = {
    "step": (Trainer, "_step"),
    "evaluation": (Trainer, "_evaluate"),
    "saving": (StageRunner, "_save"),
    "building": (toy_stages.TwoStages, "stage"),
}


@pytest.mark.parametrize("number", range(10))
def test_stopped_at_a_random_moment_it_ends_as_if_it_had_not(whole, tmp_path, monkeypatch, number):
    """Ten runs, each stopped several times, before or after what a randomly chosen call does, in both stages."""
    draw = random.Random(number)
    folder = tmp_path / "run"
    for _ in range(3):
        left = draw.randrange(1, 120)

        def counted(real, after):
            def call(*arguments, **named):
                nonlocal left
                left -= 1
                if left == 0 and not after:
                    raise Stop
                found = real(*arguments, **named)
                if left == 0:
                    raise Stop
                return found

            return call

        with monkeypatch.context() as patch:
            for owner, name in MOMENTS.values():
                patch.setattr(owner, name, counted(getattr(owner, name), draw.random() < 0.5))
            try:
                toy_stages.run(folder)
            except Stop:
                torch.manual_seed(draw.randrange(1000))  # a new process would not have the old one's random state
    toy_stages.run(folder)
    assert left_by(folder) == left_by(whole)


@pytest.mark.parametrize("calls", [1, 2], ids=["before the second stage is built", "while it is built"])
def test_stopped_between_two_stages(whole, tmp_path, monkeypatch, calls):
    real = toy_stages.TwoStages.second

    def second(*arguments):
        if calls == 2:
            torch.rand(3)
            real(*arguments)
        raise Stop

    with monkeypatch.context() as patch:
        patch.setattr(toy_stages.TwoStages, "second", second)
        with pytest.raises(Stop):
            toy_stages.run(tmp_path)
    toy_stages.run(tmp_path)
    assert left_by(tmp_path) == left_by(whole)


@pytest.mark.slow
def test_killed_at_random_moments_it_ends_as_if_it_had_not(whole, tmp_path):
    """kill -9 of the process, at moments spread over the run's own duration."""
    rounds = int(os.environ.get("MMLIB_FAULT_ROUNDS", 2))
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join([str(SUPPORT), *sys.path])}
    draw = random.Random(0)
    for number in range(rounds):
        folder = tmp_path / str(number)
        command = [sys.executable, str(SUPPORT / "toy_stages.py"), str(folder)]
        epochs = draw.randrange(1, 7)  # killed when so many epochs are written down, and a moment later
        running = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
        history = folder / "history.jsonl"
        while running.poll() is None:
            if history.exists() and history.read_text().count("\n") >= epochs:
                time.sleep(draw.random() * 0.02)
                running.send_signal(signal.SIGKILL)
                running.wait()
            time.sleep(0.001)
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert left_by(folder) == left_by(whole)


def test_names_of_stages_differ():
    with pytest.raises(ValueError, match="different names"):
        StageRunner([StagePlan("a", 1, None), StagePlan("a", 1, None)], TrainingSettings())


def test_a_stage_has_one_way_to_step():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    with pytest.raises(ValueError, match="either an optimizer or a step"):
        Stage(torch.nn.Identity(), None, {}, optimizer=optimizer, step=OnePass(optimizer))


def test_weights_that_no_epoch_gives_are_refused_before_training(tmp_path, monkeypatch):
    real = toy_stages.TwoStages.setup_of

    def setup_of(self, *arguments, **named):
        setup = real(self, *arguments, **named)
        setup.loaders.pop("validation")
        return setup

    monkeypatch.setattr(toy_stages.TwoStages, "setup_of", setup_of)
    with pytest.raises(UsageError, match="stage 'old' is to keep the weights of protocol 'clean'.*paper, last"):
        toy_stages.run(tmp_path)
    assert (tmp_path / "history.jsonl").read_text() == ""


def test_what_a_checkpoint_cannot_give_back_is_not_handed_over(tmp_path, monkeypatch):
    real = toy_stages.TwoStages.first

    def first(self, parameters):
        setup = real(self, parameters)
        setup.hand_over = lambda outcome: {"kept": {"rows": np.arange(3)}}
        return setup

    monkeypatch.setattr(toy_stages.TwoStages, "first", first)
    with pytest.raises(UsageError, match="stage 'old' hands over, kept, rows: a ndarray cannot be read back"):
        toy_stages.run(tmp_path)


def test_a_run_is_what_its_least_genuine_stage_is(tmp_path, monkeypatch):
    real = toy_stages.TwoStages.first

    def first(self, parameters):
        setup = real(self, parameters)
        setup.facts.origin = "stand-in"
        setup.notes = ["trained on a rehearsal first"]
        return setup

    monkeypatch.setattr(toy_stages.TwoStages, "first", first)
    result = toy_stages.run(tmp_path)
    assert result.data_origin == "stand-in"
    assert "trained on a rehearsal first" in result.notes
