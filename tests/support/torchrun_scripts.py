"""Scripts that train the same alone and under torchrun: loaded as modules, and run by two processes."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType


def load_script(path: Path) -> ModuleType:
    """A script beside a test, as a module; names of scripts may be equal in several folders."""
    spec = importlib.util.spec_from_file_location(f"{path.parent.name}_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def start_two(script: Path, folder: Path) -> subprocess.Popen:
    """`script folder` by two processes with a thread each, under torchrun; `finish` waits for them."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    return subprocess.Popen(
        [*command, str(script), str(folder)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def finish(running: subprocess.Popen) -> str:
    """What they printed; asserts that they came to their end."""
    output, _ = running.communicate(timeout=300)
    assert running.returncode == 0, output[-3000:]
    return output
