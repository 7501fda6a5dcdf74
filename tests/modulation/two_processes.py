"""Trains a few steps as one process of `world`, and saves the result; run by test_two_processes.py.

python two_processes.py RANK WORLD RENDEZVOUS_FILE OUTPUT
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
import torch.distributed as dist
from torch.nn.functional import cross_entropy
from torch.nn.parallel import DistributedDataParallel

from mmlib.collectives import batch_variance
from mmlib.fusion import SimAM2Options
from mmlib.losses.unimodal import unimodal_losses
from mmlib.models import Input, build_classifier
from mmlib.modulation import IEMF, MSLR, build_modulation

CASES = {
    "ogm": ("ogm", SimAM2Options()),
    "ogm_ge": ("ogm_ge", None),
    "decoupling_free": ("decoupling_free", SimAM2Options(zeta="learned", zeta_norm="layer")),
    "gradient_through_r": ("decoupling_free", SimAM2Options(zeta="learned", zeta_norm="none", r_grad="flow")),
}


THREE = {"sensor": Input("vector", 6), "motion": Input("sequence", 4), "text": Input("tokens", 20)}


def train_three(rank: int, world: int, fusion: str) -> dict[str, torch.Tensor]:
    """Three modalities with OGM-GE, heads with losses of their own, and a text that most samples drop."""
    torch.manual_seed(0)
    sizes = {"num_classes": 4, "feature_channels": 8, "unimodal_heads": "attached", "zeta_norm": "none"}
    model = build_classifier(inputs=THREE, fusion=fusion, **sizes).double()
    wrapped = DistributedDataParallel(model) if world > 1 else model
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    groups = model.modality_parameters()
    modulation = build_modulation("ogm_ge", groups, alpha=0.8, seed=3, tensors="matrices").attach(optimizer)
    for step in range(5):
        generator = torch.Generator().manual_seed(step)
        inputs = {
            "sensor": torch.randn(8, 6, generator=generator, dtype=torch.float64),
            "motion": torch.randn(8, 5, 4, generator=generator, dtype=torch.float64),
            "text": torch.randint(20, (8, 7), generator=generator),
        }
        targets = torch.randint(4, (8,), generator=generator)
        kept = torch.arange(8) == step  # so that one process keeps none
        share = slice(rank, None, world)
        output = wrapped({name: value[share] for name, value in inputs.items()}, keep={"text": kept[share]})
        modulation.observe(unimodal_logits=model.unimodal_logits(output), targets=targets[share], rows=None)
        own = unimodal_losses(output, targets[share], weight=0.5)
        (cross_entropy(output.logits, targets[share]) + sum(own.values())).backward()
        optimizer.step()
        optimizer.zero_grad()
    return model.state_dict() | {f"ratio.{name}": value for name, value in modulation.ratios.items()}


def train_iemf(rank: int, world: int, names: tuple[str, ...]) -> dict[str, torch.Tensor]:
    """IEMF on the fusion beside OGM-GE and MSLR on the encoders; some samples dropped a modality and do not count."""
    torch.manual_seed(0)
    sizes = {"num_classes": 4, "feature_channels": 8, "unimodal_heads": "attached"}
    model = build_classifier(inputs={name: THREE[name] for name in names}, fusion="concat", **sizes).double()
    wrapped = DistributedDataParallel(model) if world > 1 else model
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    groups = model.modality_parameters()
    modulations = [
        build_modulation("ogm_ge", groups, alpha=0.8, seed=3, tensors="matrices"),
        MSLR(model.modality_parameters(heads=True), factors={"sensor": 0.9, "motion": 1.1}),
        IEMF({"fusion": model.fusion.mixing_parameters()}, seed=3),
    ]
    for modulation in modulations:
        modulation.attach(optimizer)
    ratios = []
    for step in range(5):
        generator = torch.Generator().manual_seed(step)
        inputs = {
            "sensor": torch.randn(8, 6, generator=generator, dtype=torch.float64),
            "motion": torch.randn(8, 5, 4, generator=generator, dtype=torch.float64),
            "text": torch.randint(20, (8, 7), generator=generator),
        }
        targets = torch.randint(4, (8,), generator=generator)
        kept = torch.arange(8) >= 2 * step  # at step 4 none is left that counts
        share = slice(rank, None, world)
        output = wrapped({name: inputs[name][share] for name in names}, keep={"motion": kept[share]})
        seen = {"unimodal_logits": model.unimodal_logits(output), "head_logits": output.head_logits}
        for modulation in modulations:
            modulation.observe(**seen, fused_logits=output.logits, targets=targets[share], rows=kept[share])
        ratios.append(modulations[-1].ratios["iemf"])
        (
            cross_entropy(output.logits, targets[share]) + sum(unimodal_losses(output, targets[share]).values())
        ).backward()
        optimizer.step()
        optimizer.zero_grad()
    return model.state_dict() | {"iemf": torch.stack(ratios)}


def batch(step: int) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    generator = torch.Generator().manual_seed(step)
    audio = torch.randn(8, 1, 17, 16, generator=generator, dtype=torch.float64)
    visual = torch.randn(8, 1, 2, 12, 12, generator=generator, dtype=torch.float64)
    return {"audio": audio, "visual": visual}, torch.randint(4, (8,), generator=generator)


def train(rank: int, world: int, method: str, simam2: SimAM2Options | None) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    inputs = {"visual": Input("frames", 1), "audio": Input("spectrogram", 1)}
    sizes = {"num_classes": 4, "inputs": inputs, "feature_channels": 8, "width": 4, "norm": "group"}
    model = build_classifier("small", fusion="sum", simam2=simam2, **sizes).double()
    wrapped = DistributedDataParallel(model) if world > 1 else model
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    modulation = build_modulation(method, model.modality_parameters(), alpha=0.8, seed=3).attach(optimizer)
    for step in range(5):
        inputs, targets = batch(step)
        share = slice(rank, None, world)
        output = wrapped({name: value[share] for name, value in inputs.items()})
        scores = model.unimodal_logits(output)
        modulation.observe(unimodal_logits=scores, zeta=output.zeta, targets=targets[share])
        cross_entropy(output.logits, targets[share]).backward()
        optimizer.step()
        optimizer.zero_grad()
    return model.state_dict() | {f"ratio.{name}": value for name, value in modulation.ratios.items()}


def main() -> None:
    rank, world = int(sys.argv[1]), int(sys.argv[2])
    rendezvous, output = sys.argv[3:]
    torch.set_num_threads(1)
    if world > 1:
        dist.init_process_group("gloo", init_method=Path(rendezvous).as_uri(), rank=rank, world_size=world)
    results = {name: train(rank, world, *case) for name, case in CASES.items()}
    results |= {f"three_{fusion}": train_three(rank, world, fusion) for fusion in ("concat", "weighted_sum")}
    results |= {"iemf_two": train_iemf(rank, world, ("sensor", "motion"))}
    results |= {"iemf_three": train_iemf(rank, world, ("sensor", "motion", "text"))}
    rows = torch.rand(7, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    share = rows if world == 1 else (rows[:2] if rank == 0 else rows[2:])  # of unequal length
    results["batch_variance"] = {"variance": batch_variance(share)}
    torch.save(results, output)
    if world > 1:
        dist.destroy_process_group()


if __name__ == "__main__":
    main()
