"""One process or many: `torchrun --nproc-per-node=2 ...` is detected from its environment variables.

Statistics of batch normalisation are per replica (as with DistributedDataParallel everywhere): with them, two
processes are not one process on the same global batch. Everything else here is exact: each rank's mean loss is
weighted by its share of the global batch, modulations reduce their scores before they form ratios, and evaluation
gathers every sample once.
"""

from __future__ import annotations

import contextlib
import gc
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from mmlib.collectives import all_rows


@dataclass(frozen=True)
class Group:
    """This process among all; rank 0 writes."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0

    @property
    def first(self) -> bool:
        return self.rank == 0

    @property
    def many(self) -> bool:
        return self.size > 1


@contextlib.contextmanager
def process_group(device_type: str) -> Iterator[Group]:
    """The group torchrun describes (nccl on CUDA, gloo on the CPU), or the single process that runs without it."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield Group()
        return
    group = Group(int(os.environ["RANK"]), size, int(os.environ.get("LOCAL_RANK", os.environ["RANK"])))
    if device_type == "cuda":
        torch.cuda.set_device(group.local_rank)
    ours = not dist.is_initialized()
    if ours:
        dist.init_process_group("nccl" if device_type == "cuda" else "gloo", rank=group.rank, world_size=size)
    try:
        yield group
        dist.barrier()  # the first process writes longest; a group taken down under it can abort the others
    finally:
        if ours:
            gc.collect()  # replicas hold the group in reference cycles: let go of it before it is taken down
            dist.destroy_process_group()


def replicate(model: nn.Module, group: Group, device: torch.device) -> nn.Module:
    """The model itself, or its DistributedDataParallel wrapper when there are several processes.

    A model whose forward pass leaves parameters out at times says so with an attribute `may_leave_out = True`.
    """
    if not group.many:
        return model
    devices = [device.index] if device.type == "cuda" else None
    leaves_out = getattr(model, "may_leave_out", False)
    return DistributedDataParallel(model, device_ids=devices, find_unused_parameters=leaves_out)


def summed(values: Tensor, group: Group) -> Tensor:
    """Sum over all processes, in place."""
    if group.many:
        dist.all_reduce(values)
    return values


def states_of_all(state: dict[str, Any], group: Group) -> list[dict[str, Any]]:
    """A random state of each process, by rank. Collective."""
    if not group.many:
        return [state]
    states: list[Any] = [None] * group.size
    dist.all_gather_object(states, state)
    return states


def share_buffers(model: nn.Module, group: Group) -> None:
    """Give all replicas the first one's buffers (running statistics), so that all evaluate the same model."""
    if group.many:
        for buffer in model.buffers():
            dist.broadcast(buffer, src=0)


def gathered_rows(rows: Tensor, group: Group) -> Tensor:
    """Rows (N_rank, ...) of all processes, one after another: (sum of N_rank, ...)."""
    return all_rows(rows)[0] if group.many else rows
