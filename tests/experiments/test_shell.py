"""A run from a shell: exit codes, and one process that speaks."""

from __future__ import annotations

import sys
import warnings
from types import SimpleNamespace

import pytest

from mmlib.errors import BlockedError
from mmlib.experiments import shell


@pytest.fixture
def run(monkeypatch, capsys):
    """Run an experiment that talks, as one of several processes; gives its exit code, what it printed, its errors."""

    def run(rank: int | None, processes: int = 2, fails: bool = False):
        def task(parameters):
            print("epoch 1")
            warnings.warn("odd", stacklevel=1)
            if fails:
                raise BlockedError("there is no GPU")

        parameters = SimpleNamespace(output_folder=lambda: "FOLDER")
        experiment = SimpleNamespace(Parameters=SimpleNamespace(resolve=lambda values: parameters), run=task)
        monkeypatch.setitem(sys.modules, "talking", experiment)
        if rank is not None:
            monkeypatch.setenv("RANK", str(rank))
            monkeypatch.setenv("WORLD_SIZE", str(processes))
        code = shell.main("talking", [])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.mark.parametrize("rank", [None, 0])
def test_one_process_and_the_first_of_several_speak(run, rank):
    with pytest.warns(UserWarning, match="odd"):
        assert run(rank)[:2] == (0, "epoch 1\nresult: FOLDER\n")


def test_the_others_are_silent(run, recwarn):
    assert run(1) == (0, "", "")
    assert not recwarn
    with pytest.warns(UserWarning, match="odd"):
        assert run(1, processes=1)[1], "a rank alone makes nobody one of several"


def test_an_error_of_all_is_said_by_the_first_and_one_of_another_alone_later(run, monkeypatch, recwarn):
    waited = []
    monkeypatch.setattr(shell.time, "sleep", waited.append)
    assert run(0, fails=True)[::2] == (BlockedError.exit_code, "mmlib: there is no GPU\n")
    assert not waited
    assert run(1, fails=True) == (BlockedError.exit_code, "", "mmlib: process 1: there is no GPU\n")
    assert waited == [shell.WAIT_SECONDS]
