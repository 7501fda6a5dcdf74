"""From data sets to the loaders of a run, written once for all experiments."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from mmlib.data.dataset import MultimodalDataset
from mmlib.data.loader import BatchLoader
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
            workers=parameters.loader_workers,
            rank=group.rank,
            world_size=group.size,
            pin_memory=device.type == "cuda",
        )
    return loaders
