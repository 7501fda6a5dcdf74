"""From data sets to the loaders of a run, written once for all experiments."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import torch

from mmlib.data.dataset import MultimodalDataset
from mmlib.data.loader import BatchLoader
from mmlib.data.slots import inherited
from mmlib.experiments.settings import RecipeSettings
from mmlib.training import Group


def build_loaders(
    parameters: RecipeSettings,
    data: Mapping[str, MultimodalDataset],
    device: torch.device,
    group: Group,
    *,
    evaluation_size: int = 128,
    shuffle: bool = True,
    drop_last: bool = False,
) -> dict[str, BatchLoader]:
    """A loader per split; only `train` may be shuffled or lose its last batch.

    `evaluation_size`: samples evaluated at a time, over all processes together.
    """
    loaders = {}
    for split, rows in data.items():
        train = split == "train"
        loaders[split] = BatchLoader(
            rows,
            batch_size=parameters.batch_size if train else evaluation_size,
            shuffle=train and shuffle,
            training=train,
            seed=parameters.seed,
            drop_last=train and drop_last,
            workers=loader_workers(parameters, device, group),
            rank=group.rank,
            world_size=group.size,
            pin_memory=device.type == "cuda",
            deferred=computed_on_device(parameters),
        )
    return loaders


MOST_WORKERS = 8
SHARED_MEMORY = Path("/dev/shm")  # through which batches come without slots; a container may have 64 MB of it
ROOM = 1 << 30  # bytes


def loader_workers(parameters: RecipeSettings, device: torch.device, group: Group) -> int:
    """Processes that load data, of each split: as the recipe says, or by the device.

    A CPU that trains has no core to spare. Beside a GPU each training process takes its share of the cores, less its
    own: none where there is a single one, or no way to hand their batches over.
    """
    if parameters.loader_workers is not None:
        return parameters.loader_workers
    if device.type != "cuda" or not (inherited() or _roomy(SHARED_MEMORY)):
        return 0
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(0, min(MOST_WORKERS, cores // group.size - 1))


def _roomy(folder: Path) -> bool:
    """Whether batches fit into this folder in memory, or none limits them."""
    return not folder.is_dir() or shutil.disk_usage(folder).free >= ROOM


def computed_on_device(parameters: RecipeSettings) -> bool:
    """Whether pictures and sound travel as they are stored (`resize = "device"`)."""
    return getattr(parameters, "resize", "exact") == "device"
