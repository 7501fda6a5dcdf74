"""What a trained network gives for a whole split, gathered once for every measure of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mmlib.data.batch import Batch
from mmlib.training import Group
from mmlib.training.distributed import gathered_rows

HISTOGRAM_BINS = 50


@torch.no_grad()
def collect_outputs(
    model: nn.Module, loader: Iterable[Batch], group: Group, named: Callable[[Any], dict[str, Tensor]]
) -> dict[str, np.ndarray]:
    """Outputs for every sample of a split, once and in the split's order: name -> (N, ...).

    `named` gives the tensors (B, ...) wanted of an output, by name; `targets` and `index` come with them.
    """
    device = next(model.parameters()).device
    parts: dict[str, list[Tensor]] = defaultdict(list)
    for batch in loader:
        if not len(batch):  # this process's share of a last batch smaller than the number of processes
            continue
        batch = batch.to(device, non_blocking=True)
        keep = getattr(batch, "keep", None)
        output = model(batch.inputs, keep=keep) if keep else model(batch.inputs)
        for name, values in named(output).items():
            parts[name].append(values.float())
        parts["targets"].append(batch.targets)
        parts["index"].append(batch.index)
    rows = {name: gathered_rows(torch.cat(pieces), group).cpu().numpy() for name, pieces in parts.items()}
    order = np.argsort(rows["index"], kind="stable")
    return {name: values[order] for name, values in rows.items()}


def zeta_statistics(zeta: np.ndarray) -> dict[str, np.ndarray]:
    """Of ζ (N, ..., C): mean and biased variance over all but channels (C,), counts (50,) in equal bins of [0, 1]."""
    rows = zeta.reshape(-1, zeta.shape[-1])
    return {
        "zeta_mean": rows.mean(axis=0),
        "zeta_variance": rows.var(axis=0),
        "zeta_histogram": np.histogram(rows, bins=HISTOGRAM_BINS, range=(0.0, 1.0))[0],
    }
