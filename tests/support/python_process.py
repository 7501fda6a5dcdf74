"""Python code in a process of its own, whose memory nothing else has grown."""

from __future__ import annotations

import subprocess
import sys


def python(code: str, *arguments: object) -> list[str]:
    """The lines that `code` prints when it is run with these arguments; asserts that it came to its end."""
    done = subprocess.run([sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().splitlines()
