"""What a run costs and on what it ran: device, memory, versions, fingerprint. The same for every experiment."""

from __future__ import annotations

import contextlib
import functools
import platform
import resource
import sys
from pathlib import Path

import numpy as np
import torch

import mmlib
from mmlib.errors import BlockedError
from mmlib.files import content_hash
from mmlib.parameters.base import ExperimentParameters, project_root
from mmlib.record import read_cell_file
from mmlib.workbook.closure import ImportClosure


def pick_device(name: str) -> torch.device:
    """auto, cpu or cuda as a device. Raises `BlockedError` for cuda where torch finds no GPU."""
    if name == "cuda" and not torch.cuda.is_available():
        raise BlockedError(
            "device = 'cuda' was asked for, but torch finds no usable GPU here. Set device = 'auto' or 'cpu', or check "
            "the driver and CUDA_VISIBLE_DEVICES."
        )
    if name == "cpu" or not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", torch.cuda.current_device())


def describe_device(device: torch.device) -> str:
    return f"cuda: {torch.cuda.get_device_name(device)}" if device.type == "cuda" else "cpu"


def peak_memory_mb() -> float:
    """Highest resident memory of this process so far, MiB."""
    with contextlib.suppress(OSError, StopIteration), open("/proc/self/status") as status:
        return round(next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024, 1)
    # Elsewhere what there is: on Linux it would begin with the peak of the process that started this one.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1024**2 if sys.platform == "darwin" else 1024), 1)


def peak_gpu_memory_mb(device: torch.device) -> float | None:
    """Highest memory torch held on the GPU so far, MiB; None on a CPU."""
    return round(torch.cuda.max_memory_allocated(device) / 1024**2, 1) if device.type == "cuda" else None


def versions() -> dict[str, str]:
    return {
        "mmlib": mmlib.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def library_hash(module: str, folder: Path, named: tuple[str, ...]) -> str:
    """Hash of the sources that count for an experiment: the runner's, or our own where a person runs the notebook.

    `named` are the modules its parameters name.
    """
    cell, _ = read_cell_file(folder)
    if cell is not None:
        return cell.hashes.library
    return _source_hash(module, named)


@functools.cache
def _source_hash(module: str, named: tuple[str, ...]) -> str:
    """Read once per process: the code that runs is the code that was imported."""
    return content_hash(ImportClosure([project_root()]).files(module, named))


def fingerprint(
    parameters: ExperimentParameters, module: str, folder: Path, data_hash: str, device: torch.device, processes: int
) -> str:
    """What a checkpoint must agree with to be continued: parameters, sources, data, torch, kind of device."""
    return content_hash(
        {
            "parameters": parameters.identity(),
            "library": library_hash(module, folder, parameters.modules_by_name()),
            "data": data_hash,
            "torch": torch.__version__,
            "device": device.type,
            "processes": processes,
        }
    )
