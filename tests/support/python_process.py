"""Python code in a process of its own, whose memory nothing else has grown."""

from __future__ import annotations

import subprocess
import sys

PEAK = """
def peak_gib():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 2**20
"""
"""`getrusage` would do, but for what a process has from the one that started it: that one's peak, through exec."""


def python(code: str, *arguments: object) -> list[str]:
    """The lines that `code` prints when it is run with these arguments; asserts that it came to its end.

    It may ask for `peak_gib()`: the most memory that this process had resident so far.
    """
    done = subprocess.run([sys.executable, "-c", PEAK + code, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().splitlines()
