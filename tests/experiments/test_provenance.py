"""What a record says of where its numbers come from."""

from __future__ import annotations

import sys

import pytest
from python_process import python

CHILD = "from mmlib.experiments.provenance import peak_memory_mb; print(peak_memory_mb())"
PARENT = f"""
import subprocess, sys
held = bytearray(b"1") * (1536 << 20)
subprocess.run([sys.executable, "-c", {CHILD!r}], check=True)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere no process begins with another's peak")
def test_peak_memory_is_of_this_process_alone():
    """Linux hands the peak of whoever started a process on to it, and `getrusage` reports that one."""
    (peak,) = map(float, python(PARENT))
    assert 50 < peak < 1400
