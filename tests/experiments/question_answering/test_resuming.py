"""A run that is killed in either stage, between them, or between two epochs ends as if it had never stopped."""

from __future__ import annotations

import pytest
from equal_runs import assert_same_run

from mmlib.experiments.question_answering.experiment import QuestionAnswering
from mmlib.training import StageRunner
from mmlib.training.loop import Trainer

OPTIONS = {"iemf": True, "unimodal_heads": "attached"}


class Stop(BaseException):
    """Stands for a kill."""


@pytest.fixture(scope="module")
def whole(start):
    return start("never-stopped", **OPTIONS)


# 210 seconds make 4 steps an epoch of the first stage, about 60 questions 3 or 4 of the second; two epochs each.
@pytest.mark.parametrize(
    ("moment", "call"),
    [
        ((Trainer, "_step"), 2),
        ((Trainer, "_step"), 6),
        ((Trainer, "_step"), 10),
        ((Trainer, "_step"), 13),
        ((Trainer, "_evaluate"), 2),
        ((QuestionAnswering, "stage"), 2),
        ((StageRunner, "_save"), 3),
        ((StageRunner, "_save"), 4),
    ],
)
def test_ends_as_if_it_had_never_stopped(whole, start, monkeypatch, moment, call):
    (owner, name), calls = moment, 0
    real, folder = getattr(owner, name), f"stopped-{name}-{call}"

    def counted(self, *arguments):
        nonlocal calls
        calls += 1
        if calls == call:
            raise Stop
        return real(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, counted)
        with pytest.raises(Stop):
            start(folder, **OPTIONS)
    assert_same_run(whole, start(folder, **OPTIONS))
