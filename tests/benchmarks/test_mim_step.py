"""What purification and guidance cost per training step of MIM's network at the shapes of CMU-MOSI.

Bar: at most 1.6 times the same encoders and fusion without them. Six losses, and two sets of gradients from one graph;
plain and full steps alternate within one run.
"""

from __future__ import annotations

import pytest
import torch

from mmlib.data.batch import Batch
from mmlib.experiments.sentiment import Parameters
from mmlib.experiments.sentiment.building import build_model, build_step
from mmlib.experiments.sentiment.task import Sentiment
from mmlib.training.step import total_of

SHAPES = {"text": (50, 300), "audio": (50, 74), "visual": (50, 47)}
PUBLISHED = {"feature_channels": 80, "layers": 3, "dropout": 1.0, "padding": "published", "gate_bias": 3.0}
NOTHING = {"purification": False, "intra": 0.0, "inter": 0.0, "unimodal_weight": 0.0}
BAR = 1.6


class Steps:
    """Training steps on fixed inputs; the device is waited for outside of them."""

    def __init__(self, device: str, batch_size: int, count: int, **changes: object) -> None:
        torch.manual_seed(0)
        self.device, self.count = device, count
        parameters = Parameters.resolve({**PUBLISHED, **changes})
        self.model = build_model(parameters, SHAPES, {}, 1).to(device).train()
        self.task = Sentiment(self.model, parameters)
        self.update, _ = build_step(parameters, self.model, self.task.loss_names())
        inputs = {name: torch.randn(batch_size, *shape) for name, shape in SHAPES.items()}
        self.batch = Batch(inputs, torch.randn(batch_size), torch.arange(batch_size)).to(device)

    def step(self) -> None:
        self.update.zero_grad()
        losses = self.task.losses(self.model(self.batch.inputs), self.batch)
        self.update.take(losses, total_of(losses), None)

    def __call__(self) -> None:
        for _ in range(self.count):
            self.step()
        if self.device == "cuda":
            torch.cuda.synchronize()


def compare(alternate, device: str, batch_size: int, count: int, rounds: int) -> None:
    plain, full = Steps(device, batch_size, count, **NOTHING), Steps(device, batch_size, count)
    facts = {"batch": batch_size, "device": device}
    name = "ratio to the step without purification and guidance"
    alternate(name, plain, full, BAR, rounds=rounds, steps=count, **facts)


@pytest.mark.benchmark(group="training step, CPU")
def test_cost_of_mim_on_cpu(alternate):
    compare(alternate, "cpu", batch_size=16, count=2, rounds=9)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.benchmark(group="training step, GPU")
def test_cost_of_mim_on_gpu(alternate):
    compare(alternate, "cuda", batch_size=16, count=10, rounds=15)
