"""Two steps of MIM as one process of `world`, on this process's share of the batch; run by test_two_processes.py.

python two_processes.py RANK WORLD RENDEZVOUS_FILE OUTPUT GRANULARITY
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
import torch.distributed as dist

from mmlib.data.batch import Batch
from mmlib.experiments.sentiment import Parameters
from mmlib.experiments.sentiment.building import build_model, build_step
from mmlib.experiments.sentiment.task import Sentiment
from mmlib.training.distributed import Group
from mmlib.training.optimisation import Precision
from mmlib.training.step import total_of

SHAPES = {"text": (6, 4), "audio": (6, 3), "visual": (5, 3)}
SIZE = 7  # of the whole batch: shares of 4 and 3


def main(rank: int, world: int, rendezvous: str, output: str, granularity: str) -> None:
    if world > 1:
        dist.init_process_group("gloo", init_method=f"file://{rendezvous}", rank=rank, world_size=world)
    group = Group(rank=rank, size=world) if world > 1 else Group()
    torch.manual_seed(0)
    parameters = Parameters.resolve({
        "feature_channels": 8, "heads": 2, "dropout": 0.0, "granularity": granularity,
        "optimizer": "sgd", "learning_rate": 0.05,
    })  # fmt: skip
    model = build_model(parameters, SHAPES, {}, 1).double().train()
    task = Sentiment(model, parameters)
    step, _ = build_step(parameters, model, task.loss_names())
    step.bind(Precision("fp32", torch.device("cpu")), group)
    for _ in range(2):
        inputs = {name: torch.randn(SIZE, *shape, dtype=torch.float64) for name, shape in SHAPES.items()}
        noise = {name: torch.rand(SIZE, shape[0], dtype=torch.float64) for name, shape in SHAPES.items()}
        targets, mine = torch.randn(SIZE, dtype=torch.float64), slice(rank, SIZE, world)
        batch = Batch({name: x[mine] for name, x in inputs.items()}, targets[mine], torch.arange(SIZE)[mine], SIZE)
        step.zero_grad()
        losses = task.losses(model(batch.inputs, {name: u[mine] for name, u in noise.items()}), batch)
        step.take(losses, total_of(losses), len(batch) * world / SIZE if world > 1 else None)
    torch.save(model.state_dict(), Path(output) / f"{granularity}-{rank}-{world}.pt")
    if world > 1:
        dist.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:6])
