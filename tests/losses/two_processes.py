"""Writes the stale targets of a few batches as one process of `world`; run by test_two_processes.py.

python two_processes.py RANK WORLD RENDEZVOUS_FILE OUTPUT
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist

from mmlib.collectives import all_rows
from mmlib.losses.segment_similarity import Targets

SIZES = (5, 3, 7, 5)  # of the whole batches: parts of unequal length, a buffer that grows


def main() -> None:
    rank, world = int(sys.argv[1]), int(sys.argv[2])
    torch.set_num_threads(1)
    if world > 1:
        dist.init_process_group("gloo", init_method=Path(sys.argv[3]).as_uri(), rank=rank, world_size=world)
    generator = torch.Generator().manual_seed(0)
    targets = Targets("stale", background=3)
    found = {}
    for step, size in enumerate(SIZES):
        whole = torch.randint(4, (size, 6), generator=generator)
        part = whole[np.array_split(np.arange(size), world)[rank]]
        found[str(step)] = all_rows(targets(part))[0]
    torch.save(found | targets.state_dict(), sys.argv[4])
    if world > 1:
        dist.destroy_process_group()


if __name__ == "__main__":
    main()
