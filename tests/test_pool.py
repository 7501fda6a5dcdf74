"""Work shared among processes: in order, and to a clean end whoever is killed or fails."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from mmlib.errors import MMLibError
from mmlib.pool import Processes, in_processes


def square(number: int) -> tuple[int, int]:
    if number < 0:
        raise ValueError(f"{number} is negative")
    return number**2, os.getpid()


def mark(task: tuple) -> None:
    folder, number = task
    (folder / str(number)).touch()
    time.sleep(0.1)


@pytest.mark.parametrize(("tasks", "workers"), [(2, 4), (9, 1), (0, 3)])
def test_little_work_is_done_here(tasks, workers):
    assert list(in_processes(square, range(tasks), workers)) == [(number**2, os.getpid()) for number in range(tasks)]


def test_much_work_is_done_by_others_and_comes_back_in_order():
    found = list(in_processes(square, range(20), 2))
    assert [number for number, _ in found] == [number**2 for number in range(20)]
    makers = {process for _, process in found}
    assert os.getpid() not in makers
    assert len(makers) <= 2


def test_work_of_several_kinds_waits_in_one_line():
    with Processes(2) as processes:
        squares, few = processes.map(square, range(8)), processes.map(square, [7])
        lengths = processes.map(len, ["a", "bc", "def", ""])
        assert list(lengths) == [1, 2, 3, 0]
        assert [number for number, _ in squares] == [number**2 for number in range(8)]
        assert list(few) == [(49, os.getpid())]


def test_an_error_of_the_caller_ends_what_is_not_begun(tmp_path):
    def ask() -> None:
        with Processes(2) as processes:
            processes.map(mark, [(tmp_path, number) for number in range(50)])
            raise KeyError

    with pytest.raises(KeyError):
        ask()
    for _ in range(100):  # what runs is finished
        before = len(list(tmp_path.iterdir()))
        time.sleep(0.3)
        if len(list(tmp_path.iterdir())) == before:
            break
    assert before < 50


def test_the_first_error_ends_it():
    with pytest.raises(ValueError, match="-3 is negative"):
        list(in_processes(square, [1, 2, -3, 4, 5], 2))


def kill_itself(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_a_worker_that_is_killed_is_a_message():
    with pytest.raises(MMLibError, match="was killed, perhaps because memory ran out"):
        list(in_processes(kill_itself, range(8), 2))


def test_work_handed_in_after_a_worker_was_killed_is_the_same_message():
    with pytest.raises(MMLibError, match="was killed, perhaps"), Processes(2) as processes:
        hand_in_until_it_breaks(processes)


def test_an_error_and_a_worker_killed_after_it_end_the_caller():
    """Futures cancelled one by one kept Python 3.11's executor from ending its other workers; the caller waited."""
    code = (
        "import os, signal, time\n"
        "from mmlib.pool import in_processes\n"
        "def work(number):\n"
        "    if number == 5: raise ValueError('first')\n"
        "    time.sleep(0.3)\n"
        "    if number == 6: os.kill(os.getpid(), signal.SIGKILL)\n"
        "list(in_processes(work, range(500), 2))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert "ValueError: first" in done.stderr
    assert "InvalidStateError" not in done.stderr


def test_no_more_processes_than_tasks():
    results = in_processes(square, range(4), 24)
    assert next(results)[0] == 0
    assert len(multiprocessing.active_children()) == 4
    assert len(list(results)) == 3
    assert not multiprocessing.active_children()


def hand_in_until_it_breaks(processes: Processes) -> None:
    for _ in range(200):
        processes.map(kill_itself, range(8))
        time.sleep(0.05)


@pytest.fixture
def caller(tmp_path):
    """A process that takes SIGTERM for an interruption, as the command line does, and the ids of its two workers, which
    are busy for some seconds.
    """
    code = (
        "import os, signal, sys, time\n"
        "from mmlib.pool import in_processes\n"
        "def interrupted(*_): raise KeyboardInterrupt\n"
        "def work(number):\n"
        f"    open({str(tmp_path)!r} + f'/{{os.getpid()}}', 'w').close(); time.sleep(4)\n"
        f"    open({str(tmp_path)!r} + f'/{{os.getpid()}} done', 'w').close()\n"
        "signal.signal(signal.SIGTERM, interrupted)\n"
        "list(in_processes(work, range(6), 2))\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE) as started:
        while len(list(tmp_path.iterdir())) < 2:
            assert started.poll() is None
            time.sleep(0.05)
        yield started, [int(path.name) for path in tmp_path.iterdir() if path.name.isdigit()]
        started.kill()


def test_workers_die_when_told_to(caller):
    started, workers = caller
    for worker in workers:
        os.kill(worker, signal.SIGTERM)
    assert started.wait(30) != 0
    assert b"was killed" in started.stderr.read()


def test_workers_whose_caller_is_killed_finish_what_they_do_and_no_more(caller, tmp_path):
    started, workers = caller
    processes = [psutil.Process(worker) for worker in workers]
    started.kill()
    _, left = psutil.wait_procs(processes, 20)
    assert left == []
    assert {path.name for path in tmp_path.glob("* done")} == {f"{worker} done" for worker in workers}
