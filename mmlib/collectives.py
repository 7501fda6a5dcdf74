"""Sums and variances over all processes of a distributed run; in a single process, over that process alone.

A score, a variance or a running maximum that each process computes from its own part of the batch makes the replicas
of a model drift apart. What the methods here measure on a batch is therefore combined over the processes first, so
that two processes see what one process would see on the whole batch.
"""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor


def world_size() -> int:
    """Processes that train together: 1 unless `torch.distributed` has been initialised."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def all_reduce_sum(values: Tensor) -> Tensor:
    """The sum of `values` over all processes, on every process; the argument is left alone. No gradient."""
    values = values.detach()
    if world_size() > 1:
        values = values.clone()
        dist.all_reduce(values)
    return values


def all_rows(rows: Tensor) -> tuple[Tensor, int]:
    """Rows (N_rank, ...) of all processes, one after another, and where this process's begin. No gradient.

    Processes may hold different numbers of rows; with several, this waits for the device.
    """
    if world_size() == 1:
        return rows, 0
    counts = [torch.zeros(1, dtype=torch.long, device=rows.device) for _ in range(world_size())]
    dist.all_gather(counts, torch.tensor([len(rows)], device=rows.device))
    sizes = [int(count) for count in counts]
    padded = rows.new_zeros(max(sizes), *rows.shape[1:])
    padded[: len(rows)] = rows
    parts = [torch.empty_like(padded) for _ in sizes]
    dist.all_gather(parts, padded)
    found = torch.cat([part[:size] for part, size in zip(parts, sizes, strict=True)])
    return found, sum(sizes[: dist.get_rank()])


def batch_variance(rows: Tensor) -> Tensor:
    """Biased variance of each column over the rows of all processes.

    Each process contributes its count, mean and sum of squared deviations; these are merged exactly (Chan et al. 1979),
    which is stable where the difference of two large sums is not. Processes may hold different numbers of rows.

    Args:
        rows: (N, C), the rows of this process; N = 0 is not allowed.

    Returns:
        (C,). Differentiable with respect to `rows`, across processes too. A single row gives 0.
    """
    if world_size() == 1:
        return rows.var(dim=0, correction=0)
    variance, mean = torch.var_mean(rows, dim=0, correction=0)
    count = rows.new_full((1,), rows.shape[0])
    parts = torch.stack(_gather(torch.cat((count, mean, variance))))  # (P, 1 + 2C)
    counts, means, variances = parts.split((1, rows.shape[1], rows.shape[1]), dim=1)
    weights = counts / counts.sum()  # (P, 1)
    mean = (weights * means).sum(dim=0)
    return (weights * (variances + (means - mean) ** 2)).sum(dim=0)


def _gather(part: Tensor) -> list[Tensor]:
    if torch.is_grad_enabled() and part.requires_grad:
        from torch.distributed.nn.functional import all_gather  # passes gradients between processes

        return list(all_gather(part))
    parts = [torch.empty_like(part) for _ in range(world_size())]
    dist.all_gather(parts, part)
    return parts
