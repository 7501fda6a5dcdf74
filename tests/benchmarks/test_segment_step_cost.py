"""What SimAM² and modulation cost per training step of AVGA and PSP at the papers' widths, against the plain step.

Steps alternate within one run, as in `test_step_cost`. The plain step of AVGA is that of the same (sum) fusion.
"""

from __future__ import annotations

import os
import statistics
import time

import pytest
import torch

from mmlib.data.batch import Batch
from mmlib.experiments.building import attached_modulation
from mmlib.experiments.event_localization import Parameters
from mmlib.experiments.event_localization.model import build_model, modulated_groups
from mmlib.experiments.event_localization.task import Localisation
from mmlib.training.step import total_of

SHAPES = {"audio": (10, 128), "visual": (10, 7, 7, 512)}
CLASSES, BATCH = 29, 64
PUBLISHED = {"hidden": 128, "attention_width": 512, "head_width": 64, "learning_rate": 0.001, "fusion": "sum"}
VARIANTS = {
    "plain": {},
    "SimAM2 + decoupling-free": {"simam2": True, "zeta": "learned", "modulation": "decoupling_free"},
    "SimAM2": {"simam2": True},
    "OGM-GE": {"modulation": "ogm_ge"},
}


class Step:
    """Training steps on fixed inputs, with all that a run observes and modulates."""

    def __init__(self, network: str, variant: str) -> None:
        torch.manual_seed(0)
        parameters = Parameters.resolve({**PUBLISHED, "network": network, **VARIANTS[variant]})
        self.model = build_model(parameters, SHAPES, CLASSES).train()
        self.task = Localisation(self.model, parameters, CLASSES)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-3)
        groups = modulated_groups(parameters, self.model)
        options = {"tensors": "matrices", "apply_to": parameters.apply_to}
        self.modulation = attached_modulation(parameters, groups, self.optimizer, seed=0, **options)
        inputs = {name: torch.rand(BATCH, *shape) for name, shape in SHAPES.items()}
        self.batch = Batch(inputs, torch.randint(CLASSES, (BATCH, 10)), torch.arange(BATCH))

    def __call__(self) -> None:
        output = self.model(self.batch.inputs)
        self.modulation.observe(**self.task.observables(output, self.batch))
        total_of(self.task.losses(output, self.batch)).backward()
        self.optimizer.step()
        self.optimizer.zero_grad()

    def seconds(self) -> float:
        started = time.perf_counter()
        self()
        return time.perf_counter() - started


@pytest.mark.benchmark(group="training step of event localisation, CPU")
@pytest.mark.parametrize("variant", [name for name in VARIANTS if name != "plain"])
@pytest.mark.parametrize("network", ["avga", "psp"])
def test_step_cost_on_cpu(benchmark, hold, network, variant):
    rounds = int(os.environ.get("MMLIB_BENCHMARK_ROUNDS", 9))
    plain, ours = Step(network, "plain"), Step(network, variant)
    plain(), ours()  # warm up
    times: list[float] = []
    benchmark.pedantic(ours, setup=lambda: times.append(plain.seconds()), rounds=rounds, iterations=1)
    found = benchmark.stats.stats.data
    ratio = statistics.median(x / y for x, y in zip(found, times, strict=True))
    more = {"ratio_of_fastest": min(found) / min(times), "plain_ms": statistics.median(times) * 1e3, "batch": BATCH}
    hold("ratio to the plain step", ratio, 1.05, threads=torch.get_num_threads(), **more)
