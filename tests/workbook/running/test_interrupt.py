"""Signals are noted, acted on at the next check, and handed back afterwards."""

import signal
import threading

import pytest

from mmlib.workbook.running.interrupt import Interrupt


@pytest.fixture(autouse=True)
def terminal():
    """Signals as a terminal leaves them: a shell ignores SIGINT in what it runs in the background."""
    before = {number: signal.signal(number, signal.default_int_handler) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_waits_for_the_check(number):
    before = signal.getsignal(number)
    reached = False
    with pytest.raises(KeyboardInterrupt), Interrupt() as interrupt:  # noqa: PT012
        signal.raise_signal(number)
        reached = True
        interrupt.check()
    assert reached
    assert signal.getsignal(number) is before


def test_the_end_of_the_block_is_a_check():
    with pytest.raises(KeyboardInterrupt), Interrupt():
        signal.raise_signal(signal.SIGINT)


def test_a_second_signal_does_not_wait():
    reached = []
    with pytest.raises(KeyboardInterrupt), Interrupt():  # noqa: PT012
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        reached.append("after")
    assert not reached


def test_an_error_inside_is_not_replaced():
    with pytest.raises(ValueError, match="inside"), Interrupt():  # noqa: PT012
        signal.raise_signal(signal.SIGINT)
        raise ValueError("inside")


def test_ignored_signals_stay_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Interrupt() as interrupt:
            signal.raise_signal(signal.SIGINT)
            assert not interrupt.requested
    finally:
        signal.signal(signal.SIGINT, before)


def test_other_threads_change_nothing():
    found = []

    def enter():
        with Interrupt():
            found.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert found == [signal.getsignal(signal.SIGINT)]
