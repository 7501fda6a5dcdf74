"""What this machine's processor can do, without loading torch."""

from __future__ import annotations

import re
from pathlib import Path

CPU_INFO = Path("/proc/cpuinfo")
BF16_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}  # x86, x86 with matrix tiles, ARM


def computes_bf16(info: Path = CPU_INFO) -> bool:
    """Whether the processor multiplies in bfloat16; others compute it slower than float32. False where unknown."""
    try:
        text = info.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    flags = re.search(r"^(?:flags|Features)\s*:(.*)$", text, re.M)
    return flags is not None and not BF16_FLAGS.isdisjoint(flags[1].split())
