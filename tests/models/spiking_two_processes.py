"""Trains our SNN for a few steps as one process of `world` and counts its spikes; run by test_spiking_two_processes.py.

python spiking_two_processes.py RANK WORLD RENDEZVOUS_FILE OUTPUT
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
import torch.distributed as dist
from torch.nn.functional import cross_entropy
from torch.nn.parallel import DistributedDataParallel

from mmlib.models import Input, build_classifier
from mmlib.models.operations import ActivityMeter
from mmlib.modulation import build_modulation

INPUTS = {"visual": Input("frames", 1), "audio": Input("spectrogram", 1)}


def batch(step: int) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    generator = torch.Generator().manual_seed(step)
    audio = torch.randn(8, 1, 33, 32, generator=generator, dtype=torch.float64)
    visual = torch.randn(8, 1, 2, 16, 16, generator=generator, dtype=torch.float64)
    return {"audio": audio, "visual": visual}, torch.randint(4, (8,), generator=generator)


def train(rank: int, world: int) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    sizes = {"num_classes": 4, "inputs": INPUTS, "feature_channels": 8, "width": 4}
    model = build_classifier("small", fusion="sum", norm="group", neuron="lif", **sizes).double()  # no batch statistics
    wrapped = DistributedDataParallel(model) if world > 1 else model
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    modulation = build_modulation("ogm_ge", model.modality_parameters(), alpha=0.8, seed=3).attach(optimizer)
    for step in range(5):
        inputs, targets = batch(step)
        share = slice(rank, None, world)
        output = wrapped({name: value[share] for name, value in inputs.items()})
        modulation.observe(unimodal_logits=model.unimodal_logits(output), targets=targets[share])
        cross_entropy(output.logits, targets[share]).backward()
        optimizer.step()
        optimizer.zero_grad()
    share = slice(None) if world == 1 else (slice(3) if rank == 0 else slice(3, None))  # of unequal length
    with torch.no_grad(), ActivityMeter(model.encoders) as meter:
        model({name: value[share] for name, value in batch(9)[0].items()})
    found = dict(model.state_dict())
    for modality, activity in meter.activities().items():
        for name in ("rates", "operations", "macs"):
            found[f"{modality}.{name}"] = torch.from_numpy(getattr(activity, name))
        found[f"{modality}.rate"] = torch.tensor(activity.rate, dtype=torch.float64)
    return found


def main() -> None:
    rank, world = int(sys.argv[1]), int(sys.argv[2])
    rendezvous, output = sys.argv[3:]
    torch.set_num_threads(1)
    if world > 1:
        dist.init_process_group("gloo", init_method=Path(rendezvous).as_uri(), rank=rank, world_size=world)
    torch.save(train(rank, world), output)
    if world > 1:
        dist.destroy_process_group()


if __name__ == "__main__":
    main()
