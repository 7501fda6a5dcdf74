"""A run that is killed at any moment, inside a step or between two, ends as if it had never stopped."""

from __future__ import annotations

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
from equal_runs import assert_same_run

from mmlib.experiments import continual
from mmlib.experiments.continual import Parameters
from mmlib.experiments.continual.experiment import Continual
from mmlib.experiments.continual.step import StepOfRun
from mmlib.experiments.finished import FinishedRun
from mmlib.record import read_result
from mmlib.training import StageRunner
from mmlib.training.loop import Trainer

# Everything a step can have: a teacher, random exemplars beside the new clips, kept attention, unimodal heads in a
# window and noise; exemplars drawn anew in every epoch and nearest means; proxies placed by K-means.
METHODS = {
    "av_cil": {"method": "av_cil", "iemf": True, "iemf_start": 1, "optimizer": "sgd", "clip_norm": 10.0},
    "rate": {
        "method": "lwf",
        "iemf": True,
        "iemf_apply_to": "learning_rate",
        "iemf_end": 1,
        "iemf_keep_rate": True,
    },
    "icarl_nme": {"method": "icarl_nme"},
    "icarl_fc": {"method": "icarl_fc"},
    "afc_lsc": {"method": "afc_lsc"},
}
MOMENTS = (
    (Trainer, "_step"),
    (Trainer, "_evaluate"),
    (StageRunner, "_save"),
    (Continual, "stage"),
    (StepOfRun, "networks"),
    (StepOfRun, "hand_over"),
)


class Stop(BaseException):
    """Stands for a kill: nothing of ours runs after it."""


@pytest.fixture(scope="module")
def whole(start):
    return {name: start(f"whole-{name}", **changes) for name, changes in METHODS.items()}


@pytest.mark.parametrize("number", range(3))
@pytest.mark.parametrize("name", METHODS)
def test_stopped_at_random_moments(whole, given, tmp_path, monkeypatch, name, number):
    """Each run is stopped several times, before or after what a randomly chosen call does."""
    draw = random.Random(f"{name}{number}")
    parameters = Parameters.resolve(given(**METHODS[name], output=str(tmp_path / "run")))
    for _ in range(3):
        left = draw.randrange(1, 70)

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
            for owner, moment in MOMENTS:
                patch.setattr(owner, moment, counted(getattr(owner, moment), draw.random() < 0.5))
            try:
                continual.run(parameters)
            except Stop:
                torch.manual_seed(draw.randrange(1000))  # a new process would not have the old one's random state
    assert_same_run(continual.run(parameters), whole[name])


def killed(parameters, epochs, wait):
    """A process of its own runs until so many epochs are written down and a moment longer, and dies of SIGKILL."""
    child = os.fork()
    if child == 0:
        try:
            torch.manual_seed(os.getpid())  # a new process would not have this one's random state
            continual.run(parameters)
        finally:
            os._exit(0)
    history = Path(parameters.output) / "history.jsonl"
    while not history.exists() or history.read_bytes().count(b"\n") < epochs:
        assert os.waitpid(child, os.WNOHANG) == (0, 0), "it ended before its kill"
        time.sleep(0.001)
    time.sleep(wait)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL, "it ended before its kill"


@pytest.mark.parametrize("name", ["av_cil", "icarl_nme"])
def test_killed_three_times(whole, given, tmp_path, name):
    """kill -9 in each of three steps: the run ends with the matrix, all other arrays and the weights of the whole one.

    A moment is a random part of an epoch after one that is written down: in training, in evaluation, or while a
    checkpoint is written.
    """
    draw = random.Random(name)
    parameters = Parameters.resolve(given(**METHODS[name], output=str(tmp_path / "run")))
    seconds = float(np.mean([entry["seconds"] for entry in whole[name].history]))
    for first in (0, 3, 5):  # of 9 epochs
        killed(parameters, first + draw.randrange(1, 3), draw.random() * seconds)
    assert_same_run(continual.run(parameters), whole[name])


@pytest.mark.slow
def test_killed_at_random_moments(whole, given, tmp_path):
    """kill -9 of the process, at moments spread over the run's own duration."""
    rounds = int(os.environ.get("MMLIB_FAULT_ROUNDS", 2))
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    draw = random.Random(0)
    for number in range(rounds):
        name = list(METHODS)[number % len(METHODS)]
        folder = tmp_path / str(number)
        parameters = given(**METHODS[name], output=str(folder))
        settings = [
            f"{key}={str(value).lower() if isinstance(value, bool) else value}" for key, value in parameters.items()
        ]
        command = [sys.executable, "-m", "mmlib.experiments.continual", *settings]
        epochs = draw.randrange(1, 9)  # killed when so many epochs are written down, and a moment later
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
        result, problem = read_result(folder)
        assert problem is None
        assert_same_run(FinishedRun.at(folder, result), whole[name])
