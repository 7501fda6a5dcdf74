"""Random state: seeds, deterministic algorithms, and the states a checkpoint must carry.

Level of the promise: with `deterministic`, two runs on the same machine with the same number of threads are identical
bit for bit; across machines they agree statistically. On CUDA an operation without a deterministic kernel gives
torch's warning instead of an error.
"""

from __future__ import annotations

import contextlib
import os
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch


def seed_everything(seed: int) -> None:
    """Seed Python, numpy and torch (all devices)."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


@contextlib.contextmanager
def deterministic_algorithms(enabled: bool) -> Iterator[None]:
    """Ask torch for deterministic kernels inside the block, and put its switches back afterwards."""
    before = torch.get_deterministic_debug_mode()
    benchmark, fill = torch.backends.cudnn.benchmark, torch.utils.deterministic.fill_uninitialized_memory
    if enabled:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when cuBLAS first starts
        torch.set_deterministic_debug_mode("warn")  # use_deterministic_algorithms would import the compiler: seconds
        torch.utils.deterministic.fill_uninitialized_memory = False  # a debugging aid that costs time
    torch.backends.cudnn.benchmark = not enabled
    try:
        yield
    finally:
        torch.set_deterministic_debug_mode(before)
        torch.backends.cudnn.benchmark, torch.utils.deterministic.fill_uninitialized_memory = benchmark, fill


def random_state() -> dict[str, Any]:
    """States of all generators, as tensors and plain numbers only."""
    name, keys, position, has_gauss, cached = np.random.get_state()
    version, words, gauss = random.getstate()
    return {
        "python": [version, torch.tensor(words, dtype=torch.int64), gauss],  # 625 numbers one by one are slow to pickle
        "numpy": [name, torch.from_numpy(keys.astype(np.int64)), position, has_gauss, cached],
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def set_random_state(state: dict[str, Any]) -> None:
    """Restore what `random_state` returned."""
    version, words, gauss = state["python"]
    random.setstate((version, tuple(words.tolist()), gauss))
    name, keys, *rest = state["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), *rest))
    torch.set_rng_state(state["torch"])
    if torch.cuda.is_available() and len(state["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(state["cuda"])
