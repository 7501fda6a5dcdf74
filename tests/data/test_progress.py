"""Progress lines: rate and time left; quiet when it is over at once; an interrupted run's rate is its own."""

import io

import pytest

from mmlib.data.progress import Progress, duration


def test_line():
    progress = Progress("visual features", 4143, "clips", done=1000)
    progress.done = 2000
    assert progress.line(10.0) == "visual features: 2,000 of 4,143 clips, 100 clips/s, 21 s left"
    progress.done = 4143
    assert progress.line(20.0) == "visual features: 4,143 of 4,143 clips, 157 clips/s"


def test_the_first_report_does_not_foretell():
    stream = io.StringIO()
    progress = Progress("x", 300, "rows", every=0.0, stream=stream)
    progress.advance(1)
    progress.advance(1)
    first, second = stream.getvalue().splitlines()
    assert "left" not in first
    assert second.endswith(" left")


def test_a_slow_rate_keeps_a_decimal():
    progress = Progress("x", 10, "rows")
    progress.done = 1
    assert progress.line(2.0) == "x: 1 of 10 rows, 0.5 rows/s, 18 s left"
    assert progress.line(60.0) == "x: 1 of 10 rows, 9 min 0 s left"  # none that would read 0.0


def test_reports_are_spaced_and_the_last_is_printed():
    stream = io.StringIO()
    progress = Progress("x", 3, "rows", every=0.0, stream=stream)
    for _ in range(3):
        progress.advance(1)
    assert [line.split(",")[0] for line in stream.getvalue().splitlines()] == [f"x: {n} of 3 rows" for n in (1, 2, 3)]
    quiet = io.StringIO()
    progress = Progress("x", 3, "rows", every=60.0, stream=quiet)
    progress.advance(3)
    assert quiet.getvalue() == ""


def test_one_line_on_a_terminal():
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    stream = Terminal()
    progress = Progress("x", 2, "rows", every=0.0, stream=stream)
    progress.advance(1)
    progress.advance(1)
    assert stream.getvalue().count("\n") == 1
    assert stream.getvalue().count("\r") == 2


@pytest.mark.parametrize(("seconds", "text"), [(4.4, "4 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")])
def test_duration(seconds, text):
    assert duration(seconds) == text
